"""When ReplicaSets that are no longer wanted lose their pods: who still needs them, and the delays."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.meta import format_time
from rollouts.api.rollout import Rollout
from strategies import position
from strategies.model import Action, AnnotateReplicaSet, Observed, ReplicaSet
from strategies.revisions import SCALE_DOWN_DEADLINE, Roles

DELAY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """What becomes of sets that are no longer wanted."""

    sizes: dict[str, int]
    annotations: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None


def serving(seen: Observed) -> frozenset[str]:
    """The hashes that users' requests may reach: by a service's selector or by a share of the weight."""
    return _selected(seen) - {""}


def reached(seen: Observed, each: ReplicaSet) -> bool:
    """Whether users' requests may find pods of a set: of every one with pods if a service has no hash yet.

    Such a service, as one that somebody deleted and made again, waits for all pods of a single version.
    """
    selected = _selected(seen)
    return each.pod_hash in selected or ("" in selected and each.available > 0)


def _selected(seen: Observed) -> frozenset[str]:
    """What the services that users reach select; an empty hash among them stands for every version."""
    strategy = seen.rollout.spec.strategy
    if strategy.blue_green is not None:
        names = [strategy.blue_green.active_service]
    else:
        names = [position.canary(seen.rollout).stable_service, position.canary(seen.rollout).canary_service]
    return frozenset(seen.services[name].pod_hash for name in names if name in seen.services)


def delay(rollout: Rollout) -> timedelta:
    """How long the version before stays after a promotion; 30 seconds by default."""
    strategy = rollout.spec.strategy.blue_green or position.canary(rollout)
    seconds = strategy.scale_down_delay_seconds
    return DELAY if seconds is None else timedelta(seconds=seconds)


def abort_delay(rollout: Rollout) -> timedelta | None:
    """How long an aborted version stays, 30 seconds by default; None keeps it (the user wrote 0)."""
    strategy = rollout.spec.strategy.blue_green or position.canary(rollout)
    seconds = strategy.abort_scale_down_delay_seconds
    if seconds == 0:
        return None
    return DELAY if seconds is None else timedelta(seconds=seconds)


def retire_others(seen: Observed, roles: Roles, now: datetime) -> Retirement:
    """Old versions: what served until the last promotion stays for the delay.

    So does every version of a blue/green, as upstream: nothing tells any more whether users had been switched
    to one that was superseded. A canary that was goes at once: its traffic was seen to be gone. A set that a
    service or a weight still needs keeps its pods whatever its deadline says.
    """
    strategy = seen.rollout.spec.strategy.blue_green or position.canary(seen.rollout)
    limit = strategy.scale_down_delay_revision_limit
    stays = roles.promoted or seen.rollout.spec.strategy.blue_green is not None
    sizes: dict[str, int] = {}
    annotations: list[Action] = []
    waits: list[timedelta] = []
    kept = 0
    for each in roles.others:
        if each.desired == 0 or reached(seen, each):
            continue
        if each.scale_down_deadline is None and stays and delay(seen.rollout) > timedelta():
            annotations.append(deadline(each, now + delay(seen.rollout)))
            continue
        left = each.scale_down_deadline - now if each.scale_down_deadline is not None else timedelta()
        if left > timedelta() and (limit is None or kept < limit):
            kept += 1
            waits.append(left)
            continue
        sizes[each.name] = 0
    return Retirement(sizes=sizes, annotations=tuple(annotations), requeue_after=min(waits, default=None))


def waiting(seen: Observed, roles: Roles, now: datetime) -> dict[str, timedelta]:
    """Old sets by name whose delay is not over, and how much of it is left; none where pods are the split."""
    strategy = seen.rollout.spec.strategy
    if strategy.blue_green is None and position.canary(seen.rollout).traffic_routing is None:
        return {}
    until = {each.name: each.scale_down_deadline for each in roles.others if each.desired}
    return {name: moment - now for name, moment in until.items() if moment is not None and moment > now}


def retire_aborted(seen: Observed, new: ReplicaSet, now: datetime) -> Retirement:
    """The aborted version, once nothing reaches it any more: gone after its delay."""
    after = abort_delay(seen.rollout)
    if new.desired == 0 or reached(seen, new) or after is None:
        return Retirement(sizes={new.name: new.desired})
    if seen.canary_weight > 0:
        return Retirement(sizes={new.name: new.desired})
    aborted_at, until = seen.rollout.status.aborted_at, new.scale_down_deadline
    if until is None or until < (aborted_at or now):  # that of an earlier abort says nothing about this
        return Retirement(sizes={new.name: new.desired}, annotations=(deadline(new, now + after),))
    left = until - now
    if left > timedelta():
        return Retirement(sizes={new.name: new.desired}, requeue_after=left)
    return Retirement(sizes={new.name: 0})


def deadline(each: ReplicaSet, moment: datetime | None) -> AnnotateReplicaSet:
    """Write the moment from which a set may lose its pods; None takes it away."""
    value = format_time(moment) if moment is not None else None
    return AnnotateReplicaSet(name=each.name, annotations={SCALE_DOWN_DEADLINE: value})


def wanted_again(*sets: ReplicaSet | None) -> tuple[Action, ...]:
    """Take the deadline off sets that are in use again."""
    return tuple(
        deadline(each, None) for each in sets if each is not None and each.scale_down_deadline is not None
    )
