"""Restart: every pod made before `.spec.restartAt` is evicted, a few at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from strategies import position, replicas
from strategies.model import EvictPod, Observed, Pod, ReplicaSet
from strategies.revisions import Roles

RECHECK = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Which pods to evict now, and whether all are new."""

    evictions: tuple[EvictPod, ...] = ()
    done: bool = False
    under_way: bool = False
    """Pods are being evicted: until they are seen to be gone, no others may be taken away."""
    requeue_after: timedelta | None = None


def plan_restart(seen: Observed, roles: Roles, now: datetime, sizes: Mapping[str, int]) -> Restart:
    """Stable first, then new, then older ones; one ReplicaSet at a time, and missing pods count.

    `sizes` are those that ReplicaSets, by name, get in the same pass.
    """
    at = seen.rollout.spec.restart_at
    if at is None or at == seen.rollout.status.restarted_at:
        return Restart()
    if at > now:
        return Restart(requeue_after=at - now)
    for each in (roles.stable, *((roles.new,) if not roles.promoted else ()), *roles.others):
        if each is None:
            continue
        old = [pod for pod in seen.pods if pod.pod_hash == each.pod_hash and pod.created < at]
        if not old:
            continue
        evictions = _evictions(seen, roles, each, old, sizes.get(each.name, 0))
        leaving = any(pod.deleting and pod.serves for pod in seen.pods)
        return Restart(evictions=evictions, under_way=bool(evictions) or leaving, requeue_after=RECHECK)
    return Restart(done=True)


def _evictions(
    seen: Observed, roles: Roles, each: ReplicaSet, old: list[Pod], size: int
) -> tuple[EvictPod, ...]:
    """Pods that serve nobody all at once; of the others as many as may be unavailable."""
    idle = [pod for pod in old if not pod.serves and not pod.deleting]
    serving = sorted((pod for pod in old if pod.serves and not pod.deleting), key=lambda pod: pod.name)
    strategy = seen.rollout.spec.strategy.blue_green or position.canary(seen.rollout)
    total = replicas.wanted(seen.rollout)
    allowed = max(1, floor(replicas.share(strategy.max_unavailable, total)))
    count = max(0, allowed - _missing(seen, roles, each, size))
    return tuple(EvictPod(name=pod.name) for pod in (*idle, *serving[:count]))


def _missing(seen: Observed, roles: Roles, each: ReplicaSet, size: int) -> int:
    """How many pods are unavailable already: of the set, or of all where they share the requests."""
    strategy = seen.rollout.spec.strategy
    shared = strategy.blue_green is None and position.canary(seen.rollout).traffic_routing is None
    sets = roles.all if shared else (each,)
    # Of a set that grows now, the pods that it does not have yet are missing.
    wanted = replicas.wanted(seen.rollout) if shared else max(each.desired, size)
    hashes = {one.pod_hash for one in sets}
    leaving = sum(pod.deleting and pod.serves for pod in seen.pods if pod.pod_hash in hashes)
    return max(0, wanted - sum(min(one.desired, one.available) for one in sets)) + leaving
