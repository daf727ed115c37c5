"""The workloads about errors: nine without a difference, nine with one, and some more."""

import numpy as np

from benchmarks.judges.looks import Floats, Looks, Rng, Workload, requests

LOOKS = 60
_MINUTES = np.arange(LOOKS)
_WEIGHTS = np.repeat([0.05, 0.1, 0.2, 0.3, 0.45, 0.6], 10)


def _incidents(rng: Rng, runs: int, rate: float) -> Floats:
    """Two minutes of ten times the errors, on both sides, at one minute in twenty."""
    begins = rng.random((runs, LOOKS)) < 0.05
    begins[:, 1:] |= begins[:, :-1].copy()
    return np.where(begins, 10 * rate, rate)


def _clusters(rng: Rng, runs: int, pods: int = 1) -> Floats:
    """A factor for the rate of one pod in one minute, with a coefficient of variation of 0.5."""
    return rng.gamma(4, 1 / 4, (runs, LOOKS, pods)).mean(axis=-1)


def _bursts(rng: Rng, runs: int) -> Floats:
    """The traffic of numenta/NAB's elb_request_count_8c0756: of its first 286 five-minute counts the mean is
    69, the coefficient of variation 0.83, the correlation of neighbours 0.07, the median 56, the range 1 to
    335. A gamma distribution with that variation has these quantiles. Here at 50 requests a second.
    """
    return np.maximum(rng.gamma(1 / 0.83**2, 0.83**2, (runs, LOOKS)) * 50, 0.02)


def _outages(rng: Rng, runs: int) -> Floats:
    """Errors as in microsoft/cloud-monitoring-dataset's unavail-01: none at all in most minutes (an excerpt
    of eight hours has none), and now and then a burst of some minutes, on both sides alike.
    """
    rate = np.full((runs, LOOKS), 1e-6)
    for begin in range(LOOKS):
        struck = rng.random(runs) < 0.02
        rate[struck, begin : begin + 1 + int(rng.integers(5))] = 0.2
    return rate


def _clustered(rng: Rng, runs: int, pods: int, ratio: float = 1.0) -> Looks:
    """One canary pod whose errors are clustered, and so many stable ones; with none, stable is even."""
    both = requests(rng, runs, ratio=ratio, spread=_clusters(rng, runs))
    if not pods:
        return both
    rate = np.minimum(0.01 * _clusters(rng, runs, pods), 1)
    bad = rng.binomial(both.reference.astype(int), rate).astype(float)
    return Looks(
        canary=both.canary,
        canary_bad=both.canary_bad,
        reference=both.reference,
        reference_bad=bad,
        extra=both.extra,
        missing=both.missing,
    )


def _down(rng: Rng, runs: int, canary: int, stable: int) -> Looks:
    shape = (runs, 1)
    return Looks(
        canary=np.full(shape, float(canary)),
        canary_bad=np.full(shape, float(canary)),
        reference=np.full(shape, float(stable)),
        reference_bad=rng.binomial(stable, np.full(shape, 0.01)).astype(float),
        extra=np.full(shape, 0.99),
        missing=np.zeros(shape, dtype=bool),
    )


def _warm(minutes: int) -> Floats:
    return np.where(minutes > _MINUTES, 5.0, 1.0)


_drift = np.linspace(0.005, 0.02, LOOKS)
_leak = 1 + 3 * (_MINUTES + 1) / LOOKS

HEALTHY = (
    ("A1", "50 rps, 1% errors", requests),
    ("A2", "1 rps, 1% errors", lambda r, n: requests(r, n, rps=1)),
    ("A3", "50 rps, 0.01% errors", lambda r, n: requests(r, n, rate=1e-4)),
    (
        "A4",
        "errors drift 0.5 to 2%, traffic doubles",
        lambda r, n: requests(r, n, rate=_drift, rps=np.linspace(50, 100, LOOKS)),
    ),
    ("A5", "incidents that both share", lambda r, n: requests(r, n, rate=_incidents(r, n, 0.01))),
    ("A6", "the canary's errors come in clusters, CV 0.5", lambda r, n: _clustered(r, n, 0)),
    ("A7", "5 times the errors for the 2 minutes of warm-up", lambda r, n: requests(r, n, ratio=_warm(2))),
    ("A8", "a fifth of the scrapes fails", lambda r, n: requests(r, n, missing=0.2)),
    (
        "A9",
        "weights 5 to 60%, errors drift 1 to 2%",
        lambda r, n: requests(r, n, weight=_WEIGHTS, rate=np.linspace(0.01, 0.02, LOOKS)),
    ),
    ("A6p", "as A6, and nine stable pods of the same kind", lambda r, n: _clustered(r, n, 9)),
    ("A6b", "as A6, and all of stable is one such cluster", lambda r, n: _clustered(r, n, 1)),
    ("A7+", "5 times the errors for 4 minutes", lambda r, n: requests(r, n, ratio=_warm(4))),
    ("S1", "bursts of traffic as in NAB's ELB series", lambda r, n: requests(r, n, rps=_bursts(r, n))),
    ("S2", "errors as in Microsoft's unavail series", lambda r, n: requests(r, n, rate=_outages(r, n))),
)
HARMFUL = (
    ("B1", "1 to 2%, 50 rps", lambda r, n: requests(r, n, ratio=2)),
    ("B2", "1 to 1.5%, 50 rps", lambda r, n: requests(r, n, ratio=1.5)),
    ("B3", "1 to 5%, 50 rps", lambda r, n: requests(r, n, ratio=5)),
    ("B4", "0.01 to 0.1%, 50 rps", lambda r, n: requests(r, n, rate=1e-4, ratio=10)),
    ("B5", "1 to 10%, 1 rps", lambda r, n: requests(r, n, rps=1, ratio=10)),
    ("B6", "a leak, 1 to 4% over the hour", lambda r, n: requests(r, n, ratio=_leak)),
    ("B7", "1 to 2%, incidents", lambda r, n: requests(r, n, ratio=2, rate=_incidents(r, n, 0.01))),
    ("B8", "1 to 2%, clusters", lambda r, n: _clustered(r, n, 0, 2.0)),
    ("B9", "1 to 2%, weights 5 to 60%", lambda r, n: requests(r, n, ratio=2, weight=_WEIGHTS)),
    ("S1x2", "S1, twice the errors", lambda r, n: requests(r, n, ratio=2, rps=_bursts(r, n))),
)
WORKLOADS = tuple(
    Workload(name=name, title=title, harmful=harmful, draw=draw)
    for harmful, rows in ((False, HEALTHY), (True, HARMFUL))
    for name, title, draw in rows
)
FAST = (
    Workload(
        name="B3q",
        title="1 to 5%, a look every 15 s",
        harmful=True,
        draw=lambda r, n: requests(r, n, ratio=5, looks=240, seconds=15),
        seconds=15,
        warm_up=8,
    ),
    Workload(
        name="A1q",
        title="50 rps, 1%, a look every 15 s",
        harmful=False,
        draw=lambda r, n: requests(r, n, looks=240, seconds=15),
        seconds=15,
        warm_up=8,
    ),
)
DOWN = tuple(
    Workload(
        name=f"D{canary}:{stable}",
        title=f"down, {canary} requests beside {stable}",
        harmful=True,
        draw=lambda r, n, c=canary, s=stable: _down(r, n, c, s),
        warm_up=0,
    )
    for canary, stable in ((5, 45), (5, 20), (5, 5))
)
BASELINE = (
    Workload(
        name="C1",
        title="canary and baseline start with 5 times the errors for 4 minutes",
        harmful=False,
        draw=lambda r, n: requests(r, n, rate=0.01 * _warm(4), reference=0.1),
    ),
    Workload(
        name="C2",
        title="1 to 2%, canary and baseline 10% each",
        harmful=True,
        draw=lambda r, n: requests(r, n, ratio=2, reference=0.1),
    ),
)
BOUND = Workload(
    name="P2", title="exactly twice as bad", harmful=True, draw=lambda r, n: requests(r, n, ratio=2)
)
EDGE = Workload(
    name="E", title="exactly as bad as maxRatio", harmful=False, draw=lambda r, n: requests(r, n, ratio=1.1)
)
