"""Prometheus metrics under the names that Argo Rollouts and Argo CD use.

What describes objects is read from the store at each scrape, so that nothing is left behind of objects that
are gone. Only what is really filled is offered.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric, UntypedMetricFamily
from prometheus_client.registry import Collector

from rollouts import __version__
from rollouts.api.meta import Object
from rollouts.api.rollout_status import RolloutDuration
from rollouts.controller.duration_metrics import Durations
from rollouts.controller.manager import Manager
from rollouts.controller.reconciler import Key
from rollouts.controller.run_metrics import run_metrics
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    APPLICATIONS,
    CLUSTER_ANALYSIS_TEMPLATES,
    ROLLOUTS,
    Resource,
)
from rollouts.kube.store import Store
from rollouts.kube.traffic import Traffic

_BUCKETS = (0.01, 0.15, 0.25, 0.5, 1.0)
"""Seconds; upstream's, so that dashboards fit."""
_PREFIX = {ROLLOUTS: "rollout", ANALYSIS_RUNS: "analysis_run", APPLICATIONS: "argocd_app"}
_OBJECT = ("namespace", "name")
_Event = tuple[str, str, str, str]
"""Namespace and name of the object, type and reason."""


class _Timings:
    """How long the passes over one kind took, and how many failed."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BUCKETS) + 1)
        self.seconds = 0.0
        self.errors = 0

    def add(self, seconds: float, *, failed: bool) -> None:
        place = next((at for at, limit in enumerate(_BUCKETS) if seconds <= limit), len(_BUCKETS))
        self.buckets[place] += 1
        self.seconds += seconds
        self.errors += failed

    def cumulative(self) -> list[tuple[str, float]]:
        names = [*(str(limit) for limit in _BUCKETS), "+Inf"]
        return [(name, float(sum(self.buckets[: at + 1]))) for at, name in enumerate(names)]


class Metrics:
    """Counts what the controllers do, and shows it with what the store holds."""

    def __init__(self, store: Store, traffic: Traffic | None = None) -> None:
        self.manager: Manager | None = None
        """Set once there is one; its queues are shown."""
        self._store = store
        self._traffic = traffic
        self._timings: dict[Resource, _Timings] = {}
        self._events: Counter[_Event] = Counter()
        self._durations = Durations()
        self._process = prometheus_client.ProcessCollector(registry=None)

    def render(self) -> bytes:
        """All metrics in the text format."""
        moment = self._moment()
        text = prometheus_client.generate_latest(moment)
        self._forget(moment)
        return text

    async def scrape(self) -> bytes:
        """The same, without holding up the passes: with thousands of objects it takes its time."""
        moment = self._moment()
        text = await asyncio.to_thread(prometheus_client.generate_latest, moment)
        self._forget(moment)
        return text

    def reconciled(self, resource: Resource, key: Key, seconds: float, error: BaseException | None) -> None:
        """Count a pass; an observer of the manager. By kind only: one series a name would grow for ever."""
        del key
        self._timings.setdefault(resource, _Timings()).add(seconds, failed=error is not None)

    def recorded(self, obj: Object, type: str, reason: str) -> None:
        """Count an event; an observer of the recorder."""
        metadata = obj["metadata"]
        self._events[metadata.get("namespace", ""), metadata["name"], type, reason] += 1

    def ended(self, record: RolloutDuration) -> None:
        """Count an update that ended; an observer of the rollouts."""
        self._durations.add(record)

    def _moment(self) -> "_Moment":
        return _Moment(
            counted=(
                *self._of_passes(),
                *self._of_requests(),
                *self._durations.families(),
                *self._process.collect(),
            ),
            objects={resource: self._store.all(resource) for resource in _PREFIX},
            templates=(
                *self._store.all(ANALYSIS_TEMPLATES),
                *self._store.all(CLUSTER_ANALYSIS_TEMPLATES),
            ),
            events=self._events.copy(),
        )

    def _forget(self, moment: "_Moment") -> None:
        """Count no more of what was gone at that moment."""
        for gone in [each for each in moment.events if each[:2] not in moment.names]:
            self._events.pop(gone, None)

    def _of_requests(self) -> Iterator[Metric]:
        """Upstream's name without its label `name`, by which upstream's memory grows for ever."""
        if self._traffic is None:
            return
        name = "controller_clientset_k8s_request_total"
        requests = _family_untyped(name, "Requests to the API server by their answer.")
        for (call, code), times in self._traffic.answers.items():
            labels = {"kind": call.plural, "verb": call.verb, "status_code": str(code)}
            requests.add_sample(name, labels, times)
        yield requests
        for direction, counts in (("sent", self._traffic.sent), ("received", self._traffic.received)):
            name = f"controller_clientset_k8s_{direction}_bytes_total"
            family = _family_untyped(name, f"Bytes of bodies {direction}.")
            for call, number in counts.items():
                family.add_sample(name, {"kind": call.plural, "verb": call.verb}, number)
            yield family

    def _of_passes(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("workqueue_depth", "Keys that wait for a pass.", labels=("name",))
        for resource, timings in self._timings.items():
            prefix = _PREFIX.get(resource, resource.kind.lower())
            family = HistogramMetricFamily(
                f"{prefix}_reconcile", f"Seconds of a pass over a {resource.kind}."
            )
            family.add_metric((), timings.cumulative(), timings.seconds)
            yield family
            errors = _family_untyped(f"{prefix}_reconcile_error", "Passes that failed.")
            errors.add_sample(f"{prefix}_reconcile_error", {}, timings.errors)
            yield errors
            if self.manager is not None:
                depth.add_metric((resource.plural,), self.manager.depth(resource))
        yield depth


@dataclass(frozen=True, kw_only=True)
class _Moment(Collector):
    """What there was at the time of a scrape. Objects never change, so that any thread may look at them."""

    counted: tuple[Metric, ...]
    objects: Mapping[Resource, tuple[Object, ...]]
    templates: tuple[Object, ...]
    events: Counter[_Event]

    @cached_property
    def names(self) -> frozenset[tuple[str, str]]:
        """Whatever there is, by namespace and name."""
        return frozenset(_names(obj) for each in self.objects.values() for obj in each)

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        yield _family(
            "argo_rollouts_controller_info", "Version of the controller.", ("version",), [((__version__,), 1)]
        )
        yield from self.counted
        yield from self._of_rollouts()
        yield from run_metrics(self.objects[ANALYSIS_RUNS], self.templates)
        yield self._of_applications()
        yield self._of_events()

    def _of_events(self) -> Metric:
        events = _family_untyped("rollout_events_total", "Events by object, type and reason.")
        for (namespace, name, type_, reason), times in sorted(self.events.items()):
            if (namespace, name) in self.names:
                labels = {"namespace": namespace, "name": name, "type": type_, "reason": reason}
                events.add_sample("rollout_events_total", labels, times)
        return events

    def _of_rollouts(self) -> Iterator[Metric]:
        rollouts = self.objects[ROLLOUTS]
        yield _family(
            "rollout_info",
            "A rollout, its strategy, router and phase.",
            (*_OBJECT, "strategy", "traffic_router", "phase"),
            [((*_names(obj), *_strategy(obj), _phase(obj)), 1) for obj in rollouts],
        )
        for what, read in (
            ("available", lambda obj: _status(obj, "availableReplicas")),
            ("unavailable", lambda obj: _status(obj, "replicas") - _status(obj, "availableReplicas")),
            ("desired", lambda obj: (obj.get("spec") or {}).get("replicas", 1)),
            ("updated", lambda obj: _status(obj, "updatedReplicas")),
        ):
            name = f"rollout_info_replicas_{what}"
            rows = [(_names(obj), read(obj)) for obj in rollouts]
            yield _family(name, f"Replicas that are {what}.", _OBJECT, rows)

    def _of_applications(self) -> Metric:
        labels = (*_OBJECT, "project", "dest_namespace", "sync_status", "health_status")
        rows = []
        for obj in self.objects[APPLICATIONS]:
            spec, status = obj.get("spec") or {}, obj.get("status") or {}
            rows.append(
                (
                    (
                        *_names(obj),
                        str(spec.get("project", "")),
                        str((spec.get("destination") or {}).get("namespace", "")),
                        str((status.get("sync") or {}).get("status", "Unknown")),
                        str((status.get("health") or {}).get("status", "Unknown")),
                    ),
                    1,
                )
            )
        return _family("argocd_app_info", "An application, its sync status and health.", labels, rows)


def _family(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _family_untyped(name: str, text: str) -> UntypedMetricFamily:
    """For counters whose upstream name the client library would change."""
    return UntypedMetricFamily(name, text)


def _names(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


_PHASES = {
    "NewReplicaSetAvailable": "Completed",
    "RolloutPaused": "Paused",
    "ReplicaSetCreateError": "Error",
    "ProgressDeadlineExceeded": "Timeout",
    "RolloutAborted": "Abort",
}
"""What upstream's metrics call a rollout, by the reason of its condition Progressing."""
_ROUTERS = {"nginx": "Nginx"}


def _phase(obj: Object) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    reasons = {each.get("type"): str(each.get("reason", "")) for each in conditions}
    if "InvalidSpec" in reasons:
        return "InvalidSpec"
    return _PHASES.get(reasons.get("Progressing", ""), "Progressing")


def _status(obj: Object, field: str) -> int:
    return int((obj.get("status") or {}).get(field, 0))


def _strategy(obj: Object) -> tuple[str, str]:
    """The strategy and the routers, from an object that may be invalid."""
    strategy = (obj.get("spec") or {}).get("strategy") or {}
    routing = (strategy.get("canary") or {}).get("trafficRouting") or {}
    routers = [name for name in routing if name not in ("managedRoutes", "maxTrafficWeight", "plugins")]
    routers = [*(_ROUTERS.get(name, name) for name in routers), *(routing.get("plugins") or ())]
    chosen = next((name for name in ("blueGreen", "canary") if name in strategy), "none")
    return chosen, ",".join(routers)
