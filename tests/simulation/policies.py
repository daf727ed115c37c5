"""What analyses ask for when they do not succeed, and who ends them: drawn apart from the rest of a program,
so that the rest is what it would be without.
"""

import copy
import random
from dataclasses import replace
from typing import Any

from rollouts.api.meta import Object
from tests.simulation.events import EditSteps, EndRuns
from tests.simulation.program import Program, Timed

OUTCOMES = ("abort", "pause", "continue")
_FIELDS = ("onFailure", "onInconclusive", "onError")
_ANALYSES = ("analysis", "prePromotionAnalysis", "postPromotionAnalysis")


def with_policies(program: Program) -> Program:
    """The program of a seed with what its analyses ask for."""
    lot = random.Random(f"policies of {program.seed}")
    if lot.random() < 0.4:
        return program
    setup = replace(program.setup, strategy=_strategy(lot, program.setup.strategy))
    events = [replace(each, event=_event(lot, each.event)) for each in program.events]
    if lot.random() < 0.4:
        moment = events[-1].at * lot.random()
        events.append(Timed(round(moment, 2) + events[0].at, EndRuns()))
    return replace(program, setup=setup, events=tuple(sorted(events, key=lambda each: each.at)))


def _strategy(lot: random.Random, strategy: Object) -> Object:
    strategy = copy.deepcopy(strategy)
    for name in _ANALYSES:
        if name in strategy:
            strategy[name] |= _drawn(lot)
    if "steps" in strategy:
        strategy["steps"] = _steps(lot, strategy["steps"])
    return strategy


def _event(lot: random.Random, event: Any) -> Any:
    return replace(event, steps=tuple(_steps(lot, event.steps))) if isinstance(event, EditSteps) else event


def _steps(lot: random.Random, steps: Any) -> list[Object]:
    return [
        {**step, "analysis": {**step["analysis"], **_drawn(lot)}} if "analysis" in step else step
        for step in steps
    ]


def _drawn(lot: random.Random) -> Object:
    return {field: lot.choice(OUTCOMES) for field in _FIELDS if lot.random() < 0.5}
