"""Baseline pods: when they come, what they get, and that every way out takes them away again."""

from dataclasses import replace

import pytest

from rollouts.api.weights import Destination
from strategies import safety
from strategies.model import (
    CreateBaseline,
    DeleteReplicaSet,
    DeleteService,
    ScaleReplicaSet,
    SetWeight,
    StartAnalysis,
)
from strategies.revisions import current_hash, roles
from tests.strategies.test_canary_walk import GATE, done
from tests.strategies.world import World, blue_green, deployed, gateway, template

MATCH = {"baseline": {"matchCanary": True}}
COMPARED = {"analysis": GATE["analysis"] | MATCH}
STEPS = ({"setWeight": 20}, COMPARED, {"setWeight": 60}, {"pause": {}})


def comparing(world: World) -> bool:
    """The run goes, and so do both arms."""
    return bool([run for run in world.runs.values() if run.baseline and run.phase == "Running"])


def no_trace(world: World) -> bool:
    return world.baseline is None and not world.baseline_weight and "web-baseline" not in world.services


@pytest.fixture
def world() -> World:
    """A canary at 20 per cent that is compared with its baseline."""
    return deployed(gateway(*STEPS)).ship("v2").until(comparing)


def test_a_baseline_is_fresh_pods_of_the_stable_version_under_a_hash_of_their_own(world):
    base = world.baseline
    assert base.template == template("v1")
    assert base.pod_hash not in {world.hash_of("v1"), world.hash_of("v2")}
    assert world.services["web-baseline"].pod_hash == base.pod_hash
    assert base.name == f"web-{base.pod_hash}"


def test_it_starts_together_with_the_canary_and_is_as_large():
    world = deployed(gateway(*STEPS)).ship("v2").until(lambda each: each.size("v2"))
    begun = {
        each.pod_hash: [pod.created for pod in world.pods.values() if pod.pod_hash == each.pod_hash]
        for each in (world.of("v2"), world.baseline)
    }
    canary, base = begun.values()
    assert len(canary) == 2
    assert canary == base
    assert world.step == 0


def test_canary_and_baseline_get_the_same_share_in_one_write(world):
    assert (world.weight, world.baseline_weight, world.weights.stable) == (20, 20, 60)
    told = world.status.canary.weights
    assert (told.canary.weight, told.stable.weight) == (20, 60)
    assert [(each.weight, each.service_name, each.pod_template_hash) for each in told.additional] == [
        (20, "web-baseline", world.baseline.pod_hash)
    ]


def test_the_canary_gets_nothing_before_its_baseline_has_its_pods():
    world = deployed(gateway(*STEPS))
    world.broken.add("baseline")
    world.ship("v2").run(30)
    assert world.of("v2").available == 2
    assert (world.weight, world.step) == (0, 0)
    assert not world.runs
    world.broken.clear()
    world.until(comparing)


def test_a_baseline_that_never_starts_makes_the_update_overdue():
    world = deployed(gateway(*STEPS), spec={"progressDeadlineSeconds": 30, "progressDeadlineAbort": True})
    world.broken.add("baseline")
    world.ship("v2").until(lambda each: each.status.abort).run(60)
    assert "timed out" in world.status.message
    assert no_trace(world)


def test_a_baseline_that_fails_during_its_analysis_makes_nothing_overdue(world):
    world.set(progressDeadlineSeconds=10, progressDeadlineAbort=True)
    world.broken.add("baseline")
    world.run(60)
    assert not world.status.abort
    assert (world.weight, world.baseline_weight) == (20, 0)


def test_the_run_is_told_what_to_compare_with_and_starts_when_both_serve():
    world, told = deployed(gateway(*STEPS)).ship("v2"), []
    while not told:
        told = [each.baseline for each in world.reconcile().actions if isinstance(each, StartAnalysis)]
        assert not told or (world.weight, world.baseline_weight) == (20, 20)
        world.pass_time()
    (base,) = told
    assert (base.service, base.pod_template_hash) == ("web-baseline", world.baseline.pod_hash)


def test_a_number_of_pods_of_its_own_does_not_follow_the_canary():
    steps = ({"setWeight": 50}, {"analysis": GATE["analysis"] | {"baseline": {"replicas": 2}}})
    world = deployed(gateway(*steps)).ship("v2").until(comparing)
    assert (world.size("v2"), world.baseline.desired, world.baseline_weight) == (5, 2, 50)


def test_it_goes_with_its_step_although_the_update_goes_on(world):
    world.verdicts["v2"] = "Successful"
    world.until(lambda each: each.step == 3).run(5)
    assert no_trace(world)
    assert (world.weight, world.weights.stable) == (60, 40)


def test_its_traffic_goes_before_its_pods_and_its_service(world):
    world.patch(abort=True)
    while not no_trace(world):
        assert not world.baseline_weight or world.baseline.available
        assert "web-baseline" in world.services or not world.baseline_weight
        world.reconcile()
        world.pass_time()


def shipped_again(world: World) -> None:
    world.ship("v3")


def rolled_back(world: World) -> None:
    world.ship("v1")


def aborted(world: World) -> None:
    world.patch(abort=True)


def failed(world: World) -> None:
    world.verdicts["v2"] = "Failed"


def promoted_at_once(world: World) -> None:
    world.patch(promoteFull=True)


def step_skipped(world: World) -> None:
    world.patch(currentStepIndex=3)


def edited(world: World) -> None:
    world.strategy = gateway({"setWeight": 20}, GATE, {"pause": {}})


def another_strategy(world: World) -> None:
    world.strategy = blue_green()
    world.services |= deployed(blue_green()).services
    world.weights = None


def without_pods(world: World) -> None:
    world.broken |= {"v2", "baseline"}
    world.patch(abort=True)


WAYS_OUT = [
    shipped_again,
    rolled_back,
    aborted,
    failed,
    promoted_at_once,
    step_skipped,
    edited,
    another_strategy,
    without_pods,
]


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("killed", [False, True])
def test_every_way_out_takes_it_away_whatever_is_killed(world, way, killed):
    name = world.baseline.name
    way(world)
    world.generation += 1
    for number in range(400 if killed else 60):
        # The engine dies after each of its writes in turn, and most of the time before it writes status.
        world.reconcile(actions=number % 3 if killed and number % 4 else None)
        world.pass_time()
    assert name not in world.sets
    if way is shipped_again:
        assert comparing(world)
        assert world.services["web-baseline"].pod_hash == world.baseline.pod_hash
    else:
        assert no_trace(world)


def test_a_retry_begins_with_a_baseline_and_a_run_of_its_own(world):
    (first,) = world.runs
    world.patch(abort=True).run(60)
    assert no_trace(world)
    world.patch(abort=False).until(lambda each: len(each.runs) == 2 and comparing(each))
    assert world.runs[first].terminated


def test_steps_in_a_row_share_one_and_it_follows_the_canary():
    steps = ({"setWeight": 20}, COMPARED, {"setWeight": 40}, COMPARED, {"pause": {}})
    world = deployed(gateway(*steps)).ship("v2").until(comparing)
    name = world.baseline.name
    for run in list(world.runs):
        world.verdicts[run] = "Successful"
    world.until(lambda each: each.step == 3 and comparing(each))
    assert (world.baseline.name, world.baseline.desired) == (name, 4)
    assert (world.weight, world.baseline_weight) == (40, 40)
    world.verdicts["v2"] = "Successful"
    world.until(lambda each: each.status.phase == "Paused").run(3)
    assert no_trace(world)


def test_that_of_the_background_analysis_stays_through_the_steps_and_goes_with_the_last():
    analysis = {"analysis": COMPARED["analysis"] | {"startingStep": 1}}
    steps = ({"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {}})
    world = deployed(gateway(*steps, **analysis)).ship("v2").until(lambda each: each.status.phase == "Paused")
    world.run(3)
    assert comparing(world)
    assert (world.weight, world.baseline_weight) == (10, 10)
    name = world.baseline.name
    world.patch(pauseConditions=None).until(lambda each: each.step == 3).run(5)
    assert (world.baseline.name, world.weight, world.baseline_weight) == (name, 50, 50)
    world.patch(pauseConditions=None).until(done).run(60)
    assert no_trace(world)
    assert len(world.runs) == 1


@pytest.mark.parametrize("first", [MATCH, {}])
def test_a_background_analysis_that_is_edited_to_compare_otherwise_has_a_new_run(first):
    steps = ({"setWeight": 10}, {"pause": {}})
    world = deployed(gateway(*steps, analysis=GATE["analysis"] | first)).ship("v2")
    world.until(lambda each: each.status.phase == "Paused").run(5)
    (before,) = world.runs.values()
    assert bool(before.baseline) is bool(first)
    other = {} if first else MATCH
    world.strategy = gateway(*steps, analysis=GATE["analysis"] | other)
    world.run(20)
    assert no_trace(world) is not bool(other)
    after = next(run for run in world.runs.values() if run.name != before.name)
    assert bool(after.baseline) is bool(other)
    assert world.runs[before.name].terminated


def test_a_baseline_that_loses_its_pods_loses_its_traffic_and_the_canary_keeps_its_own(world):
    world.broken.add("baseline")
    world.pass_time().reconcile()
    assert (world.weight, world.baseline_weight, world.weights.stable) == (20, 0, 80)
    world.broken.clear()
    world.until(lambda each: each.baseline_weight == 20)


def test_a_canary_that_loses_its_pods_takes_the_share_of_its_baseline_with_it(world):
    world.broken.add("v2")
    world.pass_time().reconcile()
    assert (world.weight, world.baseline_weight) == (0, 0)


def test_what_somebody_did_to_its_share_or_its_service_is_put_right(world):
    world.weights = replace(world.weights, additional=(Destination(service="web-baseline", weight=70),))
    world.reconcile()
    assert world.baseline_weight == 20
    del world.services["web-baseline"]
    world.reconcile()
    assert world.baseline_weight == 0
    world.until(lambda each: each.baseline_weight == 20)


def test_a_stray_destination_without_a_rollout_that_wants_it_is_taken_out():
    world = deployed(gateway(*STEPS))
    world.weights = replace(world.weights, additional=(Destination(service="web-baseline", weight=20),))
    world.reconcile()
    assert world.baseline_weight == 0


def test_its_share_stays_with_it_while_stable_has_nobody_to_take_it_back(world):
    world.broken.add("v1")
    world.pods = {name: each for name, each in world.pods.items() if each.pod_hash != world.hash_of("v1")}
    world.pass_time()
    base = world.baseline
    world.sets[base.name] = replace(base, available=2)
    world.patch(abort=True)
    world.reconcile()
    assert world.baseline_weight == 20
    world.broken.clear()
    world.until(no_trace)


def test_what_is_in_doubt_keeps_its_baseline_for_the_next_run(world):
    world.verdicts["v2"] = "Inconclusive"
    world.until(lambda each: each.status.phase == "Paused").run(10)
    assert (world.weight, world.baseline_weight) == (20, 20)
    world.verdicts.clear()
    world.patch(pauseConditions=None).until(lambda each: len(each.runs) == 2 and comparing(each))


def test_held_by_hand_nothing_of_it_grows():
    world = deployed(gateway(*STEPS)).set(paused=True).ship("v2").run(20)
    assert world.baseline is None
    world.set(paused=False).until(comparing)


def test_held_by_hand_what_it_lost_is_not_given_back(world):
    world.broken.add("baseline")
    world.run(3).set(paused=True)
    world.broken.clear()
    world.run(10)
    assert (world.weight, world.baseline_weight) == (20, 0)
    world.set(paused=False).until(lambda each: each.baseline_weight == 20)


def test_a_weight_is_not_reached_before_the_baseline_has_it_too():
    world = deployed(gateway(*STEPS)).ship("v2").until(lambda each: each.weight == 20)
    world.broken.add("baseline")
    world.pass_time().run(10)
    assert (world.weight, world.step) == (20, 0)
    world.broken.clear()
    world.until(lambda each: each.step == 1)


def test_where_two_shares_do_not_fit_it_waits_for_the_weight_to_fall():
    steps = ({"setWeight": 60}, {"setWeight": 40}, COMPARED)
    world = deployed(gateway(*steps)).ship("v2").until(lambda each: each.weight == 60)
    assert world.baseline is None
    world.until(comparing)
    assert (world.weight, world.baseline_weight) == (40, 40)


def test_stable_keeps_the_pods_for_its_share_with_dynamic_stable_scale():
    world = deployed(gateway(*STEPS, dynamicStableScale=True)).ship("v2").until(comparing).run(5)
    assert (world.size("v1"), world.size("v2"), world.baseline.desired) == (8, 2, 2)
    world.patch(abort=True)
    world.reconcile()
    assert world.baseline_weight == 0
    assert world.of("v1").available * 10 >= world.weights.stable
    world.until(no_trace)


def test_scaled_to_nothing_it_has_no_pods_and_steps_go_on_as_without_it(world):
    world.scale(0).run(10)
    assert (world.baseline.desired, world.baseline_weight, world.weight) == (0, 20, 20)
    world.ship("v3").until(lambda each: each.step == 1 and each.selected("web-canary") == "v3").run(10)
    assert (world.baseline_weight, world.weight) == (20, 20)
    world.scale(10).until(lambda each: each.of("v3").available == 2).reconcile()
    assert (world.baseline_weight, world.weight) in {(0, 0), (20, 20)}
    world.until(lambda each: each.baseline_weight == each.weight == 20 and each.baseline.available == 2)


def test_it_is_no_revision_and_no_template_finds_it(world):
    seen = world.seen
    sorted_roles = roles(seen)
    assert world.baseline not in sorted_roles.all
    assert sorted_roles.baselines == (world.baseline,)
    assert world.baseline.revision == world.of("v1").revision
    alone = [world.baseline]
    assert current_hash(template("v1"), None, alone) == world.hash_of("v1") != world.baseline.pod_hash
    assert world.status.replicas == 12  # 10 stable and 2 canary pods


def test_it_is_told_when_it_comes_and_goes(world):
    name, stable = world.baseline.name, world.of("v1").name
    world.patch(abort=True).run(10)
    told = [text for text in world.events if text.startswith("Baseline")]
    assert told == [
        f"BaselineCreated: Created baseline ReplicaSet {name} with 2 fresh pods of {stable}",
        f"BaselineDeleted: Deleted baseline ReplicaSet {name}",
    ]


def reasons(world: World, *actions: object) -> list[str]:
    return [each.reason for each in safety.violations(world.seen, actions, world.now)]


def beside(world: World, canary: int, weight: int, service: str = "web-baseline") -> list[str]:
    return reasons(world, SetWeight(canary=canary, additional=(Destination(service=service, weight=weight),)))


class TestSafety:
    """What no strategy may do to a baseline."""

    def test_it_gains_what_the_canary_has_and_nothing_else(self, world):
        assert beside(world, 30, 30) == []
        assert "must get what the canary gets, 20" in beside(world, 20, 40)[0]
        assert "the shares are more than 100" in beside(world, 60, 60)[0]
        assert "nothing asks for a share of service other" in beside(world, 20, 20, "other")[0]

    def test_it_gains_nothing_without_available_pods(self, world):
        world.broken.add("baseline")
        world.pass_time().reconcile()
        assert beside(world, 20, 20) == ["no pod behind service web-baseline is available"]

    def test_it_keeps_pods_and_service_while_it_has_a_share(self, world):
        name = world.baseline.name
        for action in (
            DeleteReplicaSet(name=name),
            DeleteService(name="web-baseline"),
            ScaleReplicaSet(name=name, replicas=0, desired_annotation=10),
        ):
            assert "carries 20" in reasons(world, action)[0]
        world.weights = replace(world.weights, additional=())
        assert reasons(world, DeleteReplicaSet(name=name), DeleteService(name="web-baseline")) == []


def test_nothing_is_taken_away_while_it_is_not_known_what_the_route_carries(world):
    world.patch(abort=True)
    world.reconcile()
    world.weights = replace(world.weights, verified=False)
    world.reconcile()
    assert world.baseline is not None
    world.weights = replace(world.weights, verified=None)
    world.run(10)
    assert no_trace(world)


def test_pods_of_a_baseline_are_made_with_it_and_not_in_a_second_write(world):
    world.sets.pop(world.baseline.name)
    (made,) = [each for each in world.plan().actions if isinstance(each, CreateBaseline)]
    assert (made.replicas, made.copies) == (2, world.of("v1").name)
