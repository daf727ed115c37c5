"""What `.spec.strategy.canary` must satisfy beyond its shape. The rules and the messages are upstream's."""

import re
from collections.abc import Iterator

from rollouts.api.baseline_rules import baseline_problems
from rollouts.api.canary import (
    AnalysisRunArgument,
    AntiAffinity,
    CanaryStep,
    CanaryStrategy,
    ReplicaProgressThreshold,
    RolloutAnalysis,
)
from rollouts.api.duration import MAX_SECONDS, parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.evidence_rules import evidence_problems
from rollouts.api.meta import IntOrString
from rollouts.api.paths import wrong
from rollouts.api.rollout import Rollout
from rollouts.api.router_rules import header_route_problems, mirror_route_problems, routing_problems

_PATH = ".spec.strategy.canary"
_STEP_MESSAGE = (
    "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"
)
_METADATA_FIELD = re.compile(r"metadata\.(name|namespace|uid|(labels|annotations)(\['[^']+'\])?)")


def int_or_percent(value: IntOrString) -> int:
    """The number in a count or a percentage. Text without `%` is a percentage too, as upstream reads it.

    Raises:
        ValueError: it is neither, or negative.
    """
    if isinstance(value, int):
        if value < 0:
            raise ValueError("must be at least 0")
        return value
    match = re.fullmatch(r"(\d+)%?", value)
    if match is None:
        raise ValueError("must be a number of pods such as 1, or a percentage such as 25%")
    return int(match[1])


def pause_seconds(duration: IntOrString | None) -> float:
    """The length of a pause; 0 without one.

    Raises:
        ValueError: the text is no number of seconds and no duration.
    """
    if duration is None:
        return 0
    if isinstance(duration, int):
        return duration
    if re.fullmatch(r"-?\d+", duration):
        return int(duration)
    return parse_duration(duration).total_seconds()


def canary_problems(rollout: Rollout, canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    """List what is wrong with the strategy and each of its steps."""
    yield from _surge_problems(canary)
    if canary.canary_service and canary.canary_service == canary.stable_service:
        message = (
            "This rollout uses the same service for the stable and canary services,"
            " but two different services are required."
        )
        yield wrong(f"{_PATH}.stableService", message, canary.stable_service)
    yield from routing_problems(canary)
    yield from _scale_problems(canary)
    yield from anti_affinity_problems(canary.anti_affinity, f"{_PATH}.antiAffinity")
    if canary.analysis is not None:
        yield from analysis_reference_problems(canary.analysis, f"{_PATH}.analysis")
        start = canary.analysis.starting_step
        if start is not None and start > len(canary.steps):
            message = f"must be the index of a step, at most {len(canary.steps)}"
            yield wrong(f"{_PATH}.analysis.startingStep", message, start)
    for index, step in enumerate(canary.steps):
        yield from _step_problems(canary, step, f"{_PATH}.steps[{index}]")
    yield from evidence_problems(canary)
    yield from baseline_problems(canary)


def anti_affinity_problems(asked: AntiAffinity | None, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with how the pods of two versions keep off each other."""
    if asked is None:
        return
    given = (
        asked.preferred_during_scheduling_ignored_during_execution,
        asked.required_during_scheduling_ignored_during_execution,
    )
    if given.count(None) != 1:
        message = "AntiAffinity must have exactly one strategy listed"
        yield wrong(path, message, 2 - given.count(None))


def _surge_problems(canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    numbers = {}
    for name, value in (("maxSurge", canary.max_surge), ("maxUnavailable", canary.max_unavailable)):
        try:
            numbers[name] = 25 if value is None else int_or_percent(value)
        except ValueError as error:
            yield wrong(f"{_PATH}.{name}", str(error), value)
    if numbers == {"maxSurge": 0, "maxUnavailable": 0}:
        message = "MaxSurge and MaxUnavailable both can not be zero; raise one of them"
        yield wrong(f"{_PATH}.maxSurge", message, canary.max_surge)


def _scale_problems(canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    delay = canary.scale_down_delay_seconds
    routed = canary.traffic_routing is not None
    if delay is not None and not routed:
        message = "Canary scaleDownDelaySeconds can only be used with traffic routing"
        yield wrong(f"{_PATH}.scaleDownDelaySeconds", message, delay)
    if canary.dynamic_stable_scale and not routed:
        message = "Canary dynamicStableScale can only be used with traffic routing"
        yield wrong(f"{_PATH}.dynamicStableScale", message, True)
    if canary.dynamic_stable_scale and routed and delay is not None:
        message = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds; remove one of them"
        yield wrong(f"{_PATH}.dynamicStableScale", message, True)
    if canary.replica_progress_threshold is not None:
        yield from _threshold_problems(canary.replica_progress_threshold)


def _threshold_problems(threshold: ReplicaProgressThreshold) -> Iterator[InvalidSpec]:
    path = f"{_PATH}.replicaProgressThreshold"
    if threshold.type not in ("Percent", "Pods"):
        yield wrong(f"{path}.type", "must be Percent or Pods", threshold.type)
    if threshold.value <= 0 or (threshold.type == "Percent" and threshold.value > 100):
        limit = "between 1 and 100" if threshold.type == "Percent" else "at least 1"
        yield wrong(f"{path}.value", f"must be {limit}", threshold.value)


def _step_problems(canary: CanaryStrategy, step: CanaryStep, path: str) -> Iterator[InvalidSpec]:
    given = [info.alias for name, info in CanaryStep.model_fields.items() if getattr(step, name) is not None]
    if len(given) != 1:
        yield InvalidSpec(path, f"{_STEP_MESSAGE}, got {', '.join(map(str, given)) or 'none'}", given)
    if step.set_weight is not None:
        total = (canary.traffic_routing and canary.traffic_routing.max_traffic_weight) or 100
        if not 0 <= step.set_weight <= total:
            message = f"SetWeight needs to be between 0 and {total}"
            yield wrong(f"{path}.setWeight", message, step.set_weight)
    if step.pause is not None:
        yield from _pause_problems(step.pause.duration, f"{path}.pause.duration")
    if step.set_canary_scale is not None:
        yield from _canary_scale_problems(canary, step, f"{path}.setCanaryScale")
    if step.analysis is not None:
        yield from analysis_reference_problems(step.analysis, f"{path}.analysis")
    if step.set_header_route is not None:
        yield from header_route_problems(canary, step.set_header_route, f"{path}.setHeaderRoute")
    if step.set_mirror_route is not None:
        yield from mirror_route_problems(canary, step.set_mirror_route, f"{path}.setMirrorRoute")


def _pause_problems(duration: IntOrString | None, path: str) -> Iterator[InvalidSpec]:
    try:
        seconds = pause_seconds(duration)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MAX_SECONDS:
        message = "Duration needs to be greater than 0; write it like 30, 30s, 5m or 1h"
        yield wrong(path, message, duration)


def _canary_scale_problems(canary: CanaryStrategy, step: CanaryStep, path: str) -> Iterator[InvalidSpec]:
    if canary.traffic_routing is None:
        message = "SetCanaryScale requires TrafficRouting to be set"
        yield InvalidSpec(f"{_PATH}.trafficRouting", message)
    scale = step.set_canary_scale
    if scale is None:
        return
    given = [scale.replicas is not None, scale.weight is not None, scale.match_traffic_weight]
    if sum(given) != 1:
        message = "SetCanaryScale must have exactly one of replicas, weight and matchTrafficWeight"
        yield InvalidSpec(path, f"{message}, got {sum(given)} of them", sum(given))


def analysis_reference_problems(analysis: RolloutAnalysis, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with the templates and arguments that a rollout names."""
    if not analysis.templates:
        yield InvalidSpec(f"{path}.templates", "must name at least one AnalysisTemplate, got none", [])
    for index, template in enumerate(analysis.templates):
        if not template.template_name:
            yield InvalidSpec(f"{path}.templates[{index}].templateName", "must name an AnalysisTemplate", "")
    for index, argument in enumerate(analysis.args):
        yield from _argument_problems(argument, f"{path}.args[{index}]")


def _argument_problems(argument: AnalysisRunArgument, path: str) -> Iterator[InvalidSpec]:
    source, at = argument.value_from, f"{path}.valueFrom"
    if (argument.value is None) == (source is None):
        yield wrong(path, "must have one of value and valueFrom", argument.name)
    if source is None:
        return
    hash_of, field = source.pod_template_hash_value, source.field_ref
    if (hash_of is None) == (field is None):
        yield wrong(at, "must have one of podTemplateHashValue and fieldRef", argument.name)
    if hash_of is not None and hash_of not in ("Stable", "Latest"):
        yield wrong(f"{at}.podTemplateHashValue", "must be Stable or Latest", hash_of)
    if field is None or not field.field_path.startswith("metadata"):
        return
    if not _METADATA_FIELD.fullmatch(field.field_path):
        message = "Analyses arguments must refer to valid object metadata supported by downwardAPI"
        yield wrong(f"{at}.fieldRef.fieldPath", message, field.field_path)
