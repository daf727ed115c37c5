"""Simulated requests: a steady rate into every entry, answered by pods that fail as their version does.

The counters appear as Envoy's do, so that metrics are read in virtual time just as in real time.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rollouts.api.meta import Object
from rollouts.embedded.shares import Backend, entries, ready_pods
from rollouts.kube.store import Store
from rollouts.kube.transport import Response

STATS = ("rollouts-system", "envoy", "admin")
"""Namespace, Service and port at which the counters are published."""

_LATENCIES = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Upper bounds of the histogram, in ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a version answers."""

    error_rate: float = 0.0
    """Share of answers that are 500."""
    latency_ms: float = 8.0


@dataclass(slots=True)
class _Counters:
    total: float = 0.0
    failed: float = 0.0
    unserved: float = 0.0
    """Requests that found no pod: 503."""
    latencies: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))


class Traffic:
    """Counts requests as virtual time goes by.

    Args:
        store: what the cluster holds. `catch_up` is to be called before it changes.
        per_second: the rate of requests into each entry.
        now: seconds of virtual time.
    """

    def __init__(self, store: Store, *, per_second: float = 50.0, now: Callable[[], float]) -> None:
        self.per_second = per_second
        self._behaviours: dict[str, Behaviour] = {}
        self._store = store
        self._now = now
        self._counted_to = 0.0
        self._unserved = 0.0
        self._counters: dict[Backend, _Counters] = {}

    @property
    def unserved(self) -> float:
        """Requests, since the beginning, that found no ready pod behind their backend."""
        self.catch_up()
        return self._unserved

    @unserved.setter
    def unserved(self, value: float) -> None:
        self.catch_up()
        self._unserved = value

    def behave(self, version: str, behaviour: Behaviour) -> None:
        """Let the pods of an image, or of a tag alone, answer otherwise from now on."""
        self.catch_up()
        self._behaviours[version] = behaviour

    def catch_up(self) -> None:
        """Let the requests arrive that came since the last time, all as things are still now."""
        seconds = self._now() - self._counted_to
        if seconds <= 0:
            return
        self._counted_to += seconds
        for entry in entries(self._store):
            for backend, part in entry.parts.items():
                if part > 0:
                    self._arrive(backend, part * self.per_second * seconds)

    def split(self, namespace: str, names: Mapping[str, str]) -> dict[str, int]:
        """Percentages of the requests into a namespace by what `names` calls their pod hash.

        Only entries that lead to one of these pods count; `unserved` is what finds no pod there.
        """
        sums: defaultdict[str, float] = defaultdict(float)
        for entry in entries(self._store):
            here: defaultdict[str, float] = defaultdict(float)
            for backend, part in entry.parts.items():
                pods = ready_pods(self._store, backend) if backend.namespace == namespace else ()
                for pod in pods:
                    here[names.get(_hash(pod), "other")] += part / len(pods)
                if not pods:
                    here["unserved"] += part
            if here.keys() & set(names.values()):
                for name, part in here.items():
                    sums[name] += part
        total = sum(sums.values())
        return {name: round(100 * part / total) for name, part in sorted(sums.items()) if part > 0}

    async def answer(self, path: str, query: Mapping[str, str]) -> Response:
        """The admin interface: `stats/prometheus`, whatever filter is asked for."""
        del query
        if path.strip("/") != "stats/prometheus":
            return Response(code=404, body="not simulated")
        return Response(code=200, body=self.stats(), headers={"content-type": "text/plain"})

    def stats(self) -> str:
        """The counters in Prometheus' text format."""
        self.catch_up()
        lines: list[str] = []
        for backend, counters in sorted(self._counters.items(), key=lambda item: str(item[0])):
            cluster = f"{backend.namespace}/{backend.service}/{backend.port}"
            label = f'envoy_cluster_name="{cluster}"'
            good = int(counters.total) - int(counters.failed) - int(counters.unserved)
            for digit, number in ((2, good), (5, int(counters.failed) + int(counters.unserved))):
                labels = f'envoy_response_code_class="{digit}",{label}'
                lines.append(f"envoy_cluster_upstream_rq_xx{{{labels}}} {number}")
            lines.append(f"envoy_cluster_upstream_rq_total{{{label}}} {int(counters.total)}")
            lines += _histogram(label, counters.latencies)
        return "\n".join(lines) + "\n"

    def _arrive(self, backend: Backend, requests: float) -> None:
        counters = self._counters.setdefault(backend, _Counters())
        counters.total += requests
        pods = ready_pods(self._store, backend)
        if not pods:
            counters.unserved += requests
            self._unserved += requests
        for pod in pods:
            behaviour = self._behaviour(pod)
            counters.failed += requests / len(pods) * behaviour.error_rate
            counters.latencies[behaviour.latency_ms] += requests / len(pods)

    def _behaviour(self, pod: Object) -> Behaviour:
        for container in pod["spec"]["containers"]:
            image = container["image"]
            known = self._behaviours.get(image) or self._behaviours.get(image.rpartition(":")[2])
            if known is not None:
                return known
        return Behaviour()


def _hash(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get("rollouts-pod-template-hash", ""))


def _histogram(label: str, latencies: Mapping[float, float]) -> list[str]:
    name = "envoy_cluster_upstream_rq_time"
    lines = []
    for bound in _LATENCIES:
        below = int(sum(number for latency, number in latencies.items() if latency <= bound))
        lines.append(f'{name}_bucket{{{label},le="{bound:g}"}} {below}')
    every = int(sum(latencies.values()))
    weighted = sum(latency * number for latency, number in latencies.items())
    return [
        *lines,
        f'{name}_bucket{{{label},le="+Inf"}} {every}',
        f"{name}_sum{{{label}}} {weighted:g}",
        f"{name}_count{{{label}}} {every}",
    ]
