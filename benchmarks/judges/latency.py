"""The workloads about latency: four without a difference, four with one.

Latencies are lognormal with a median of 100 ms and a 99th percentile of 404 ms, counted in the default
buckets of Prometheus' client libraries.
"""

import math
from statistics import NormalDist

import numpy as np

from benchmarks.judges.looks import Floats, Looks, Rng, Workload

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LOOKS, SIGMA, MEDIAN = 60, 0.6, 0.1
_SLOWER = NormalDist()


def _shares(medians: Floats, tail: float) -> Floats:
    """The share of requests in each bucket, look by look; the tail is a second slower than the rest."""

    def below(seconds: float, median: float) -> float:
        return _SLOWER.cdf(math.log(seconds / median) / SIGMA) if seconds > 0 else 0.0

    cumulative = np.array(
        [
            [(1 - tail) * below(edge, median) + tail * below(edge - 1, median) for edge in EDGES] + [1.0]
            for median in medians
        ]
    )
    return np.diff(cumulative, axis=1, prepend=0.0)


def _draw(
    rng: Rng, runs: int, *, rps: float = 50, factor: object = 1.0, drift: object = 1.0, tail: float = 0.0
) -> Looks:
    stable = np.broadcast_to(MEDIAN * np.asarray(drift, dtype=float), (LOOKS,))
    canary = stable * np.broadcast_to(factor, (LOOKS,))
    arms = []
    for weight, medians, slow in ((0.1, canary, tail), (0.9, stable, 0.0)):
        count = rng.poisson(rps * 60 * weight, (runs, LOOKS))
        within = rng.multinomial(count, _shares(medians, slow)[None, :, :])
        slower = count[..., None] - np.cumsum(within, axis=-1)[..., :-1]
        arms.append((count.astype(float), slower.astype(float)))
    (canary_n, canary_slow), (stable_n, stable_slow) = arms
    return Looks(
        canary=canary_n,
        canary_bad=canary_slow,
        reference=stable_n,
        reference_bad=stable_slow,
        extra=np.full((runs, LOOKS), tail),
        missing=np.zeros((runs, LOOKS), dtype=bool),
        edges=EDGES,
    )


_rows = (
    ("L1", "50 rps", False, _draw),
    ("L2", "1 rps", False, lambda r, n: _draw(r, n, rps=1)),
    (
        "L3",
        "the median of both drifts to twice",
        False,
        lambda r, n: _draw(r, n, drift=np.linspace(1, 2, 60)),
    ),
    (
        "L4",
        "3 times as slow for the 2 minutes of warm-up",
        False,
        lambda r, n: _draw(r, n, factor=np.where(np.arange(60) < 2, 3.0, 1.0)),
    ),
    ("M1", "3% of requests a second slower", True, lambda r, n: _draw(r, n, tail=0.03)),
    ("M2", "the median 20% slower", True, lambda r, n: _draw(r, n, factor=1.2)),
    ("M3", "the median 5% slower", True, lambda r, n: _draw(r, n, factor=1.05)),
    ("M4", "3% a second slower, 1 rps", True, lambda r, n: _draw(r, n, tail=0.03, rps=1)),
)
WORKLOADS = tuple(Workload(name=a, title=b, harmful=c, draw=d) for a, b, c, d in _rows)


def quantile(counts: Floats, slower: Floats, q: float) -> Floats:
    """As `histogram_quantile` of PromQL has it: by interpolation within a bucket; NaN without requests."""
    cumulative = counts[..., None] - slower
    rank = q * counts
    place = (cumulative < rank[..., None]).sum(axis=-1)
    edges = np.array([0.0, *EDGES])
    inside = np.minimum(place, len(EDGES) - 1)
    upper = np.take_along_axis(cumulative, inside[..., None], axis=-1)[..., 0]
    lower = np.where(
        inside > 0, np.take_along_axis(cumulative, np.maximum(inside - 1, 0)[..., None], axis=-1)[..., 0], 0.0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip((rank - lower) / (upper - lower), 0, 1)
    value = edges[inside] + part * (edges[inside + 1] - edges[inside])
    value = np.where(place >= len(EDGES), EDGES[-1], value)
    return np.where(counts > 0, value, np.nan)
