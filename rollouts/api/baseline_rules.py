"""What `baseline` of a canary's analyses must satisfy beyond its shape."""

from collections.abc import Iterator

from rollouts.api.canary import AnalysisBaseline, CanaryStrategy
from rollouts.api.errors import InvalidSpec
from rollouts.api.gateway_plugin import NAME as GATEWAY_PLUGIN
from rollouts.api.paths import wrong

_PATH = ".spec.strategy.canary"
_TWO_SERVICES = ("ambassador", "apisix", "app_mesh", "nginx")
"""The routers that split requests between two Services and no more."""


def baseline_problems(canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    """List what is wrong with the baselines of the steps and of the background analysis."""
    for index, step in enumerate(canary.steps):
        if step.analysis is not None and step.analysis.baseline is not None:
            path = f"{_PATH}.steps[{index}].analysis.baseline"
            yield from _shape_problems(canary, step.analysis.baseline, path)
            yield from _share_problems(canary, path, index, index + 1)
    background = canary.analysis
    if background is None or background.baseline is None:
        return
    path, start = f"{_PATH}.analysis.baseline", background.starting_step or 0
    yield from _shape_problems(canary, background.baseline, path)
    yield from _share_problems(canary, path, start, len(canary.steps))
    if start >= len(canary.steps):
        message = "the analysis has no step at which its baseline could run; lower startingStep"
        yield wrong(f"{_PATH}.analysis.startingStep", message, start)


def _shape_problems(canary: CanaryStrategy, baseline: AnalysisBaseline, path: str) -> Iterator[InvalidSpec]:
    if (baseline.replicas is None) is not baseline.match_canary:
        given = "none" if baseline.replicas is None else "both"
        yield InvalidSpec(path, f"must have exactly one of replicas and matchCanary, got {given}", given)
    routing = canary.traffic_routing
    if routing is None:
        message = f"needs a share of the traffic: add trafficRouting with {GATEWAY_PLUGIN}, or remove it"
        yield InvalidSpec(path, message)
        return
    for name in _TWO_SERVICES:
        if getattr(routing, name) is not None:
            field = type(routing).model_fields[name].alias or name
            message = (
                f"{field} cannot send a share to a third Service; use the plugin {GATEWAY_PLUGIN}, or "
                "remove it"
            )
            yield InvalidSpec(path, message)


def _share_problems(canary: CanaryStrategy, path: str, start: int, end: int) -> Iterator[InvalidSpec]:
    """The canary's share must fit twice, from the step `start` and before the step `end`."""
    total = (canary.traffic_routing and canary.traffic_routing.max_traffic_weight) or 100
    weights = [(at, step.set_weight) for at, step in enumerate(canary.steps) if step.set_weight is not None]
    in_force = [each for each in weights if each[0] < start][-1:]
    for at, weight in (*in_force, *(each for each in weights if start <= each[0] < end)):
        if 2 * weight > total:
            message = (
                f"gets as much as the canary, and both do not fit into {total} at setWeight of steps[{at}]; "
                f"set at most {total // 2} there, or give a baseline to the analyses of earlier steps alone"
            )
            yield wrong(path, message, weight)
