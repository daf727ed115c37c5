"""Baselines of analyses and what befalls them: drawn apart from the rest, which is as it would be without."""

import copy
import random
from dataclasses import replace
from typing import Any

from rollouts.api.meta import Object
from tests.simulation.events import DeleteReplicaSet, EditSteps
from tests.simulation.program import Program, Timed

_BASELINES: tuple[Object, ...] = (
    {"matchCanary": True},
    {"matchCanary": True},
    {"replicas": 1},
    {"replicas": 3},
)
_MOST = 50
"""The most that a canary may have beside a baseline, in percent."""


def with_baselines(program: Program) -> Program:
    """The program of a seed with baselines, where its router can give them a share."""
    lot = random.Random(f"baselines of {program.seed}")
    if program.setup.kind != "gateway" or lot.random() < 0.3:
        return program
    strategy = copy.deepcopy(program.setup.strategy)
    beside = "analysis" in strategy and lot.random() < 0.5
    if beside:
        last = max(0, len(strategy["steps"]) - 1)
        strategy["analysis"]["startingStep"] = min(strategy["analysis"].get("startingStep", 0), last)
        strategy["analysis"]["baseline"] = lot.choice(_BASELINES)
    start = strategy["analysis"].get("startingStep", 0) if beside else None
    strategy["steps"] = _steps(lot, strategy["steps"], start)
    events = [replace(each, event=_event(lot, each.event, start)) for each in program.events]
    if lot.random() < 0.3:
        moment = events[-1].at * lot.random()
        events.append(Timed(round(moment, 2) + events[0].at, DeleteReplicaSet("baseline")))
    events.sort(key=lambda each: each.at)
    return replace(program, setup=replace(program.setup, strategy=strategy), events=tuple(events))


def _event(lot: random.Random, event: Any, start: int | None) -> Any:
    return (
        replace(event, steps=tuple(_steps(lot, event.steps, start)))
        if isinstance(event, EditSteps)
        else event
    )


def _steps(lot: random.Random, steps: Any, start: int | None) -> list[Object]:
    """The steps, with baselines where both shares fit.

    Args:
        lot: what decides.
        steps: as they were drawn.
        start: from which step on an analysis with a baseline runs beside them; None without one.
    """
    made: list[Object] = []
    weight = 0
    for drawn in steps:
        step = drawn
        if start is not None and "setWeight" in drawn:
            step = {"setWeight": min(drawn["setWeight"], _MOST)}
        weight = step.get("setWeight", weight)
        fits = weight <= _MOST
        match step:
            case {"analysis": analysis} if fits and lot.random() < 0.8:
                made.append({"analysis": {**analysis, "baseline": lot.choice(_BASELINES)}})
            case {"setWeight": _} if fits and lot.random() < 0.3:
                gate = {"templates": [{"templateName": "errors"}], "baseline": lot.choice(_BASELINES)}
                made += [step, {"analysis": gate}]
            case _:
                made.append(step)
    if start is not None:
        made += [{"pause": {"duration": 3}}] * (start + 1 - len(made))
    return made


def asked(steps: list[Object], index: int, analysis: Object) -> bool:
    """Whether a step, or the analysis beside the steps, asks for one there: a model of the engine's rule."""
    if index >= len(steps):
        return False
    start = analysis.get("startingStep", 0)
    if analysis.get("baseline") and (index >= start or all(map(_leads, steps[index:start]))):
        return True
    step = next((each for each in steps[index:] if not _leads(each)), {})
    return bool((step.get("analysis") or {}).get("baseline"))


def _leads(step: Object) -> bool:
    return "setWeight" in step or "setCanaryScale" in step
