"""The weight that the routers should carry now: towards the steps', never beyond what pods can serve."""

from rollouts.api.weights import Weights
from strategies import baseline, position, replicas
from strategies.model import Observed, ReplicaSet, SetWeight
from strategies.revisions import Roles


def plan_weight(seen: Observed, roles: Roles, *, halted: bool = False) -> tuple[SetWeight, ...]:
    """The action that corrects the routers, if one is needed and safe."""
    if position.canary(seen.rollout).traffic_routing is None:
        return ()
    total = position.total_weight(seen.rollout)
    if seen.weights is None:
        # No canary route yet: it comes into being with no traffic, and a later pass gives it some.
        return (SetWeight(canary=0, total=total),)
    goal = target(seen, roles, seen.weights, halted=halted)
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


def target(seen: Observed, roles: Roles, carried: Weights, *, halted: bool = False) -> int:
    """The canary's share now, given what the routers were seen to carry."""
    now = carried.canary
    if roles.stable is None:
        # What carries the weight keeps it: the set that it would go back to is gone. Pods serve once they are
        # ready, before they count as available.
        carriers = (each for each in roles.all if replicas.points_at(seen, each))
        return now if any(each.ready > 0 for each in carriers) else 0
    if roles.promoted:
        return _back(seen, roles.stable, now, 0) if _stable_service_moved(seen, roles.stable) else now
    if seen.rollout.status.abort or replicas.idle(seen, roles.new) or roles.new is None:
        return _back(seen, roles.stable, now, 0)
    if halted:
        return now
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


def _stable_service_moved(seen: Observed, stable: ReplicaSet) -> bool:
    """Whether traffic for stable reaches the stable pods; without a hash a service selects every version."""
    service = seen.services.get(position.canary(seen.rollout).stable_service)
    return service is None or service.pod_hash in {"", stable.pod_hash}
