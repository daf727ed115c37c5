"""Envoy's counters of one Service, and what happened between two looks at them. Pure."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analysis.providers.counts import INFINITY, Arm, Unusable, bound

_LINE = re.compile(r"^(envoy_cluster_upstream_rq_(?:xx|time_bucket))\{([^}]*)\}\s+(\S+)")
_LABEL = re.compile(r'([A-Za-z_]+)="((?:\\.|[^"\\])*)"')

_NAME = re.compile(r"[1-9]|le=([0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|\+Inf)")
_COUNT = re.compile(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")

Series = Mapping[str, float]
"""Counts by what they count: `2`, `5` for classes of answers, `le=25` for the buckets of the latency."""
Counters = Mapping[str, Series]
"""Series by Envoy cluster, `namespace/service/port`."""


def filter_expression(namespace: str, *services: str) -> str:
    """The statistics to ask Envoy for. Its filter sees raw names: upstream_rq_5xx, not rq_xx."""
    names = "|".join(map(re.escape, services))
    names = names if len(services) == 1 else f"({names})"
    return rf"^cluster\.{re.escape(namespace)}/{names}/\d+\.upstream_rq_(\dxx|time)$"


def read(text: str, namespace: str, service: str) -> Counters:
    """Read the Prometheus text format; what is not about the Service is passed over.

    Raises:
        Unusable: a counter is named twice, with who knows which value.
    """
    counters: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        labels = dict(_LABEL.findall(found[2]))
        cluster = labels.get("envoy_cluster_name", "")
        if not cluster.startswith(f"{namespace}/{service}/"):
            continue
        name = (
            labels.get("envoy_response_code_class", "")
            if found[1].endswith("_xx")
            else f"le={labels.get('le', '')}"
        )
        if _NAME.fullmatch(name) and _COUNT.fullmatch(found[3]):
            if name in counters.setdefault(cluster, {}):
                raise Unusable(f'Envoy names the counter "{name}" of cluster "{cluster}" twice')
            counters[cluster][name] = float(found[3])
    return counters


def between(before: Counters, after: Counters) -> Series:
    """What was counted from one look to the other, over all ports.

    Envoy forgets the counters of a cluster when the cluster is changed, and all of them when it is restarted.
    If any series of a cluster has gone back, the whole cluster has started anew, and all that it shows now
    counts: taking series one by one would hide errors behind a counter that has meanwhile overtaken its past.
    """
    total: dict[str, float] = {}
    for cluster, series in after.items():
        earlier = _filled(before.get(cluster, {}), series)
        if any(series.get(name, 0.0) < count for name, count in earlier.items()):
            earlier = {}
        for name, count in series.items():
            total[name] = total.get(name, 0.0) + count - earlier.get(name, 0.0)
    return total


def _bound(name: str) -> float:
    return float(name.removeprefix("le="))


def _buckets(names: Iterable[str]) -> list[str]:
    return sorted((name for name in names if name.startswith("le=")), key=_bound)


def _filled(packed: Series, now: Series) -> Series:
    """The counts with those buckets that `pack` left out: each holds as many as the one below it."""
    full = dict(packed)
    if not any(name.startswith("le=") for name in packed):
        return full
    below = 0.0
    for name in _buckets({*packed, *now}):
        below = full.setdefault(name, below)
    return full


def requests(series: Series) -> int:
    """How many requests were answered."""
    return round(sum(count for name, count in series.items() if not name.startswith("le=")))


def success_rate(series: Series) -> float | None:
    """The share of answers other than 5xx, or None without any."""
    total = requests(series)
    # One division and no subtraction after it, so that 1 error in 100 is 0.99 and not a little less.
    return None if total <= 0 else (total - series.get("5", 0.0)) / total


@dataclass(frozen=True, slots=True)
class _Bucket:
    bound: float
    count: float


def quantile(series: Series, q: float) -> float | None:
    """A latency quantile in ms, or None without requests.

    As Prometheus' histogram_quantile: linear within a bucket; beyond the last bound, the last bound.
    """
    buckets = [_Bucket(_bound(name), series[name]) for name in _buckets(series)]
    if not buckets or buckets[-1].count <= 0:
        return None
    rank = q * buckets[-1].count
    low = _Bucket(0.0, 0.0)
    for bucket in buckets:
        if bucket.count >= rank and bucket.count > low.count:
            if math.isinf(bucket.bound):
                return low.bound
            return low.bound + (bucket.bound - low.bound) * (rank - low.count) / (bucket.count - low.count)
        low = bucket
    return low.bound


def timed(series: Series) -> int:
    """How many requests the latency is known of."""
    return round(max((count for name, count in series.items() if name.startswith("le=")), default=0.0))


def arm(series: Series, *, latency: bool) -> Arm:
    """One side of a comparison: Envoy's bounds are in ms, those of an Arm in seconds."""
    if not latency:
        return Arm(requests=requests(series), errors=series.get("5", 0.0))
    buckets = {bound(name.removeprefix("le="), per_second=1000): series[name] for name in _buckets(series)}
    return Arm(requests=timed(series), buckets=buckets or {INFINITY: 0.0})


def pack(counters: Counters, *, latency: bool) -> str:
    """Write what one metric needs: into a measurement, where it outlives the controller.

    Envoy has 32 buckets, most of them equal to the one below; those are left out.
    """
    return json.dumps(_kept(counters, latency=latency), separators=(",", ":"))


def pack_all(arms: Mapping[str, Counters], *, latency: bool) -> str:
    """Write the counters of several sides."""
    kept = {name: _kept(counters, latency=latency) for name, counters in arms.items()}
    return json.dumps(kept, separators=(",", ":"))


def _kept(counters: Counters, *, latency: bool) -> Counters:
    return {cluster: _chosen(series, latency=latency) for cluster, series in counters.items()}


def _chosen(series: Series, *, latency: bool) -> Series:
    if not latency:
        return {name: count for name, count in series.items() if not name.startswith("le=")}
    kept: dict[str, float] = {}
    below = 0.0
    for name in _buckets(series):
        if series[name] != below or math.isinf(_bound(name)):
            kept[name] = below = series[name]
    return kept


def unpack(text: str) -> Counters | None:
    """Read what pack has written; None if it is something else."""
    try:
        return _counters(json.loads(text))
    except (ValueError, AttributeError, TypeError):
        return None


def unpack_all(text: str) -> Mapping[str, Counters] | None:
    """Read what pack_all has written; None if it is something else."""
    try:
        return {name: _counters(counters) for name, counters in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError):
        return None


def _counters(found: Mapping[str, Series]) -> Counters:
    return {
        cluster: {name: float(count) for name, count in series.items() if _NAME.fullmatch(name)}
        for cluster, series in found.items()
    }
