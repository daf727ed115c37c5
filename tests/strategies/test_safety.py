"""The rule that every plan must keep, and what is done with a plan that breaks it."""

from dataclasses import replace
from datetime import timedelta

import pytest

import strategies
from rollouts.api.weights import Weights
from strategies import safety
from strategies.model import Plan, ScaleReplicaSet, Service, SetWeight, SwitchService
from tests.strategies.test_canary_walk import GATE
from tests.strategies.world import World, blue_green, canary, deployed, routed

STEPS = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60})


@pytest.fixture
def world() -> World:
    """A canary at 20 per cent."""
    return deployed(routed(*STEPS)).ship("v2").until(lambda each: each.status.phase == "Paused").run(2)


def reasons(world: World, *actions) -> list[str]:
    return [each.reason for each in safety.violations(world.seen, actions, world.now)]


def scale(world: World, version: str, count: int) -> ScaleReplicaSet:
    return ScaleReplicaSet(name=world.of(version).name, replicas=count, desired_annotation=10)


def test_weight_needs_available_pods(world):
    assert reasons(world, SetWeight(canary=60)) == []
    world.broken.add("v2")
    world.pass_time()
    assert "no pod of" in reasons(world, SetWeight(canary=60))[0]
    assert reasons(world, SetWeight(canary=0)) == []


def test_weight_needs_a_service_that_selects_the_version(world):
    world.services["web-canary"] = Service(name="web-canary", pod_hash=world.hash_of("v1"), managed_by="web")
    assert "does not select" in reasons(world, SetWeight(canary=60))[0]


def test_an_aborted_version_gains_no_weight(world):
    world.patch(abort=True)
    assert reasons(world, SetWeight(canary=21)) == ["an aborted version must not gain weight"]


def test_a_service_goes_only_to_available_pods(world):
    world.broken.add("v2")
    world.pass_time()
    switch = SwitchService(name="web-stable", pod_hash=world.hash_of("v2"))
    assert reasons(world, switch) == [f"no pod of {world.hash_of('v2')} is available"]
    assert reasons(world, SwitchService(name="web-stable", pod_hash="unknown")) != []


def test_pods_stay_with_the_weight_that_was_seen(world):
    assert reasons(world, scale(world, "v2", 1)) == [f"{world.hash_of('v2')} carries 20 of 100"]
    assert reasons(world, scale(world, "v1", 7)) == [f"{world.hash_of('v1')} carries 80 of 100"]
    assert reasons(world, scale(world, "v1", 8)) == []
    world.weights = Weights(canary=0)
    assert reasons(world, scale(world, "v2", 0)) == []


def test_a_selected_version_keeps_its_pods(world):
    world.ship("v3")
    assert "a service selects" in reasons(world, scale(world, "v2", 0))[0]


def test_an_old_version_stays_until_its_deadline(world):
    world.ship("v3")
    world.services["web-canary"] = Service(name="web-canary", pod_hash=world.hash_of("v1"), managed_by="web")
    assert reasons(world, scale(world, "v2", 0)) == []
    each = world.of("v2")
    world.sets[each.name] = replace(each, scale_down_deadline=world.now + timedelta(seconds=5))
    assert "stays until" in reasons(world, scale(world, "v2", 0))[0]
    world.sets[each.name] = replace(each, scale_down_deadline=world.now - timedelta(seconds=5))
    assert reasons(world, scale(world, "v2", 0)) == []


def test_users_of_blue_green_keep_all_their_pods():
    world = deployed(blue_green())
    assert reasons(world, scale(world, "v1", 9)) == [f"users reach {world.hash_of('v1')}"]


def test_a_strategy_that_plans_harm_is_not_obeyed_and_that_is_told(world, monkeypatch):
    harm = (scale(world, "v1", 0), SetWeight(canary=30))
    table = {
        **strategies.STRATEGIES,
        "canary": lambda seen, _: Plan(actions=harm, status=seen.rollout.status),
    }
    monkeypatch.setattr(strategies, "STRATEGIES", table)
    planned = strategies.plan(world.seen, world.now)
    assert planned.actions == (SetWeight(canary=30),)
    assert [event.reason for event in planned.events] == ["UnsafePlan"]


def test_a_strategy_of_ones_own_is_named_by_an_annotation(world, monkeypatch):
    world.annotations[strategies.STRATEGY_ANNOTATION] = "mine"
    world.reconcile()
    assert 'there is no strategy "mine"' in world.status.message
    mine = Plan(status=world.status.model_copy(update={"message": "mine"}))
    monkeypatch.setattr(strategies, "STRATEGIES", {**strategies.STRATEGIES, "mine": lambda *_: mine})
    world.reconcile()
    assert world.status.message == "mine"


def test_a_verdict_seen_just_now_stops_the_weight_in_the_same_pass():
    world = deployed(routed({"setWeight": 20}, {"setWeight": 60}, {"pause": {}}, analysis=GATE["analysis"]))
    world.ship("v2").until(lambda each: each.step == 1 and each.of("v2").available == 6)
    (run,) = world.runs.values()
    for phase in ("Failed", "Error", "Inconclusive"):
        world.runs[run.name] = replace(run, phase=phase)
        assert not [action for action in world.plan().actions if isinstance(action, SetWeight)]
    world.runs[run.name] = run
    assert [action for action in world.plan().actions if isinstance(action, SetWeight)]


def test_a_service_that_selects_every_version_waits_for_all_pods():
    world = World(strategy=routed(*STEPS))
    world.reconcile()
    world.reconcile()
    world.pass_time()
    world.pass_time()
    each = world.of("v1")
    world.sets[each.name] = replace(each, available=9)
    assert not [action for action in world.plan().actions if isinstance(action, SwitchService)]
    world.sets[each.name] = replace(each, available=10)
    assert [action.name for action in world.plan().actions if isinstance(action, SwitchService)]


@pytest.mark.parametrize(
    ("strategy", "name"),
    [(routed(*STEPS), "web-stable"), (blue_green(), "web-active")],
    ids=["canary", "blueGreen"],
)
def test_an_old_version_keeps_its_pods_while_a_service_that_selects_every_version_waits(strategy, name):
    world = deployed(strategy)
    world.ship("v2").until(lambda each: each.weight or each.selected(name) == "v2").patch(promoteFull=True)
    world.until(lambda each: each.status.stable_rs == each.hash_of("v2") == each.services[name].pod_hash)
    world.broken.add("v2")  # such a service waits for its pods
    world.services[name] = Service(name=name)
    world.pass_time().run(120)
    assert (world.selected(name), world.size("v1")) == ("", 10)
    assert "every version" in reasons(world, scale(world, "v1", 0))[0]
    world.broken.clear()
    world.until(lambda each: each.size("v1") == 0, seconds=60)
    assert world.selected(name) == "v2"


def test_an_aborted_version_keeps_its_pods_while_a_service_that_selects_every_version_waits(world):
    world.patch(abort=True).until(lambda each: each.selected("web-canary") == "v1")
    world.broken.add("v1")
    world.services["web-stable"] = Service(name="web-stable")
    world.pass_time().run(120)
    assert (world.selected("web-stable"), world.size("v2")) == ("", 2)
    world.broken.clear()
    world.until(lambda each: each.size("v2") == 0, seconds=60)


def test_the_preview_service_waits_for_a_pod_that_answers():
    world = deployed(blue_green(autoPromotionEnabled=False))
    world.broken.add("v2")
    world.ship("v2").run(10)
    assert world.selected("web-preview") == "v1"
    world.broken.clear()
    world.until(lambda each: each.selected("web-preview") == "v2")


def test_a_rollout_without_services_or_routers_needs_none():
    world = deployed(canary(*STEPS))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    assert not [action for action in world.plan().actions if isinstance(action, SetWeight | SwitchService)]
