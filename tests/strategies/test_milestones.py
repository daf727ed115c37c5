"""What metrics wait for is told to their runs once, when it is seen."""

from dataclasses import replace

import pytest

from strategies.model import SetMilestone
from tests.strategies.test_canary_walk import done
from tests.strategies.world import World, blue_green, canary, deployed, routed

ERRORS = {"templates": [{"templateName": "errors"}]}
BOTH = frozenset({"podsReady", "firstTraffic"})


def told(world: World) -> set[tuple[str, str]]:
    return {(name, what) for name, what, _ in world.milestones}


def test_runs_whose_metrics_wait_for_nothing_are_told_nothing():
    world = deployed(routed({"setWeight": 20}, {"analysis": ERRORS}, analysis=ERRORS))
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(done)
    assert world.milestones == []


@pytest.mark.parametrize("waits", ["podsReady", "firstTraffic"])
def test_a_run_is_told_what_its_metrics_wait_for_and_nothing_else(waits):
    world = deployed(routed({"setWeight": 20}, {"pause": {}}, analysis=ERRORS), awaits=frozenset({waits}))
    world.ship("v2").run(60)
    assert [what for _, what, _ in world.milestones] == [waits]


def test_traffic_is_told_once_the_route_carries_it_and_pods_once_they_are_available():
    world = deployed(routed({"setWeight": 20}, {"pause": {}}, analysis=ERRORS), awaits=BOTH)
    world.broken.add("v2")
    world.ship("v2").run(60)
    assert (len(world.runs), world.milestones) == (1, [])
    world.broken.clear()
    world.pass_time().until(lambda each: bool(each.milestones))
    assert world.weight == 0 or {what for _, what, _ in world.milestones} == BOTH
    world.until(lambda each: each.weight == 20).run(10)
    (run,) = world.runs
    assert told(world) == {(run, "podsReady"), (run, "firstTraffic")}
    assert len(world.milestones) == 2


def test_a_weight_that_the_router_does_not_confirm_is_no_traffic_yet():
    world = deployed(routed({"setWeight": 20}, {"pause": {}}, analysis=ERRORS), awaits=BOTH)
    world.ship("v2").until(lambda each: each.weight == 20)
    world.weights = replace(world.weights, verified=False)
    told_now = [each.milestone for each in world.plan().actions if isinstance(each, SetMilestone)]
    assert "firstTraffic" not in told_now
    world.run(10)
    assert len(world.milestones) == 2


def test_without_a_router_the_first_available_pod_gets_traffic():
    world = deployed(canary({"setWeight": 20}, {"pause": {}}, analysis=ERRORS), awaits=BOTH)
    world.ship("v2").until(lambda each: each.size("v2") > 0).run(20)
    assert {what for _, what in told(world)} == BOTH


def test_the_run_of_a_later_step_is_told_when_it_starts():
    gate = {"analysis": ERRORS}
    world = deployed(routed({"setWeight": 20}, {"pause": {"duration": 60}}, gate), awaits=BOTH)
    world.ship("v2").until(lambda each: len(each.milestones) == 2)
    (run,) = world.runs.values()
    assert all(at >= run.created.replace(microsecond=0) for _, _, at in world.milestones)


@pytest.mark.parametrize("when", ["prePromotionAnalysis", "postPromotionAnalysis"])
def test_an_analysis_of_blue_green_is_told_too(when):
    world = deployed(blue_green(**{when: ERRORS}), awaits=BOTH)
    world.ship("v2").until(lambda each: bool(each.runs)).run(10)
    assert {what for _, what in told(world)} == BOTH


def test_an_aborted_version_reaches_nothing():
    world = deployed(routed({"setWeight": 20}, {"pause": {}}, analysis=ERRORS), awaits=BOTH)
    world.broken.add("v2")
    world.ship("v2").run(10).patch(abort=True)
    world.broken.clear()
    world.run(60)
    assert world.milestones == []
