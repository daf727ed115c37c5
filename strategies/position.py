"""Where a rollout stands in its canary steps, and what the steps ask for there."""

from collections.abc import Mapping

from pydantic import TypeAdapter

from rollouts.api.canary import CanaryStep, CanaryStrategy, SetCanaryScale
from rollouts.api.rollout import Rollout
from strategies.marshal import Style, marshal
from strategies.templates import canonical, name_of

_STEPS = TypeAdapter(tuple[CanaryStep, ...])


def canary(rollout: Rollout) -> CanaryStrategy:
    """The canary strategy; an empty one for a rollout that has none."""
    return rollout.spec.strategy.canary or CanaryStrategy()


def steps_hash(rollout: Rollout) -> str:
    """Name the list of steps, as upstream does; empty without a canary strategy."""
    strategy = rollout.spec.strategy.canary
    if strategy is None or rollout.spec.strategy.blue_green is not None:
        return ""
    listed = _STEPS.dump_json(strategy.steps, by_alias=True, exclude_unset=True)
    return name_of(listed, _go_steps)


def same_steps(rollout: Rollout, recorded: str) -> bool:
    """Whether `recorded` names the list of steps. An edit of the steps starts the update anew.

    It may be the name that this engine gave them before it named them as upstream does.
    """
    if recorded == steps_hash(rollout):
        return True
    listed = canary(rollout).steps
    if not listed or not recorded:
        return False
    return recorded == name_of(_STEPS.dump_json(listed, by_alias=True, exclude_defaults=True), canonical)


def _go_steps(value: object) -> bytes:
    """With the fields that only this engine knows, where they are used."""
    return marshal(value or None, "[]CanaryStep", Style(additive=True))


def current(rollout: Rollout) -> tuple[int, CanaryStep] | None:
    """The step that the rollout is at, with its index; None without steps and after the last."""
    listed = canary(rollout).steps
    index = rollout.status.current_step_index or 0
    return (index, listed[index]) if 0 <= index < len(listed) else None


def total_weight(rollout: Rollout) -> int:
    """The number that means all traffic."""
    routing = canary(rollout).traffic_routing
    return (routing.max_traffic_weight if routing is not None else None) or 100


def weight(rollout: Rollout) -> int:
    """The weight to reach: none once aborted, all on full promotion and after the last step, else the steps'.

    That is the last setWeight's, and none before the first.
    """
    if rollout.status.abort:
        return 0
    at = current(rollout)
    if at is None or rollout.status.promote_full:
        return total_weight(rollout)
    return weight_before(rollout, at[0] + 1)


def weight_before(rollout: Rollout, index: int) -> int:
    """The weight of the last setWeight before the step `index`; 0 if there is none."""
    earlier = (step.set_weight for step in reversed(canary(rollout).steps[:index]))
    return next((each for each in earlier if each is not None), 0)


def canary_scale(rollout: Rollout) -> SetCanaryScale | None:
    """The setCanaryScale in force: the last one, unless it says matchTrafficWeight."""
    at = current(rollout)
    if at is None or canary(rollout).traffic_routing is None:
        return None
    if rollout.status.promote_full or rollout.status.abort:
        return None
    earlier = (step.set_canary_scale for step in reversed(canary(rollout).steps[: at[0] + 1]))
    last = next((each for each in earlier if each is not None), None)
    return None if last is None or last.match_traffic_weight else last


def describe(step: CanaryStep) -> str:
    """A step in a few words, as events show it."""
    if step.set_weight is not None:
        return f"setWeight: {step.set_weight}"
    if step.pause is not None and step.pause.advance:
        return "pause until proven"
    if step.analysis is not None and step.analysis.advance:
        return "analysis until proven"
    if step.pause is not None:
        return "pause" if step.pause.duration is None else f"pause: {step.pause.duration}"
    if step.set_canary_scale is not None:
        scale = step.set_canary_scale
        if scale.weight is not None:
            return f"setCanaryScale{{weight: {scale.weight}}}"
        if scale.replicas is not None:
            return f"setCanaryScale{{replicas: {scale.replicas}}}"
        return "setCanaryScale{matchTrafficWeight: true}"
    return kind(step) or "invalid"


def kind(step: CanaryStep) -> str:
    """The name of the one field that is set; empty if none is."""
    return next((name for name in KINDS if getattr(step, KINDS[name]) is not None), "")


KINDS: Mapping[str, str] = {
    "setWeight": "set_weight",
    "pause": "pause",
    "setCanaryScale": "set_canary_scale",
    "analysis": "analysis",
    "setHeaderRoute": "set_header_route",
    "setMirrorRoute": "set_mirror_route",
    "experiment": "experiment",
    "plugin": "plugin",
}
