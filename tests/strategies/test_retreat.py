"""The way back: nothing that is broken beside it holds up an abort."""

from dataclasses import replace

import pytest

from strategies.model import SetWeight, StartAnalysis
from tests.strategies.test_canary_walk import GATE
from tests.strategies.world import World, blue_green, deployed, routed

BACKGROUND = {"analysis": {"templates": [{"templateName": "errors"}]}}


def halfway(**more: object) -> World:
    """Version 2 carries half of the traffic, under analysis, and waits for a human."""
    world = deployed(routed({"setWeight": 50}, {"pause": {}}, GATE, **BACKGROUND, **more))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    assert world.weight == 50
    return world


def test_an_abort_is_written_before_anything_else_is_done():
    """Else a step's analysis that cannot be created would keep the failure of another from being told."""
    world = halfway()
    world.patch(pauseConditions=None).until(lambda each: each.step == 2).reconcile()
    assert any(isinstance(each, StartAnalysis) for each in world.plan().actions)
    world.runs = {name: replace(run, phase="Failed") for name, run in world.runs.items()}
    planned = world.plan()
    assert planned.status.abort
    assert planned.actions == ()
    world.reconcile()
    assert SetWeight(canary=0) in world.plan().actions


def test_an_aborted_update_gives_its_weight_back_before_anything_that_may_be_refused():
    world = halfway().patch(abort=True)
    assert isinstance(world.plan().actions[0], SetWeight)


@pytest.mark.parametrize("verdict", ["Failed", "Error"])
def test_an_analysis_that_fails_aborts_although_the_rollout_is_invalid_by_now(verdict):
    world = halfway()
    world.problems = ('AnalysisTemplate "errors" not found',)
    world.run(30)
    assert (world.status.abort, world.weight) == (False, 50)
    world.verdicts["v2"] = verdict
    world.until(lambda each: each.status.abort, seconds=10).until(lambda each: each.weight == 0, seconds=10)
    assert world.phase == ("Degraded", 'InvalidSpec: AnalysisTemplate "errors" not found')
    reasons = {each.type: each.message for each in world.status.conditions}
    assert reasons["InvalidSpec"] == 'AnalysisTemplate "errors" not found'
    assert "metric says" in reasons["Progressing"]
    world.problems = ()
    world.run(5)
    assert f"Background analysis phase error/failed: metric says {verdict}" in world.status.message
    assert world.status.message.startswith("RolloutAborted: Rollout aborted update to revision 2: ")


def test_an_invalid_rollout_that_retreated_is_left_alone():
    world = halfway()
    world.problems = ("AnalysisTemplate errors is missing",)
    world.verdicts["v2"] = "Failed"
    world.run(120)
    assert world.plan().status == world.status
    assert not world.plan().actions


def test_a_second_abort_keeps_the_preview_for_the_whole_delay():
    """The deadline of the first abort says nothing about the second."""
    world = deployed(blue_green(autoPromotionEnabled=False))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    world.patch(abort=True).until(lambda each: each.size("v2") == 0)
    world.patch(abort=False).until(lambda each: each.status.phase == "Paused").run(60)
    assert world.of("v2").scale_down_deadline is None
    world.patch(abort=True).run(25)
    assert world.size("v2") == 10
    world.run(20)
    assert world.size("v2") == 0


@pytest.mark.parametrize("change", ["template", "steps"])
@pytest.mark.parametrize("by", ["user", "analysis"])
def test_what_is_under_way_can_be_given_up_although_an_invalid_change_came_meanwhile(change, by):
    world = halfway()
    v2 = world.of("v2").name
    world.problems = ('AnalysisTemplate "errors" not found',)
    if change == "template":
        world.ship("v3")
    else:
        world.strategy = routed({"setWeight": 90}, {"pause": {}}, **BACKGROUND)
    if by == "user":
        world.patch(abort=True)
    else:
        world.verdicts["v2"] = "Failed"
    world.run(60)
    assert world.weight == 0
    assert world.sets[v2].desired == 0
    assert len(world.sets) == 2
    assert world.plan().status == world.status
    assert not world.plan().actions
    world.problems = ()
    world.verdicts.clear()
    world.until(lambda each: each.status.phase == "Paused", seconds=30)
    assert world.weight == (50 if change == "template" else 90)
