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
    proofs = program.setup.kind in ("nginx", "gateway") and lot.random() < 0.4
    strategy = _strategy(lot, program.setup.strategy, proofs=proofs)
    setup = replace(program.setup, strategy=strategy, errors=0.03 if proofs else 0.0)
    start = strategy["analysis"].get("startingStep", 0) if "analysis" in strategy else None
    events = [replace(each, event=_event(lot, each.event, start, proofs=proofs)) for each in program.events]
    if lot.random() < 0.4:
        moment = events[-1].at * lot.random()
        events.append(Timed(round(moment, 2) + events[0].at, EndRuns()))
    return replace(program, setup=setup, events=tuple(sorted(events, key=lambda each: each.at)))


def _strategy(lot: random.Random, strategy: Object, *, proofs: bool) -> Object:
    strategy = copy.deepcopy(strategy)
    if proofs and "analysis" in strategy:
        strategy["analysis"]["templates"] = [{"templateName": "proof-watch"}]
    for name in _ANALYSES:
        if name in strategy:
            strategy[name] |= _drawn(lot)
    if "steps" in strategy:
        start = strategy["analysis"].get("startingStep", 0) if "analysis" in strategy else None
        strategy["steps"] = _steps(lot, strategy["steps"], start, proofs=proofs)
    return strategy


def _event(lot: random.Random, event: Any, start: int | None, *, proofs: bool) -> Any:
    if not isinstance(event, EditSteps):
        return event
    return replace(event, steps=tuple(_steps(lot, event.steps, start, proofs=proofs)))


def _steps(lot: random.Random, steps: Any, start: int | None, *, proofs: bool) -> list[Object]:
    """The steps, with policies, and some of them held until there is a proof.

    Args:
        lot: what decides.
        steps: as they were drawn.
        start: from which step on the analysis beside them runs; None without one.
        proofs: whether there are templates that prove something.
    """
    made: list[Object] = []
    for index, step in enumerate(steps):
        held = proofs and lot.random() < 0.6
        match step:
            case {"analysis": analysis} if held:
                templates = {"templates": [{"templateName": "proof"}]}
                made.append({"analysis": {**analysis, **templates, **_held(lot), **_drawn(lot)}})
            case {"analysis": analysis}:
                made.append({"analysis": {**analysis, **_drawn(lot)}})
            case {"pause": _} if held and start is not None and start <= index:
                made.append({"pause": _held(lot)})
            case _:
                made.append(step)
    return made


def _held(lot: random.Random) -> Object:
    least, most = lot.choice((None, None, "5s", "20s")), lot.choice((None, "30s", "90s"))
    times = {"atLeast": least, "atMost": most}
    return {"advance": "evidence", **{name: text for name, text in times.items() if text}}


def _drawn(lot: random.Random) -> Object:
    return {field: lot.choice(OUTCOMES) for field in _FIELDS if lot.random() < 0.5}
