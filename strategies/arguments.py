"""The arguments that a rollout hands to its analysis: values, hashes, and paths into the rollout."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.canary import AnalysisRunArgument, RolloutAnalysis
from rollouts.api.errors import InvalidSpec
from rollouts.api.rollout import Rollout
from strategies.model import Observed

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")


def resolve(seen: Observed, analysis: RolloutAnalysis) -> dict[str, str]:
    """Each argument that has a value, by name.

    Raises:
        InvalidSpec: a field path leads nowhere, or to something that is no plain value.
    """
    return {each.name: value for each in analysis.args if (value := _value(seen, each)) is not None}


def problems(seen: Observed) -> tuple[str, ...]:
    """Why an argument of the rollout cannot be resolved; empty if all can."""
    found = []
    for analysis in _analyses(seen.rollout):
        try:
            resolve(seen, analysis)
        except InvalidSpec as error:
            found.append(str(error))
    return tuple(found)


def _analyses(rollout: Rollout) -> Iterator[RolloutAnalysis]:
    strategy = rollout.spec.strategy
    if strategy.canary is not None:
        candidates = [strategy.canary.analysis, *(step.analysis for step in strategy.canary.steps)]
        yield from (each for each in candidates if each is not None)
    if strategy.blue_green is not None:
        blue_green = (strategy.blue_green.pre_promotion_analysis, strategy.blue_green.post_promotion_analysis)
        yield from (each for each in blue_green if each is not None)


def _value(seen: Observed, argument: AnalysisRunArgument) -> str | None:
    source = argument.value_from
    if source is None:
        return argument.value
    if source.pod_template_hash_value is not None:
        latest = source.pod_template_hash_value == "Latest"
        return seen.pod_hash if latest else seen.rollout.status.stable_rs
    if source.field_ref is not None:
        return _field(seen.rollout, argument.name, source.field_ref.field_path)
    return None


def _field(rollout: Rollout, argument: str, path: str) -> str:
    """Follow a path such as `metadata.labels['app']` or `spec.template.spec.containers[0].image`."""
    at: Any = rollout.model_dump(mode="json", by_alias=True, exclude_none=True)
    # Labels and annotations have dots of their own, so their keys are taken whole.
    whole = re.fullmatch(r"(metadata)\.(labels|annotations)\.(.+)", path)
    parts = list(whole.groups()) if whole else [next(filter(None, found)) for found in _PART.findall(path)]
    if parts[:1] == ["metadata"] and parts[1:2] in (["labels"], ["annotations"]) and len(parts) == 3:
        return str((at["metadata"].get(parts[1]) or {}).get(parts[2], ""))  # as in a pod's downward API
    for part in parts:
        if isinstance(at, Mapping) and part in at:
            at = at[part]
        elif isinstance(at, list) and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
        else:
            raise InvalidSpec("", _lost(argument, path, f"there is no {part!r}"))
    if isinstance(at, Mapping | list):
        raise InvalidSpec("", _lost(argument, path, "it is not a plain value"))
    if isinstance(at, bool):
        return "true" if at else "false"
    return str(at)


def _lost(argument: str, path: str, why: str) -> str:
    return (
        f'analysis argument "{argument}": fieldRef.fieldPath "{path}" of the Rollout: {why}; '
        "name a field of the Rollout that holds text, a number or a boolean"
    )
