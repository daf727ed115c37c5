"""Deployment: one ReplicaSet for each template, the new one growing as the old ones shrink."""

import copy
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rollouts.api.meta import Object, format_time, parse_time
from rollouts.embedded.workloads import podview
from rollouts.embedded.workloads.adoption import claim, owners_or_suitors
from rollouts.embedded.workloads.cache import Cache, Key, key_of
from rollouts.embedded.workloads.loop import Loop
from rollouts.embedded.workloads.pods import Clock, owner_reference
from rollouts.kube.resources import DEPLOYMENTS, REPLICA_SETS

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a pass does, and the status it then writes."""

    create: Object | None = None
    """The ReplicaSet of a template that is new."""
    scale: Mapping[str, int] = field(default_factory=dict)
    """ReplicaSets by name, and the replicas each is to have."""
    revise: tuple[str, str] | None = None
    """A ReplicaSet of an older template that is used again, and its new revision."""
    delete: tuple[Object, ...] = ()
    revision: str
    status: dict[str, Any]
    look_again: timedelta | None = None


def plan(deployment: Object, replica_sets: Sequence[Object], now: datetime) -> Plan:
    """Decide the next move of a rolling update, from the ReplicaSets that the deployment owns."""
    spec = deployment["spec"]
    wanted = int(spec.get("replicas", 1))
    new = next((rs for rs in replica_sets if _same(rs["spec"]["template"], spec["template"])), None)
    old = [rs for rs in replica_sets if rs is not new]
    revision = _next_revision(new, old)
    status = _status(deployment, new, replica_sets, wanted, now)
    base: dict[str, Any] = {
        "status": status,
        "revision": revision,
        "look_again": _deadline(spec, status, now),
    }
    if spec.get("paused"):
        return Plan(**base)
    if new is None:
        first = 0 if old else wanted
        return Plan(create=_replica_set(deployment, revision, first), **base)
    stale = _revision(new) != int(revision)
    revise = (new["metadata"]["name"], revision) if stale else None
    recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
    scale = _recreate(new, old, wanted) if recreate else _roll(spec, new, old, wanted)
    return Plan(scale=scale, revise=revise, delete=_history(spec, old) if not scale else (), **base)


def _same(one: Object, other: Object) -> bool:
    return _without_hash(one) == _without_hash(other)


def _without_hash(template: Object) -> Object:
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    return {"labels": labels, "annotations": metadata.get("annotations") or {}, "spec": template["spec"]}


def _revision(rs: Object) -> int:
    return int((rs["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _next_revision(new: Object | None, old: Sequence[Object]) -> str:
    highest = max(map(_revision, old), default=0)
    if new is not None and _revision(new) > highest:
        return str(_revision(new))
    return str(highest + 1)


def _replica_set(deployment: Object, revision: str, replicas: int) -> Object:
    namespace, name = key_of(deployment)
    spec = deployment["spec"]
    text = json.dumps(_without_hash(spec["template"]), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    template = copy.deepcopy(spec["template"])
    labels = {**(template.get("metadata") or {}).get("labels", {}), HASH_LABEL: digest}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = copy.deepcopy(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{digest}",
            "namespace": namespace,
            "labels": labels,
            "annotations": {REVISION: revision},
            "ownerReferences": [owner_reference(deployment, DEPLOYMENTS)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": int(spec.get("minReadySeconds") or 0),
            "selector": selector,
            "template": template,
        },
    }


def _replicas(rs: Object) -> int:
    return int(rs["spec"].get("replicas", 1))


def _count(rs: Object, name: str) -> int:
    return int((rs.get("status") or {}).get(name) or 0)


def _total(replica_sets: Iterable[Object], name: str) -> int:
    return sum(_count(rs, name) for rs in replica_sets)


def _recreate(new: Object, old: Sequence[Object], wanted: int) -> dict[str, int]:
    busy = {rs["metadata"]["name"]: 0 for rs in old if _replicas(rs)}
    if busy:
        return busy
    if _total(old, "replicas") or _replicas(new) == wanted:
        return {}
    return {new["metadata"]["name"]: wanted}


def _roll(spec: Object, new: Object, old: Sequence[Object], wanted: int) -> dict[str, int]:
    """Grow within the surge, then shrink within what may be unavailable; the unhealthy go first."""
    surge, unavailable = _limits(spec, wanted)
    scale: dict[str, int] = {}
    total = sum(map(_replicas, [new, *old]))
    grown = min(wanted, _replicas(new) + max(0, wanted + surge - total))
    if _replicas(new) > wanted:
        grown = wanted
    if grown != _replicas(new):
        scale[new["metadata"]["name"]] = grown
    return scale | _shrink(old, total, wanted - unavailable, new)


def _shrink(old: Sequence[Object], total: int, at_least: int, new: Object) -> dict[str, int]:
    """First what is not available anyway, then available pods beyond those that must be there."""
    budget = max(0, total - at_least - max(0, _replicas(new) - _count(new, "availableReplicas")))
    left = {rs["metadata"]["name"]: _replicas(rs) for rs in old}
    available = {rs["metadata"]["name"]: min(_replicas(rs), _count(rs, "availableReplicas")) for rs in old}
    for name, running in available.items():
        cut = min(left[name] - running, budget)
        left[name] -= cut
        budget -= cut
    spare = min(budget, _total([new, *old], "availableReplicas") - at_least)
    for name, running in available.items():
        cut = min(running, max(0, spare))
        left[name] -= cut
        spare -= cut
    return {rs["metadata"]["name"]: n for rs in old if (n := left[rs["metadata"]["name"]]) != _replicas(rs)}


def _limits(spec: Object, wanted: int) -> tuple[int, int]:
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    surge = _absolute(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _absolute(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    return surge, unavailable if surge or unavailable else 1


def _absolute(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = total * int(value.removesuffix("%")) / 100
    return math.ceil(share) if up else math.floor(share)


def _history(spec: Object, old: Sequence[Object]) -> tuple[Object, ...]:
    limit = int(spec.get("revisionHistoryLimit", 10))
    idle = [rs for rs in old if not _replicas(rs) and not _count(rs, "replicas")]
    idle.sort(key=_revision)
    return tuple(idle[: max(0, len(idle) - limit)])


def _status(
    deployment: Object, new: Object | None, every: Sequence[Object], wanted: int, now: datetime
) -> dict[str, Any]:
    available = _total(every, "availableReplicas")
    status: dict[str, Any] = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": _total(every, "replicas"),
        "updatedReplicas": _count(new, "replicas") if new else 0,
        "readyReplicas": _total(every, "readyReplicas"),
        "availableReplicas": available,
        # As of all counts that the API leaves out at zero, a null says none; this one kubectl would show.
        "unavailableReplicas": max(0, wanted - available) or None,
    }
    status["conditions"] = [
        _available(deployment, available, wanted, now),
        _progressing(deployment, new, status, wanted, now),
    ]
    return status


def _available(deployment: Object, available: int, wanted: int, now: datetime) -> Object:
    _, unavailable = _limits(deployment["spec"], wanted)
    if available >= wanted - unavailable:
        why = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        return _condition(deployment, "Available", "True", why, now)
    why = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return _condition(deployment, "Available", "False", why, now)


def _progressing(
    deployment: Object, new: Object | None, status: Mapping[str, Any], wanted: int, now: datetime
) -> Object:
    name = new["metadata"]["name"] if new else ""
    if deployment["spec"].get("paused"):
        return _condition(
            deployment, "Progressing", "Unknown", ("DeploymentPaused", "Deployment is paused"), now
        )
    if (
        new is not None
        and status["updatedReplicas"] == status["replicas"] == status["availableReplicas"] == wanted
    ):
        message = f'ReplicaSet "{name}" has successfully progressed.'
        return _condition(deployment, "Progressing", "True", ("NewReplicaSetAvailable", message), now)
    message = f'ReplicaSet "{name}" is progressing.'
    seen = podview.condition(deployment, "Progressing")
    advanced = any(
        status[part] != (deployment.get("status") or {}).get(part, 0)
        for part in ("updatedReplicas", "readyReplicas", "availableReplicas", "observedGeneration")
    )
    limit = timedelta(seconds=int(deployment["spec"].get("progressDeadlineSeconds", 600)))
    if seen and not advanced and now - parse_time(seen["lastUpdateTime"]) >= limit:
        late = f'ReplicaSet "{name}" has timed out progressing.'
        return _condition(deployment, "Progressing", "False", ("ProgressDeadlineExceeded", late), now)
    made = _condition(deployment, "Progressing", "True", ("ReplicaSetUpdated", message), now)
    return {**made, "lastUpdateTime": format_time(now)} if advanced else made


def _condition(deployment: Object, type_: str, status: str, why: tuple[str, str], now: datetime) -> Object:
    reason, message = why
    seen = podview.condition(deployment, type_)
    at = format_time(now)
    unchanged = (seen.get("status"), seen.get("reason")) == (status, reason)
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": seen["lastUpdateTime"] if unchanged else at,
        "lastTransitionTime": seen["lastTransitionTime"] if seen.get("status") == status else at,
    }


def _deadline(spec: Object, status: Mapping[str, Any], now: datetime) -> timedelta | None:
    progressing = status["conditions"][1]
    if progressing["reason"] != "ReplicaSetUpdated":
        return None
    limit = timedelta(seconds=int(spec.get("progressDeadlineSeconds", 600)))
    return max(timedelta(seconds=1), parse_time(progressing["lastUpdateTime"]) + limit - now)


class Deployments:
    """The shell: does what the plan says, then writes the status."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        watches = {DEPLOYMENTS: lambda item: (key_of(item),), REPLICA_SETS: self._owners}
        self.loop = Loop(cache, watches, self._reconcile)

    async def _reconcile(self, key: Key) -> timedelta | None:
        deployment = self._cache.get(DEPLOYMENTS, key)
        if deployment is None or "deletionTimestamp" in deployment["metadata"]:
            return None
        children = await claim(self._cache, REPLICA_SETS, deployment, DEPLOYMENTS)
        decided = plan(deployment, children, self._clock())
        by_name = {rs["metadata"]["name"]: rs for rs in children}
        if decided.create is not None:
            await self._cache.create(REPLICA_SETS, decided.create)
        if decided.revise is not None:
            name, revision = decided.revise
            patch = {"metadata": {"annotations": {REVISION: revision}}}
            await self._cache.patch(REPLICA_SETS, by_name[name], patch)
        for name, replicas in decided.scale.items():
            await self._cache.patch(REPLICA_SETS, by_name[name], {"spec": {"replicas": replicas}})
        for rs in decided.delete:
            await self._cache.delete(REPLICA_SETS, rs)
        await self._cache.write_status(DEPLOYMENTS, deployment, decided.status)
        annotations = deployment["metadata"].get("annotations") or {}
        if annotations.get(REVISION) != decided.revision:
            current = self._cache.get(DEPLOYMENTS, key) or deployment
            patch = {"metadata": {"annotations": {REVISION: decided.revision}}}
            await self._cache.patch(DEPLOYMENTS, current, patch)
        return decided.look_again

    def _owners(self, rs: Object) -> Iterable[Key]:
        return owners_or_suitors(self._cache, DEPLOYMENTS, rs)
