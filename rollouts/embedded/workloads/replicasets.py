"""ReplicaSet: as many pods as asked for."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rollouts.api.meta import Object, parse_time
from rollouts.embedded.workloads import podview
from rollouts.embedded.workloads.adoption import claim, owners_or_suitors
from rollouts.embedded.workloads.cache import Cache, Key, key_of
from rollouts.embedded.workloads.loop import Loop
from rollouts.embedded.workloads.pods import Clock, pod_from
from rollouts.kube.resources import PODS, REPLICA_SETS

_BURST = 500
"""Pods made or deleted in one pass, as upstream."""

_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a pass does, and the status it then writes."""

    create: int
    delete: tuple[Object, ...]
    status: dict[str, Any]
    look_again: timedelta | None


def plan(replica_set: Object, pods: Sequence[Object], now: datetime) -> Plan:
    """Decide how many pods to make, or which to delete, from those the ReplicaSet owns."""
    spec = replica_set["spec"]
    wanted = int(spec.get("replicas", 1))
    if "deletionTimestamp" in replica_set["metadata"]:
        wanted = 0
    active = [pod for pod in pods if podview.is_active(pod)]
    surplus = max(0, len(active) - wanted)
    doomed = sorted(active, key=_deletion_order)[: min(surplus, _BURST)]
    waits = [podview.available_in(pod, _min_ready(spec), now) for pod in active]
    pending = [wait for wait in waits if wait]
    status = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(_carries(pod, spec["template"]) for pod in active),
        "readyReplicas": sum(wait is not None for wait in waits),
        "availableReplicas": sum(wait == timedelta() for wait in waits),
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
    return Plan(
        create=min(max(0, wanted - len(active)), _BURST),
        delete=tuple(doomed),
        status=status,
        look_again=min(pending, default=None),
    )


def _min_ready(spec: Object) -> timedelta:
    return timedelta(seconds=int(spec.get("minReadySeconds") or 0))


def _carries(pod: Object, template: Object) -> bool:
    labels = pod["metadata"].get("labels") or {}
    wanted = (template.get("metadata") or {}).get("labels") or {}
    return all(labels.get(name) == value for name, value in wanted.items())


def _deletion_order(pod: Object) -> tuple[Any, ...]:
    """What goes first: the least useful pod, then the cheapest, then the newest."""
    status = pod.get("status") or {}
    since = podview.ready_since(pod)
    created = parse_time(pod["metadata"]["creationTimestamp"])
    return (
        bool(pod["spec"].get("nodeName")),
        {"Pending": 0, "Running": 2}.get(status.get("phase", "Pending"), 1),
        since is not None,
        _cost(pod),
        -(since or datetime.max.replace(tzinfo=UTC)).timestamp(),
        -podview.restarts(pod),
        -created.timestamp(),
        pod["metadata"]["name"],
    )


def _cost(pod: Object) -> int:
    try:
        return int((pod["metadata"].get("annotations") or {}).get(_DELETION_COST, "0"))
    except ValueError:
        return 0


class ReplicaSets:
    """The shell: does what the plan says, then writes the status."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._made = itertools.count()
        watches = {REPLICA_SETS: lambda item: (key_of(item),), PODS: self._owners}
        self.loop = Loop(cache, watches, self._reconcile)

    async def _reconcile(self, key: Key) -> timedelta | None:
        replica_set = self._cache.get(REPLICA_SETS, key)
        if replica_set is None:
            return None
        pods = await claim(self._cache, PODS, replica_set, REPLICA_SETS)
        decided = plan(replica_set, pods, self._clock())
        for _ in range(decided.create):
            template = replica_set["spec"]["template"]
            await self._cache.create(PODS, pod_from(replica_set, REPLICA_SETS, template, next(self._made)))
        for pod in decided.delete:
            await self._cache.delete(PODS, pod)
        if decided.create or decided.delete:
            # The pods are known at once: the status of this very pass can count them.
            decided = plan(replica_set, self._cache.owned(PODS, replica_set), self._clock())
        await self._cache.write_status(REPLICA_SETS, replica_set, decided.status)
        return decided.look_again

    def _owners(self, pod: Object) -> Iterable[Key]:
        return owners_or_suitors(self._cache, REPLICA_SETS, pod)
