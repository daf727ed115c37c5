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
    """Stable first, then new, then older ones, and missing pods count; one ReplicaSet at a time.

    Where pods are the split of the requests, those of all ReplicaSets count as those of one.
    `sizes` are those that ReplicaSets, by name, get in the same pass.
    """
    at = seen.rollout.spec.restart_at
    if at is None or at == seen.rollout.status.restarted_at:
        return Restart()
    if at > now:
        return Restart(requeue_after=at - now)
    for sets in _in_turn(seen, roles):
        old = _before(seen, sets, at)
        if not old:
            continue
        evictions = _evictions(seen, sets, old, sizes)
        leaving = any(pod.deleting and pod.serves for pod in seen.pods)
        return Restart(evictions=evictions, under_way=bool(evictions) or leaving, requeue_after=RECHECK)
    return Restart(done=True)


def _shared(seen: Observed) -> bool:
    """Whether the pods of all ReplicaSets share the requests."""
    return seen.rollout.spec.strategy.blue_green is None and (
        position.canary(seen.rollout).traffic_routing is None
    )


def _in_turn(seen: Observed, roles: Roles) -> tuple[tuple[ReplicaSet, ...], ...]:
    """The ReplicaSets whose pods are restarted together, the most important first."""
    new = roles.new if not roles.promoted else None
    sets = tuple(each for each in (roles.stable, new, *roles.others) if each is not None)
    return (sets,) if _shared(seen) else tuple((each,) for each in sets)


def _before(seen: Observed, sets: tuple[ReplicaSet, ...], at: datetime) -> list[Pod]:
    """The pods of these sets that were made before a moment, set by set."""
    pods = sorted(seen.pods, key=lambda pod: pod.name)
    return [pod for each in sets for pod in pods if pod.pod_hash == each.pod_hash and pod.created < at]


def _evictions(
    seen: Observed, sets: tuple[ReplicaSet, ...], old: list[Pod], sizes: Mapping[str, int]
) -> tuple[EvictPod, ...]:
    """Pods that serve nobody all at once; of the others as many as may be unavailable."""
    idle = [pod for pod in old if not pod.serves and not pod.deleting]
    serving = [pod for pod in old if pod.serves and not pod.deleting]
    strategy = seen.rollout.spec.strategy.blue_green or position.canary(seen.rollout)
    total = replicas.wanted(seen.rollout)
    allowed = max(1, floor(replicas.share(strategy.max_unavailable, total)))
    count = max(0, allowed - _missing(seen, sets, sizes))
    return tuple(EvictPod(name=pod.name) for pod in (*idle, *serving[:count]))


def _missing(seen: Observed, sets: tuple[ReplicaSet, ...], sizes: Mapping[str, int]) -> int:
    """How many pods of these sets are unavailable already."""
    # Of a set that grows now, the pods that it does not have yet are missing.
    grown = sum(max(each.desired, sizes.get(each.name, 0)) for each in sets)
    wanted = replicas.wanted(seen.rollout) if _shared(seen) else grown
    hashes = {one.pod_hash for one in sets}
    leaving = sum(pod.deleting and pod.serves for pod in seen.pods if pod.pod_hash in hashes)
    return max(0, wanted - sum(min(one.desired, one.available) for one in sets)) + leaving
