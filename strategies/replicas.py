"""How many pods each ReplicaSet of a canary should have now.

Without traffic routing the split of pods is the split of traffic, and maxSurge and maxUnavailable bound
every pass. With traffic routing the pods follow the weight, and no set is made smaller than the weight it was
seen to carry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from rollouts.api.meta import IntOrString
from rollouts.api.rollout import Rollout
from strategies import position
from strategies.model import Observed, ReplicaSet
from strategies.revisions import Roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many pods there may be and must be."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """Pods of all ReplicaSets together, at most."""
        return self.replicas + self.surge

    @property
    def least(self) -> int:
        """Available pods of all ReplicaSets together, at least."""
        return max(0, self.replicas - self.unavailable)


def wanted(rollout: Rollout) -> int:
    """`.spec.replicas`, 1 by default."""
    return 1 if rollout.spec.replicas is None else rollout.spec.replicas


def bounds(rollout: Rollout) -> Bounds:
    """Read maxSurge, rounded up, and maxUnavailable, rounded down; 25 % each by default.

    If rounding leaves nothing to move with, one pod may be unavailable.
    """
    strategy = position.canary(rollout)
    total = wanted(rollout)
    surge = ceil(share(strategy.max_surge, total))
    unavailable = min(total, floor(share(strategy.max_unavailable, total)))
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(replicas=total, surge=surge, unavailable=unavailable)


def share(value: IntOrString | None, total: int, default: IntOrString = "25%") -> Fraction:
    """A count, or a percentage of `total`; text without a per cent sign is a percentage too, as upstream."""
    chosen = default if value is None else value
    if isinstance(chosen, int):
        return Fraction(chosen)
    return Fraction(int(chosen.removesuffix("%")) * total, 100)


def split(replicas: int, weight: int, surge: int, total_weight: int = 100) -> tuple[int, int]:
    """The whole numbers of canary and stable pods that come closest to `weight`.

    They sum to `replicas`, or to one more if that is closer and there may be a surge. Between equals the
    canary gets more. A weight between none and all leaves each side a pod, if there is more than one.
    """
    if weight <= 0 or replicas == 0:
        return 0, replicas
    if weight >= total_weight:
        return replicas, 0
    totals = (replicas, replicas + 1) if surge > 0 else (replicas,)
    room = 1 if totals[-1] > 1 else 0
    options = [
        (abs(Fraction(canary * total_weight, total) - weight), total, -canary)
        for total in totals
        for canary in range(room, total - room + 1)
    ]
    _, total, canary = min(options)
    return -canary, total + canary


def basic(
    limits: Bounds,
    want: tuple[int, int],
    new: ReplicaSet | None,
    stable: ReplicaSet | None,
    others: Iterable[ReplicaSet] = (),
) -> dict[str, int]:
    """Sizes by name that go towards `want`, the canary and the stable count, within the bounds.

    Up first, stable before canary. Sets of older versions go first on the way down. Then only the side that
    shrinks is made smaller, and its pods that serve nobody count as if they did: else a version that never
    becomes available could not be taken away.
    """
    old = [each for each in others if each.desired > 0]
    sizes = {each.name: each.desired for each in (*old, stable, new) if each is not None}
    room = limits.most - sum(sizes.values())
    for each, goal in ((stable, want[1]), (new, want[0])):
        grown = max(0, min(goal - each.desired, room)) if each is not None else 0
        if each is not None and grown:
            sizes[each.name] += grown
            room -= grown
    if old:
        # Pods beyond the goal that serve nobody would keep those from growing that are to take over.
        idle = {
            each.name: max(goal, min(each.desired, each.available))
            for each, goal in ((stable, want[1]), (new, want[0]))
            if each is not None and each.desired > goal
        }
        return sizes | idle | drained(limits, old, [each for each in (new, stable) if each is not None])
    growing = new is None or want[0] >= new.desired
    shrinks, keeps = ((stable, want[1]), (new, want[0])) if growing else ((new, want[0]), (stable, want[1]))
    return sizes | _shrunk(limits, shrinks, keeps, sizes)


def drained(limits: Bounds, old: list[ReplicaSet], rest: list[ReplicaSet]) -> dict[str, int]:
    """Sizes of older sets on their way to nothing: unavailable pods at once, others as the bounds allow."""
    standing = {each.name: min(each.desired, each.available) for each in (*old, *rest)}
    spare = max(0, sum(standing.values()) - limits.least)
    sizes = {}
    for each in reversed(old):  # they come newest first, and the oldest goes first
        gone = min(spare, standing[each.name])
        spare -= gone
        sizes[each.name] = standing[each.name] - gone
    return sizes


def _shrunk(
    limits: Bounds,
    shrinks: tuple[ReplicaSet | None, int],
    keeps: tuple[ReplicaSet | None, int],
    sizes: Mapping[str, int],
) -> dict[str, int]:
    """The shrinking side as small as availability allows; above the most allowed, the other side helps."""
    (side, goal), (other, other_goal) = shrinks, keeps
    if side is None or (side.desired <= goal and other is None):
        return {}
    firm = min(other.desired, other.available) if other is not None else 0
    spare = max(0, side.desired + firm - limits.least)
    smaller = {side.name: max(goal, side.desired - spare) if side.desired > goal else sizes[side.name]}
    if other is not None:
        # Pods that serve nobody go whatever the goal is: nothing else may, until they serve.
        over = max(0, smaller[side.name] + sizes[other.name] - limits.most)
        cut = min(over, max(0, smaller[side.name] - side.available))
        smaller[side.name] -= cut
        available = min(side.available, smaller[side.name]) + firm
        idle = other.desired - firm
        gone = max(idle, min(other.desired - other_goal, idle + available - limits.least))
        if over > cut and gone > 0:
            smaller[other.name] = sizes[other.name] - min(over - cut, gone)
    return smaller


def points_at(seen: Observed, new: ReplicaSet) -> bool:
    """Whether traffic for the canary reaches the new pods."""
    name = position.canary(seen.rollout).canary_service
    service = seen.services.get(name)
    return not name or (service is not None and service.pod_hash == new.pod_hash)


def idle(seen: Observed, new: ReplicaSet | None) -> bool:
    """Whether no pod of the new version can take requests."""
    return new is None or (new.available == 0 and wanted(seen.rollout) > 0)


def goes_back(seen: Observed, new: ReplicaSet | None) -> bool:
    """Whether stable takes back the canary's weight, whatever the steps ask for."""
    return new is None or idle(seen, new) or not points_at(seen, new)


def routed(seen: Observed, *, back: bool = False) -> tuple[int, int]:
    """Canary and stable pods with traffic routing, for the steps' weight and for the weight that was seen.

    `back` if the weight is to return to stable whatever the steps ask for: stable must be able to carry it.
    """
    rollout = seen.rollout
    strategy = position.canary(rollout)
    replicas, total = wanted(rollout), position.total_weight(rollout)
    asked = position.weight(rollout)

    scale = position.canary_scale(rollout)
    canary = _floored(rollout, max(_pods(replicas, asked, total), carrying(seen)))
    if scale is not None and scale.replicas is not None:
        canary = scale.replicas
    elif scale is not None and scale.weight is not None:
        canary = _floored(rollout, _pods(replicas, scale.weight, 100))
    if seen.canary_weight > 0:
        canary = max(1, canary) if replicas else canary
    if not strategy.dynamic_stable_scale:
        return canary, replicas
    # The stable side must carry what it carries now and what it will carry, whichever is more; a number of
    # pods that the canary was given without regard to any weight takes none from it, as upstream.
    if back or (scale is not None and scale.replicas is not None):
        return canary, replicas
    apart = 100 - scale.weight if scale is not None and scale.weight is not None else 0
    shares = (total - asked, total), (total - seen.canary_weight, total), (apart, 100)
    return canary, _floored(rollout, max(_pods(replicas, *share) for share in shares))


def carrying(seen: Observed) -> int:
    """The canary pods that the weight needs that was seen."""
    return _pods(wanted(seen.rollout), seen.canary_weight, position.total_weight(seen.rollout))


def enough(rollout: Rollout, count: int) -> int:
    """How many available canary pods stand for `count`: all, or what replicaProgressThreshold says."""
    threshold = position.canary(rollout).replica_progress_threshold
    if threshold is None or threshold.value < 0:
        return count
    if threshold.type == "Percent":
        return min(count, ceil(Fraction(count * threshold.value, 100)))
    return min(count, threshold.value)


def step_counts(seen: Observed) -> tuple[int, int]:
    """The canary and stable pods that the current step asks for, wherever the sizes stand by now."""
    rollout = seen.rollout
    if position.canary(rollout).traffic_routing is not None:
        return routed(seen)
    total = position.total_weight(rollout)
    return split(wanted(rollout), position.weight(rollout), bounds(rollout).surge, total)


def ready_for(seen: Observed, roles: Roles) -> bool:
    """Whether the canary has the available pods that the current step asks for."""
    count, _ = step_counts(seen)
    new = roles.new
    return new is not None and new.desired >= count and new.available >= enough(seen.rollout, count)


def reached(seen: Observed, roles: Roles) -> bool:
    """Whether the pods are as the current step asks: canary available, stable sized, older sets idle."""
    if roles.new is None or roles.stable is None or not ready_for(seen, roles):
        return False
    strategy = position.canary(seen.rollout)
    count, stable = step_counts(seen)
    if roles.new.desired != count:
        return False
    if not strategy.dynamic_stable_scale and roles.stable.desired != stable:
        return False
    return strategy.traffic_routing is not None or not any(each.available for each in roles.others)


def _pods(replicas: int, weight: int, total: int) -> int:
    return ceil(Fraction(replicas * max(0, weight), total))


def _floored(rollout: Rollout, count: int) -> int:
    """Apply minPodsPerReplicaSet: for a set that has pods at all, but never more than the rollout wants."""
    least = position.canary(rollout).min_pods_per_replica_set or 0
    return max(count, min(least, wanted(rollout))) if count else 0
