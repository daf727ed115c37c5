"""The rule that every plan must keep, whichever strategy made it.

Raise capacity; see it available in a later pass; move traffic; see it moved in a later pass; lower capacity.
"""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil

from rollouts.api.baseline import service_name
from rollouts.api.canary import CanaryStrategy
from strategies import baseline, position, replicas, scaledown
from strategies.model import (
    Action,
    DeleteReplicaSet,
    DeleteService,
    Observed,
    ReplicaSet,
    ScaleReplicaSet,
    SetWeight,
    SwitchService,
)
from strategies.revisions import Roles, roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An action that would harm users, and why."""

    action: Action
    reason: str


def violations(seen: Observed, actions: tuple[Action, ...], now: datetime) -> tuple[Violation, ...]:
    """Every action that breaks the rule, judged by what was seen before any of them."""
    sorted_roles = roles(seen)
    found = ((action, _reason(seen, sorted_roles, action, now)) for action in actions)
    return tuple(Violation(action=action, reason=reason) for action, reason in found if reason)


def _reason(seen: Observed, sorted_roles: Roles, action: Action, now: datetime) -> str:
    match action:
        case SetWeight():
            return _weight(seen, sorted_roles, action)
        case SwitchService():
            return _switch(seen, sorted_roles, action)
        case DeleteService(name=name):
            return _kept(seen, name, 0)
        case DeleteReplicaSet(name=name) if any(each.name == name for each in sorted_roles.baselines):
            return _kept(seen, name, 0)
        case ScaleReplicaSet():
            if any(each.name == action.name for each in sorted_roles.baselines):
                return _kept(seen, action.name, action.replicas)
            each = next((each for each in sorted_roles.all if each.name == action.name), None)
            if each is None or action.replicas >= each.desired:
                return ""
            held = _held(seen, sorted_roles, each, now)
            return held or _shrink(seen, sorted_roles, each, action.replicas)
        case _:
            return ""


def _weight(seen: Observed, sorted_roles: Roles, action: SetWeight) -> str:
    """More weight goes only to a version whose pods are available and that its service selects."""
    if reason := _beside(seen, sorted_roles, action):
        return reason
    if action.canary <= seen.canary_weight:
        return ""
    new = sorted_roles.new
    if seen.rollout.status.abort:
        return "an aborted version must not gain weight"
    if new is None or (new.available == 0 and replicas.wanted(seen.rollout) > 0):
        return f"no pod of {seen.pod_hash} is available"
    service = seen.services.get(position.canary(seen.rollout).canary_service)
    if service is not None and service.pod_hash != new.pod_hash:
        return f"service {service.name} does not select {new.pod_hash} yet"
    return ""


def _beside(seen: Observed, sorted_roles: Roles, action: SetWeight) -> str:
    """A further destination gains only what the canary has, and only for baseline pods that are available."""
    if action.canary + sum(each.weight for each in action.additional) > action.total:
        return f"the shares are more than {action.total}"
    base = baseline.wanted(seen, sorted_roles)
    for each in action.additional:
        if each.weight <= (seen.weights.share_of(each.service) if seen.weights is not None else 0):
            continue
        if base is None or each.service != base.service:
            return f"nothing asks for a share of service {each.service}"
        if not base.alive:
            return f"no pod behind service {each.service} is available"
        if each.weight != action.canary:
            return f"service {each.service} must get what the canary gets, {action.canary}"
    return ""


def _kept(seen: Observed, name: str, count: int) -> str:
    """A baseline keeps its pods and its Service while it has a share."""
    share = seen.weights.share_of(service_name(seen.rollout.metadata.name)) if seen.weights is not None else 0
    needed = share and count == 0 and replicas.wanted(seen.rollout) > 0
    return f"{name} of the baseline carries {share} of the traffic" if needed else ""


def _switch(seen: Observed, sorted_roles: Roles, action: SwitchService) -> str:
    """A service that users reach goes only to a version with available pods."""
    blue_green = seen.rollout.spec.strategy.blue_green
    if blue_green is not None and action.name == blue_green.preview_service:
        return ""
    target = next((each for each in sorted_roles.all if each.pod_hash == action.pod_hash), None)
    if replicas.wanted(seen.rollout) > 0 and (target is None or target.available == 0):
        return f"no pod of {action.pod_hash} is available"
    return ""


def _held(seen: Observed, sorted_roles: Roles, each: ReplicaSet, now: datetime) -> str:
    """An old set keeps all its pods while a service selects it or its deadline has not passed."""
    if each not in sorted_roles.others:
        return ""
    if each.pod_hash in scaledown.serving(seen):
        return f"a service selects {each.pod_hash}"
    strategy = seen.rollout.spec.strategy.blue_green or position.canary(seen.rollout)
    if isinstance(strategy, CanaryStrategy) and strategy.traffic_routing is None:
        return ""  # pods are the split here, and there is no delay
    if sorted_roles.stable is not None and scaledown.reached(seen, each):
        return f"a service selects every version, and so {each.pod_hash}"
    waiting = [
        other
        for other in sorted_roles.others
        if other.desired and other.scale_down_deadline is not None and other.scale_down_deadline > now
    ]
    limit = strategy.scale_down_delay_revision_limit
    kept = waiting if limit is None else waiting[:limit]
    return f"{each.pod_hash} stays until {each.scale_down_deadline}" if each in kept else ""


def _shrink(seen: Observed, sorted_roles: Roles, each: ReplicaSet, count: int) -> str:
    """A set keeps the pods that traffic needs."""
    if each in sorted_roles.others:
        return ""
    wanted = replicas.wanted(seen.rollout)
    if seen.rollout.spec.strategy.blue_green is not None:
        needed = min(wanted, each.desired) if each.pod_hash in scaledown.serving(seen) else 0
        return f"users reach {each.pod_hash}" if count < needed else ""
    if position.canary(seen.rollout).traffic_routing is None or seen.weights is None:
        return ""
    if sorted_roles.promoted or sorted_roles.stable is None:
        return f"{each.pod_hash} is all there is" if count < wanted else ""
    carried = seen.weights.canary if each is sorted_roles.new else seen.weights.total - seen.weights.canary
    needed = ceil(Fraction(wanted * carried, seen.weights.total))
    if each is sorted_roles.new and position.canary_scale(seen.rollout) is not None:
        needed = min(1, needed)  # the user sized the canary apart from its weight
    return f"{each.pod_hash} carries {carried} of {seen.weights.total}" if count < needed else ""
