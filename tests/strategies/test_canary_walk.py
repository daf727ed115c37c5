"""Whole canaries, walked through a tiny world."""

import pytest

from tests.strategies.world import World, canary, deployed, healthy, routed, settled

GATE = {"analysis": {"templates": [{"templateName": "errors"}]}}
STEPS = (
    {"setWeight": 10}, GATE, {"setWeight": 30}, GATE, {"setWeight": 60}, GATE, {"setWeight": 100}, GATE,
)  # fmt: skip
GATES = (1, 3, 5, 7)


def both(test):
    """The same story with and without traffic routing."""
    return pytest.mark.parametrize("strategy", [canary(*STEPS), routed(*STEPS)], ids=["basic", "routed"])(
        test
    )


def done(world: World) -> bool:
    return healthy(world) and settled(world)


@both
def test_a_good_version_is_promoted_through_every_step(strategy):
    world = deployed(strategy)
    world.events.clear()
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(done)
    assert world.status.stable_rs == world.hash_of("v2")
    assert world.step == len(STEPS)
    assert [text for text in world.events if text.startswith("RolloutStepCompleted")] == [
        "RolloutStepCompleted: Rollout step 1/8 completed (setWeight: 10)",
        "RolloutStepCompleted: Rollout step 2/8 completed (analysis)",
        "RolloutStepCompleted: Rollout step 3/8 completed (setWeight: 30)",
        "RolloutStepCompleted: Rollout step 4/8 completed (analysis)",
        "RolloutStepCompleted: Rollout step 5/8 completed (setWeight: 60)",
        "RolloutStepCompleted: Rollout step 6/8 completed (analysis)",
        "RolloutStepCompleted: Rollout step 7/8 completed (setWeight: 100)",
        "RolloutStepCompleted: Rollout step 8/8 completed (analysis)",
    ]
    completed = (
        f"Rollout completed update to revision 2 ({world.hash_of('v2')}): Completed all 8 canary steps"
    )
    assert world.events.count(f"RolloutCompleted: {completed}") == 1


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("phase", ["Failed", "Error"])
@both
def test_a_bad_version_is_taken_back_at_whichever_step_it_fails(strategy, phase, gate):
    world = deployed(strategy)
    for each in GATES:
        world.verdicts[f"web-{world.hash_of('v2')}-2-{each}"] = phase if each == gate else "Successful"
    world.ship("v2").until(lambda each: each.status.abort)
    world.until(lambda each: settled(each) and each.size("v2") == 0)
    assert world.size("v1") == 10
    assert world.weight == 0
    assert world.step == 0
    why = f"Step-based analysis phase error/failed: metric says {phase}"
    message = f"RolloutAborted: Rollout aborted update to revision 2: {why}"
    assert world.phase == ("Degraded", message)
    assert sum(text.startswith("RolloutAborted") for text in world.events) == 1
    assert world.status.stable_rs == world.hash_of("v1")


@pytest.mark.parametrize("seconds", range(1, 40, 3))
@both
def test_an_abort_at_any_moment_brings_all_traffic_back(strategy, seconds):
    world = deployed(strategy)
    world.verdicts["v2"] = "Successful"
    world.ship("v2").run(seconds)
    promoted = world.status.stable_rs == world.hash_of("v2")
    world.patch(abort=True).until(settled).run(60)
    if promoted:
        assert not world.status.abort
        return
    assert world.weight == 0
    assert (world.size("v1"), world.size("v2")) == (10, 0)
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert all(run.terminated for run in world.runs.values() if run.phase == "Running")


@both
def test_retry_begins_at_the_first_step_with_new_analysis_runs(strategy):
    world = deployed(strategy)
    world.verdicts[f"web-{world.hash_of('v2')}-2-1"] = "Failed"
    world.ship("v2").until(lambda each: each.status.abort).run(5)
    world.verdicts["v2"] = "Successful"
    world.patch(abort=False).until(done)
    assert world.status.stable_rs == world.hash_of("v2")
    assert world.runs[f"web-{world.hash_of('v2')}-2-1"].phase == "Failed"
    assert world.runs[f"web-{world.hash_of('v2')}-2-1.1"].phase == "Successful"


@both
def test_a_third_version_supersedes_a_canary_under_way(strategy):
    world = deployed(strategy)
    world.verdicts[f"web-{world.hash_of('v2')}-2-1"] = "Successful"
    world.ship("v2").until(lambda each: each.step == 3)
    world.run(5)
    world.verdicts["v3"] = "Successful"
    world.ship("v3").reconcile()
    assert world.step == 0
    world.until(done).run(40)
    assert world.status.stable_rs == world.hash_of("v3")
    assert (world.size("v1"), world.size("v2"), world.size("v3")) == (0, 0, 10)
    assert all(run.phase != "Running" for run in world.runs.values())


@both
def test_a_third_version_that_never_starts_does_not_keep_the_second_alive(strategy):
    world = deployed(strategy)
    world.ship("v2").until(lambda each: each.step == 1)
    world.broken.add("v3")
    world.ship("v3").run(60)
    assert world.size("v2") == 0
    assert world.weight == 0


@both
def test_going_back_to_stable_in_the_middle_skips_the_steps(strategy):
    world = deployed(strategy)
    world.verdicts[f"web-{world.hash_of('v2')}-2-1"] = "Successful"
    world.ship("v2").until(lambda each: each.step == 3)
    world.events.clear()
    world.ship("v1").until(done)
    assert "SkipSteps: Rollback to stable ReplicaSets" in world.events
    world.run(60)
    assert (world.size("v1"), world.size("v2"), world.weight) == (10, 0, 0)
    assert world.step == len(STEPS)


def test_a_rolled_back_version_gets_a_new_revision_number():
    world = deployed(canary())
    world.ship("v2").until(done).ship("v1").until(done)
    assert world.of("v1").revision == 3
    assert world.of("v1").annotations["rollout.argoproj.io/revision-history"] == "1"
    assert world.annotations["rollout.argoproj.io/revision"] == "3"


@both
def test_rollback_window_goes_back_without_steps(strategy):
    world = deployed(strategy, spec={"rollbackWindow": {"revisions": 2}})
    world.verdicts |= {"v2": "Successful", "v3": "Successful"}
    world.ship("v2").until(done).ship("v3").until(done).run(40)
    world.events.clear()
    runs = len(world.runs)
    world.ship("v1").until(done)
    assert not any(each.startswith("SkipSteps") for each in world.events), "told of what still runs alone"
    assert any(text.endswith("Rollback within window") for text in world.events)
    assert len(world.runs) == runs


def test_outside_the_rollback_window_every_step_is_walked():
    world = deployed(canary(*STEPS), spec={"rollbackWindow": {"revisions": 1}})
    world.verdicts |= dict.fromkeys(("v1", "v2", "v3"), "Successful")
    world.ship("v2").until(done).ship("v3").until(done)
    world.ship("v1").until(done)
    assert f"web-{world.hash_of('v1')}-4-1" in world.runs


def test_a_version_that_failed_last_is_no_short_cut_back():
    world = deployed(canary(*STEPS), spec={"rollbackWindow": {"revisions": 5}})
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(done)
    world.ship("v1").reconcile()
    assert world.step == len(STEPS)
    world.verdicts["v1"] = "Failed"
    world.set(rollbackWindow=None).ship("v2").until(done)
    world.ship("v1").until(lambda each: each.status.abort)
    world.ship("v2").until(done)
    world.set(rollbackWindow={"revisions": 5}).ship("v1").reconcile()
    assert world.step == 0


@both
def test_edited_steps_begin_the_update_anew(strategy):
    world = deployed(strategy)
    world.verdicts[f"web-{world.hash_of('v2')}-2-1"] = "Successful"
    world.ship("v2").until(lambda each: each.step == 3)
    inner = world.strategy["canary"] | {"steps": [{"setWeight": 50}, {"pause": {}}]}
    world.strategy = {"canary": inner}
    world.reconcile()
    assert world.step == 0
    world.until(lambda each: each.step == 1)


def test_edited_steps_of_a_promoted_rollout_change_nothing():
    world = deployed(routed(*STEPS))
    world.strategy = {"canary": world.strategy["canary"] | {"steps": [{"setWeight": 50}, {"pause": {}}]}}
    world.until(settled)
    assert world.step == 2
    assert world.phase == ("Healthy", "")


@pytest.mark.parametrize(
    "strategy", [canary(), canary(*STEPS), routed(*STEPS)], ids=["rolling", "canary", "routed"]
)
def test_scaling_during_an_update_keeps_the_share(strategy):
    world = deployed(strategy)
    world.verdicts[f"web-{world.hash_of('v2')}-2-1"] = "Successful"
    world.ship("v2").run(12).scale(20).run(30)
    world.verdicts["v2"] = "Successful"
    world.until(done).scale(4).until(done)
    assert world.size("v2") == 4
    assert world.of("v2").desired_annotation == 4


def test_scaling_to_zero_and_back_is_settled_at_each_end():
    for strategy in (canary(), routed(*STEPS)):
        world = deployed(strategy)
        world.scale(0).until(done)
        assert world.size("v1") == 0
        world.scale(3).until(done)
        assert world.size("v1") == 3


def test_rolling_update_stays_within_surge_and_unavailable():
    world = deployed(canary(maxSurge=2, maxUnavailable=1))
    world.ship("v2")
    while not done(world):
        world.reconcile()
        assert sum(each.desired for each in world.sets.values()) <= 12
        world.pass_time()
        assert sum(each.available for each in world.sets.values()) >= 9
    assert world.size("v2") == 10


def test_a_rolling_update_that_never_starts_keeps_the_old_pods():
    world = deployed(canary(maxSurge=2, maxUnavailable=1))
    world.broken.add("v2")
    world.ship("v2").run(700)
    assert world.of("v1").available == 9
    assert world.phase[0] == "Degraded"
    assert world.phase[1].startswith("ProgressDeadlineExceeded: ReplicaSet")
    world.broken.clear()
    world.until(done)


@both
def test_a_first_version_that_never_starts_is_replaced_by_the_next_step_by_step(strategy):
    world = World(strategy=strategy, broken={"v1"}).run(30)
    assert world.phase == ("Progressing", "updated replicas are still becoming available")
    assert world.status.stable_rs == world.hash_of("v1")
    world.ship("v2").run(30)
    assert world.step == 1
    world.verdicts["v2"] = "Successful"
    world.until(done).run(40)
    assert (world.size("v1"), world.size("v2")) == (0, 10)


def test_a_second_version_that_never_starts_gets_no_more_than_the_surge():
    world = World(strategy=canary(maxSurge=1, maxUnavailable=0), broken={"v1", "v2"}).run(30)
    world.ship("v2").run(30)
    assert (world.size("v1"), world.size("v2")) == (10, 1)


@both
def test_a_full_promotion_after_an_abort_takes_the_abort_back(strategy):
    world = deployed(strategy)
    world.ship("v2").run(30)
    world.patch(abort=True).run(5)
    assert world.status.abort
    world.patch(promoteFull=True).until(done)
    assert world.status.stable_rs == world.hash_of("v2")
    assert len(world.runs) == 1


@both
def test_an_abort_ends_a_full_promotion(strategy):
    world = deployed(strategy)
    world.ship("v2").run(30)
    world.patch(promoteFull=True, abort=True).until(lambda each: each.status.aborted_at is not None).run(60)
    assert world.status.abort
    assert (world.size("v1"), world.weight) == (10, 0)


def test_history_keeps_the_last_revisions_and_their_runs():
    world = deployed(canary(GATE), spec={"revisionHistoryLimit": 1})
    world.verdicts |= dict.fromkeys(("v1", "v2", "v3", "v4"), "Successful")
    for version in ("v2", "v3", "v4"):
        world.ship(version).until(done)
    assert {each.revision for each in world.sets.values()} == {3, 4}
    assert {run.pod_hash for run in world.runs.values()} == {world.hash_of("v3"), world.hash_of("v4")}


def test_an_old_revision_that_still_runs_counts_as_one_that_history_keeps():
    world = deployed(routed(GATE), spec={"revisionHistoryLimit": 1})
    world.verdicts |= dict.fromkeys(("v2", "v3", "v4"), "Successful")
    for version in ("v2", "v3"):
        world.ship(version).until(done)
    world.run(60).ship("v4").until(lambda each: each.status.stable_rs == each.hash_of("v4")).run(5)
    assert (world.size("v3"), {each.revision for each in world.sets.values()}) == (10, {3, 4})


def test_replicas_left_out_are_written_for_the_autoscaler():
    world = World(strategy=canary())
    world.spec["replicas"] = None
    assert world.plan().actions[0].replicas == 1
