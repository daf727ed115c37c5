"""What status says of pods, selectors and traffic: copied from what was seen, never remembered."""

from rollouts.api.meta import LabelSelector
from rollouts.api.rollout_status import (
    BlueGreenStatus,
    CanaryStatus,
    RolloutStatus,
    TrafficWeights,
    WeightDestination,
)
from strategies import position
from strategies.conditions import find
from strategies.model import Observed, ReplicaSet
from strategies.revisions import Roles
from strategies.templates import HASH_LABEL


def counted(seen: Observed, roles: Roles, status: RolloutStatus) -> RolloutStatus:
    """The status with everything filled in that is copied from the cluster."""
    sets, selector = roles.all, selector_text(seen.rollout.spec.selector)
    status = _copied(seen, status)
    if seen.rollout.spec.strategy.blue_green is not None and status.blue_green.active_selector:
        active = status.blue_green.active_selector
        serving = tuple(each for each in sets if each.pod_hash == active)
        if serving:  # autoscaling and availability are of what users reach
            sets, selector = serving, ",".join(filter(None, (selector, f"{HASH_LABEL}={active}")))
    scaled = _scaled(seen, roles, sets)
    available = roles.new.available if roles.new is not None else 0
    # What was healthy and lost pods begins anew; while an update is under way the mark never falls.
    healthy = find(seen.rollout.status.conditions, "Healthy")
    mark = 0 if healthy is not None and healthy.status == "True" else status.progress_replicas
    return status.model_copy(
        update={
            "replicas": sum(each.current for each in roles.all),
            "updated_replicas": roles.new.current if roles.new is not None else 0,
            "ready_replicas": sum(each.ready for each in sets),
            "available_replicas": sum(each.available for each in sets),
            "hpa_replicas": sum(each.current for each in scaled),
            "selector": selector,
            "observed_generation": str(seen.rollout.metadata.generation),
            "workload_observed_generation": str(seen.workload.generation)
            if seen.workload is not None
            else "",
            "progress_replicas": max(mark, available),
        }
    )


def _scaled(seen: Observed, roles: Roles, sets: tuple[ReplicaSet, ...]) -> tuple[ReplicaSet, ...]:
    """What an autoscaler is told of: pods beside a stable version at full size would look like its doing."""
    strategy = position.canary(seen.rollout)
    if strategy.traffic_routing is None or strategy.dynamic_stable_scale or roles.stable is None:
        return sets
    return (roles.stable,)


def _copied(seen: Observed, status: RolloutStatus) -> RolloutStatus:
    blue_green = seen.rollout.spec.strategy.blue_green
    if blue_green is not None:
        inner = status.blue_green.model_copy(
            update={
                "active_selector": _selected(seen, blue_green.active_service),
                "preview_selector": _selected(seen, blue_green.preview_service),
            }
        )
        return status.model_copy(update={"blue_green": inner, "canary": CanaryStatus()})
    canary = status.canary.model_copy(update={"weights": _weights(seen)})
    return status.model_copy(update={"canary": canary, "blue_green": BlueGreenStatus()})


def _weights(seen: Observed) -> TrafficWeights | None:
    strategy = position.canary(seen.rollout)
    if strategy.traffic_routing is None or seen.weights is None:
        return None
    return TrafficWeights(
        canary=WeightDestination(
            weight=seen.weights.canary,
            service_name=strategy.canary_service,
            pod_template_hash=_selected(seen, strategy.canary_service),
        ),
        stable=WeightDestination(
            weight=seen.weights.stable,
            service_name=strategy.stable_service,
            pod_template_hash=_selected(seen, strategy.stable_service),
        ),
        additional=tuple(
            WeightDestination(
                weight=each.weight,
                service_name=each.service,
                pod_template_hash=_selected(seen, each.service),
            )
            for each in seen.weights.additional
        ),
        verified=seen.weights.verified,
    )


def _selected(seen: Observed, name: str) -> str:
    return seen.services[name].pod_hash if name in seen.services else ""


def selector_text(selector: LabelSelector | None) -> str:
    """A label selector as `kubectl -l` takes it."""
    if selector is None:
        return ""
    terms = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    for each in selector.match_expressions:
        match each.operator:
            case "In" | "NotIn":
                terms.append(f"{each.key} {each.operator.lower()} ({','.join(sorted(each.values))})")
            case "Exists":
                terms.append(each.key)
            case "DoesNotExist":
                terms.append(f"!{each.key}")
    return ",".join(terms)
