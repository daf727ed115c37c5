"""What the model of a world at rest accepts, and that each of its sentences can be said."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from rollouts.api.meta import Object
from tests.simulation.past import Past
from tests.simulation.rest import at_rest
from tests.simulation.view import REVISION, Run, Set, View

BASE = {"base": Set("shop-base", "base", "v1", 1, 1, 1, "")}
OLD = Set("shop-old", "old", "v1", 0, 0, 1, "")
NEW = Set("shop-new", "new", "v2", 2, 2, 2, "")


def status(**more: Any) -> Object:
    return {
        "observedGeneration": "3",
        "currentPodHash": "new",
        "stableRS": "new",
        "currentStepIndex": 1,
        "phase": "Healthy",
        **more,
    }


def rollout(status: Object, **spec: Any) -> Object:
    template = {"spec": {"containers": [{"image": "shop:v2"}]}}
    canary = {"steps": [{"setWeight": 50}], **spec.pop("canary", {})}
    return {
        "metadata": {"generation": 3, "annotations": {REVISION: "2"}},
        "spec": {"replicas": 2, "template": template, "strategy": {"canary": canary}, **spec},
        "status": status,
    }


def world(written: Object, *, stable: int = 2, new: int = 0, **more: Any) -> View:
    """An nginx canary with so many pods of each version."""
    sets = {
        "old": replace(OLD, replicas=stable, available=stable),
        "new": replace(NEW, replicas=new, available=new),
    }
    seen = View(
        kind="nginx",
        rollout=written,
        sets=sets,
        ready={"old": stable, "new": new},
        selectors={"shop-stable": "old", "shop-canary": "new"},
        weight=Fraction(0),
    )
    return replace(seen, **more)


def promoted(**more: Any) -> View:
    selectors = {"shop-stable": "new", "shop-canary": "new"}
    return replace(world(rollout(status()), stable=0, new=2, selectors=selectors), **more)


ABORTED = status(stableRS="old", abort=True, phase="Degraded")
PAUSED = status(
    stableRS="old", currentStepIndex=0, pauseConditions=[{"reason": "CanaryPauseStep"}], phase="Paused"
)
PAUSE: Object = {"canary": {"steps": [{"pause": {}}]}}
BY_HAND = Past(aborted_by_hand=True)
TWO = {"old": replace(OLD, replicas=2, available=2), "new": replace(NEW, replicas=0, available=0)}


def compared(reason: str = "InconclusiveAnalysisRun", **more: Any) -> View:
    """A step that compares the canary with baseline pods, and is held, by default for want of a verdict."""
    steps = [{"setWeight": 50}, {"analysis": {"baseline": {"matchCanary": True}}}]
    waits = status(stableRS="old", phase="Paused", pauseConditions=[{"reason": reason}])
    half = Fraction(1, 2)
    made = world(rollout(waits, canary={"steps": steps}), new=1, weight=half)
    return replace(made, baselines=BASE, beside="base", beside_weight=half, **more)


@pytest.mark.parametrize(
    ("view", "past"),
    [
        (compared(), Past()),
        # Somebody deleted the baseline while a human had yet to answer.
        (replace(compared(), baselines={}, beside_weight=Fraction(0)), Past()),
        (promoted(), Past()),
        (world(rollout(ABORTED)), BY_HAND),
        (
            world(rollout({**ABORTED, "message": "Step-based analysis phase error/failed: so it is"})),
            Past(failed={"new"}),
        ),
        (world(rollout({**ABORTED, "message": "timed out"}, progressDeadlineAbort=True)), Past()),
        (world(rollout(PAUSED, **PAUSE)), Past()),
        (world(rollout(status(stableRS="old", phase="Paused"), paused=True)), Past()),
        (world(rollout({**PAUSED, "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]})), Past()),
        (
            promoted(
                rollout=rollout(status(phase="Paused"), paused=True, revisionHistoryLimit=1),
                sets={"new": NEW, "old": replace(OLD, revision=0, replicas=2), "third": OLD},
            ),
            Past(),
        ),
        (world(rollout(PAUSED, **PAUSE), sets={"new": NEW}, selectors={}, weight=None), Past()),
    ],
    ids=[
        "compared",
        "compared, and the baseline deleted while a human has yet to answer",
        "promoted",
        "aborted by hand",
        "analysis failed",
        "deadline",
        "pause step",
        "paused by hand",
        "in doubt, and its weight taken by hand",
        "paused by hand, and an old version beyond the history has its pods still",
        "paused, its stable version deleted, and its route made anew",
    ],
)
def test_what_the_last_intent_asks_for_is_accepted(view: View, past: Past) -> None:
    assert list(at_rest(view, past, frozenset())) == []


def test_a_service_waits_for_pods_that_are_available_whatever_it_selects() -> None:
    none = promoted(sets={"new": replace(NEW, available=0)}, selectors={"shop-stable": "gone"})
    assert list(at_rest(none, Past(), frozenset({"v2"}))) == []


@pytest.mark.parametrize(
    ("view", "past", "sentence"),
    [
        (world(rollout(status(observedGeneration="2"))), Past(), "does not speak of the spec as it is"),
        (world(rollout(status(currentPodHash="old"))), Past(), "the spec asks for v2"),
        (
            promoted(sets={"new": NEW, "old": replace(OLD, revision=2)}),
            Past(),
            "two ReplicaSets have the same revision",
        ),
        (promoted(sets={"new": replace(NEW, revision=3)}), Past(), "the rollout says revision 2"),
        (
            promoted(
                rollout=rollout(
                    status(canary={"weights": {"canary": {"weight": 9}, "stable": {"weight": 91}}})
                )
            ),
            Past(),
            "the route says 0",
        ),
        (
            promoted(selectors={"shop-stable": "new", "shop-canary": "gone"}),
            Past(),
            "shop-canary selects gone, which has no ReplicaSet",
        ),
        (promoted(baselines=BASE), Past(), "no step asks for a baseline, and there is"),
        (promoted(beside="base"), Past(), "no step asks for a baseline, and there is"),
        (
            replace(compared("CanaryPauseStep"), baselines={}),
            Past(),
            "the step asks for a baseline, and there is none",
        ),
        (replace(compared("CanaryPauseStep"), beside_weight=Fraction(0)), Past(), "and its baseline 0"),
        (world(rollout(ABORTED)), Past(), "it is aborted, and nobody asked for it"),
        (world(rollout({**ABORTED, "phase": "Paused"})), BY_HAND, "it is aborted, and its phase is Paused"),
        (world(rollout(ABORTED), weight=Fraction(1, 2), new=1), BY_HAND, "requests go to old, new"),
        (world(rollout(ABORTED), stable=1), BY_HAND, "1 of 2 pods serve"),
        (world(rollout(ABORTED), new=2), BY_HAND, "v2 still has 2 pods"),
        (world(rollout(ABORTED, progressDeadlineAbort=True)), Past(), "no deadline has passed"),
        (
            promoted(runs=(Run("run", "new", "2", "Step", "0", "Running", False),)),
            Past(),
            "nothing is under way, and run goes on",
        ),
        (
            world(rollout(ABORTED, revisionHistoryLimit=0), sets={**TWO, "third": replace(OLD, revision=3)}),
            BY_HAND,
            "1 old ReplicaSets are kept",
        ),
        (
            promoted(
                rollout=rollout(status(phase="Paused"), paused=True, revisionHistoryLimit=1),
                sets={"new": NEW, "old": replace(OLD, revision=0), "third": replace(OLD, replicas=2)},
            ),
            Past(),
            "2 old ReplicaSets are kept",
        ),
        (promoted(), Past(condemned={"new": (0.0, Fraction(0))}), "the analysis of v2 failed"),
        (promoted(), Past(last_told="abort"), "and it is promoted all the same"),
        (promoted(rollout=rollout(status(phase="Progressing"))), Past(), "its phase is Progressing"),
        (promoted(rollout=rollout(status(), paused=True)), Past(), "its phase is Healthy"),
        (promoted(weight=Fraction(1), ready={"old": 0, "new": 1}), Past(), "1 of 2 pods serve"),
        (world(rollout(PAUSED, **PAUSE)), Past(last_told="abort"), "it goes on all the same"),
        (world(rollout(PAUSED, **PAUSE)), Past(last_told="full"), "it is not promoted"),
        (world(rollout(PAUSED, **PAUSE), weight=Fraction(1, 5)), Past(), "the route has 1/5"),
        (world(rollout(status(stableRS="old"))), Past(), "nothing holds it at step 1"),
        (world(rollout({**PAUSED, "currentStepIndex": 1}, **PAUSE)), Past(), "nothing holds it at step 1"),
    ],
)
def test_anything_else_is_found_out(view: View, past: Past, sentence: str) -> None:
    found = list(at_rest(view, past, frozenset()))
    assert any(sentence in each for each in found), found
