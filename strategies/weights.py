"""The weight that the routers should carry now: towards the steps', never beyond what pods can serve."""

from datetime import datetime, timedelta

from rollouts.api.weights import Weights
from strategies import baseline, position, replicas
from strategies.model import Observed, ReplicaSet, SetWeight
from strategies.revisions import Roles

COMING_UP = timedelta(seconds=30)
"""How long a new pod of stable is awaited beside minReadySeconds while nobody serves the canary's share."""


def plan_weight(
    seen: Observed, roles: Roles, now: datetime, *, halted: bool = False
) -> tuple[SetWeight, ...]:
    """The action that corrects the routers, if one is needed and safe."""
    if position.canary(seen.rollout).traffic_routing is None:
        return ()
    total = position.total_weight(seen.rollout)
    if seen.weights is None:
        # No canary route yet: it comes into being with no traffic, and a later pass gives it some. A first
        # deployment has nothing to send to either side.
        return () if roles.stable is None else (SetWeight(canary=0, total=total),)
    goal = target(seen, roles, seen.weights, now, halted=halted)
    # What is known not to be in force is written again: a write that failed halfway left the routes apart.
    settled = seen.weights.verified is not False
    beside = baseline.destinations(seen, roles, goal, halted=halted)
    same = (goal, total, beside) == (seen.weights.canary, seen.weights.total, seen.weights.additional)
    return () if settled and same else (SetWeight(canary=goal, total=total, additional=beside),)


def gets_traffic(seen: Observed, roles: Roles) -> bool:
    """Whether the new version was seen to get a share of the requests; by its pods where nothing routes."""
    new = roles.new
    if new is None or new.available == 0 or not replicas.points_at(seen, new):
        return False
    if position.canary(seen.rollout).traffic_routing is None:
        return True
    return seen.weights is not None and seen.weights.verified is not False and seen.weights.canary > 0


def awaited(seen: Observed, roles: Roles, now: datetime) -> timedelta | None:
    """How long a share that nobody serves may still be kept from stable while that grows; None if it may not.

    Only pods that may be there soon are worth the wait. Those that do not come up, cannot be made, or stopped
    to answer long after they started, may stay away for ever.
    """
    stable = roles.stable
    if not position.canary(seen.rollout).dynamic_stable_scale or stable is None:
        return None
    if seen.canary_weight == 0 or not _nobody_serves(seen, roles):
        return None
    pods = [pod for pod in seen.pods if pod.pod_hash == stable.pod_hash and not pod.deleting]
    longest = COMING_UP + timedelta(seconds=stable.min_ready_seconds)
    if len(pods) < replicas.wanted(seen.rollout) and not stable.failure:
        return longest
    ages = (now - pod.created for pod in pods if not pod.available)
    return max((longest - age for age in ages if timedelta() <= age < longest), default=None)


def target(seen: Observed, roles: Roles, carried: Weights, moment: datetime, *, halted: bool = False) -> int:
    """The canary's share at a moment, given what the routers were seen to carry."""
    now = carried.canary
    if roles.stable is None:
        # What carries the weight keeps it: the set that it would go back to is gone.
        return 0 if _nobody_serves(seen, roles) else now
    if roles.promoted:
        return _back(seen, roles.stable, now, 0) if _stable_service_moved(seen, roles.stable) else now
    if replicas.wanted(seen.rollout) and _nobody_serves(seen, roles) and roles.stable.available > 0:
        # More than stable's pods stand for is better than nobody.
        waits = awaited(seen, roles, moment) is not None
        return _back(seen, roles.stable, now, 0) if waits else 0
    if seen.rollout.status.abort or replicas.idle(seen, roles.new) or roles.new is None:
        return _back(seen, roles.stable, now, 0)
    if halted:
        # What is held gains nothing, and keeps nothing that a hand on the route gave it beyond its step.
        return _back(seen, roles.stable, now, position.weight(seen.rollout))
    if not replicas.points_at(seen, roles.new):
        return _back(seen, roles.stable, now, 0)
    return _towards(seen, roles, roles.new, now)


def _towards(seen: Observed, roles: Roles, new: ReplicaSet, now: int) -> int:
    """Forward when the pods are there; until then the weight stays as it is."""
    rollout = seen.rollout
    total, asked = position.total_weight(rollout), position.weight(rollout)
    if rollout.status.promote_full:
        if not position.canary(rollout).dynamic_stable_scale:
            return now  # the stable service itself will move to the new pods
        wanted = max(1, replicas.wanted(rollout))
        return max(now, min(total, total * new.available // wanted))
    if asked < now and roles.stable is not None:
        return _back(seen, roles.stable, now, asked)
    return asked if replicas.ready_for(seen, roles) and baseline.ready(seen, roles) else now


def _back(seen: Observed, stable: ReplicaSet, now: int, goal: int) -> int:
    """Towards stable as fast as its pods allow, and never forward.

    With dynamicStableScale the stable side has been made smaller, so it takes over only what its available
    pods stand for. Without, it was left at full size and takes all.
    """
    total, wanted = position.total_weight(seen.rollout), replicas.wanted(seen.rollout)
    if stable.available == 0 and wanted > 0:
        return now
    if wanted == 0 or not position.canary(seen.rollout).dynamic_stable_scale:
        return min(now, goal)
    least = max(goal, total - total * min(stable.available, wanted) // wanted)
    return min(now, least)


def _nobody_serves(seen: Observed, roles: Roles) -> bool:
    """Whether the canary's share reaches no pod; one serves once it is ready, before it is available."""
    service = seen.services.get(position.canary(seen.rollout).canary_service)
    of_all = service is not None and not service.pod_hash
    carriers = (each for each in roles.all if of_all or replicas.points_at(seen, each))
    return not any(each.ready > 0 for each in carriers)


def _stable_service_moved(seen: Observed, stable: ReplicaSet) -> bool:
    """Whether traffic for stable reaches the stable pods; without a hash a service selects every version."""
    service = seen.services.get(position.canary(seen.rollout).stable_service)
    return service is None or service.pod_hash in {"", stable.pod_hash}
