"""What users do, by the very patches that the kubectl plugin makes."""

from dataclasses import replace

import pytest

from strategies.model import EvictPod
from tests.strategies.test_canary_walk import GATE, done
from tests.strategies.world import World, blue_green, canary, deployed, routed, settled

STEPS = ({"setWeight": 20}, {"pause": {}}, GATE, {"setWeight": 60}, {"pause": {"duration": "30s"}})


def both(test):
    each = [canary(*STEPS), routed(*STEPS)]
    return pytest.mark.parametrize("strategy", each, ids=["basic", "routed"])(test)


def paused(world: World) -> bool:
    return world.status.phase == "Paused"


@both
def test_a_pause_without_end_waits_for_promote(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused).run(3600, step=60)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.status.controller_pause
    world.patch(pauseConditions=None).reconcile()
    assert world.step == 2
    assert not world.status.controller_pause
    assert "RolloutResumed: Rollout is resumed" not in world.events, "who resumes it knows"


def test_a_timed_pause_ends_by_the_clock_and_asks_to_be_woken():
    world = deployed(canary({"setWeight": 20}, {"pause": {"duration": "30s"}}))
    world.ship("v2").until(paused)
    start = world.now
    assert 20 < world.plan().requeue_after.total_seconds() <= 30
    world.until(lambda each: each.step == 2)
    assert 28 <= (world.now - start).total_seconds() <= 31


@pytest.mark.parametrize(("text", "seconds"), [(90, 90), ("90", 90), ("1m30s", 90), ("10m", 600)])
def test_pauses_are_written_as_numbers_or_durations(text, seconds):
    world = deployed(canary({"setWeight": 20}, {"pause": {"duration": text}}))
    world.ship("v2").until(paused)
    start = world.now
    world.until(lambda each: each.step == 2, seconds=seconds + 10)
    assert abs((world.now - start).total_seconds() - seconds) <= 2


@both
def test_promote_in_the_middle_of_an_analysis_skips_it(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused).patch(pauseConditions=None).until(lambda each: bool(each.runs)).run(3)
    assert world.step == 2
    world.patch(pauseConditions=None, currentStepIndex=3).until(lambda each: each.step == 4).run(3)
    assert all(run.terminated for run in world.runs.values())
    world.until(done)


@both
def test_an_inconclusive_analysis_pauses_and_resuming_starts_another(strategy):
    world = deployed(strategy)
    world.verdicts[f"web-{world.hash_of('v2')}-2-2"] = "Inconclusive"
    world.ship("v2").until(paused).patch(pauseConditions=None)
    world.until(lambda each: each.status.message == "InconclusiveAnalysisRun").run(100)
    assert not world.status.abort
    world.patch(pauseConditions=None).run(5)
    assert f"web-{world.hash_of('v2')}-2-2.1" in world.runs
    world.verdicts["v2"] = "Successful"
    world.verdicts.pop(f"web-{world.hash_of('v2')}-2-2")
    world.until(done)


def test_an_inconclusive_analysis_can_be_passed_over():
    world = deployed(canary(*STEPS))
    world.verdicts["v2"] = "Inconclusive"
    world.ship("v2").until(paused).patch(pauseConditions=None)
    world.until(lambda each: each.status.message == "InconclusiveAnalysisRun")
    world.patch(pauseConditions=None, controllerPause=False, currentStepIndex=3)
    world.until(done)


@both
def test_full_promotion_skips_every_step(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused).patch(promoteFull=True).until(done)
    assert world.step == len(STEPS)
    assert not world.status.promote_full
    assert not world.runs
    assert any(text.endswith("Full promotion requested") for text in world.events)


@both
def test_full_promotion_waits_for_the_pods(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused)
    world.broken.add("v2")
    world.pass_time().patch(promoteFull=True).run(60)
    assert world.status.stable_rs == world.hash_of("v1")
    world.broken.clear()
    world.until(done)


def test_full_promotion_of_what_is_promoted_is_forgotten():
    world = deployed(canary(*STEPS))
    world.patch(promoteFull=True).until(settled)
    assert not world.status.promote_full


@both
def test_abort_wins_over_full_promotion(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused).patch(promoteFull=True, abort=True).run(60)
    assert world.status.stable_rs == world.hash_of("v1")
    assert not world.status.promote_full
    assert world.weight == 0


@both
def test_abort_wins_over_a_pause_by_the_user(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused).set(paused=True).patch(abort=True).run(60)
    assert world.size("v2") == 0
    assert world.phase[0] == "Degraded"


@both
def test_a_pause_by_the_user_holds_steps_and_sizes(strategy):
    world = deployed(strategy)
    world.ship("v2").run(3).set(paused=True).run(2)
    before = {name: each.desired for name, each in world.sets.items()}
    step = world.step
    world.run(60)
    assert {name: each.desired for name, each in world.sets.items()} == before
    assert (world.step, world.phase) == (step, ("Paused", "manually paused"))
    world.set(paused=False).until(paused)


@both
def test_another_version_clears_an_abort(strategy):
    world = deployed(strategy)
    world.ship("v2").until(paused).patch(abort=True).run(60)
    world.ship("v3").reconcile()
    assert not world.status.abort
    assert world.status.aborted_at is None
    assert world.phase[0] == "Progressing"


def test_an_abort_of_what_is_promoted_is_forgotten():
    for strategy in (canary(*STEPS), routed(*STEPS)):
        world = deployed(strategy)
        world.patch(abort=True).until(settled)
        assert world.phase == ("Healthy", "")


def test_a_first_deployment_has_nothing_to_return_to():
    world = World(strategy=canary(*STEPS)).run(2).patch(abort=True).until(done)
    assert not world.status.abort


@both
def test_restart_replaces_every_pod_within_the_bounds(strategy):
    world = deployed(strategy)
    old = set(world.pods)
    world.set(restartAt=world.now.isoformat()).reconcile()
    assert world.phase == ("Progressing", "rollout is restarting")
    while world.status.restarted_at is None:
        assert world.of("v1").available >= 8
        world.reconcile()
        world.pass_time()
    assert not old & set(world.pods)
    assert world.status.restarted_at == world.rollout.spec.restart_at
    world.until(done)


def test_restart_counts_the_pods_of_all_versions_where_they_share_the_requests():
    world = deployed(canary({"setWeight": 50}, {"pause": {}}), replicas=4)
    world.ship("v2").until(paused).run(3)
    old = set(world.pods)
    world.set(restartAt=world.now.isoformat())
    while world.status.restarted_at is None:
        world.reconcile()
        assert sum(pod.available and not pod.deleting for pod in world.pods.values()) >= 3
        world.pass_time()
    assert not old & set(world.pods)


@pytest.mark.parametrize(("unavailable", "taken"), [("100%", 4), ("75%", 3)])
def test_a_restart_takes_pods_of_both_versions_at_once_where_they_share_the_requests(unavailable, taken):
    world = deployed(canary({"setWeight": 50}, {"pause": {}}, maxUnavailable=unavailable), replicas=4)
    world.ship("v2").until(paused).run(3)
    world.set(restartAt=world.now.isoformat())
    evicted = [action.name for action in world.plan().actions if isinstance(action, EvictPod)]
    of_stable = [name for name in evicted if world.pods[name].pod_hash == world.hash_of("v1")]
    assert (len(of_stable), len(evicted)) == (2, taken)


def test_a_restart_and_a_step_together_leave_enough_pods():
    steps = ({"setWeight": 40}, {"pause": {}}, {"setWeight": 20}, {"pause": {}})
    world = deployed(canary(*steps, maxSurge=0, maxUnavailable=1), replicas=5)
    world.ship("v2").until(paused).run(3)
    world.set(restartAt=world.now.isoformat()).patch(pauseConditions=None)
    while world.status.restarted_at is None or world.step != 3:
        world.reconcile()
        assert sum(pod.available and not pod.deleting for pod in world.pods.values()) >= 4
        kept = sum(min(each.available, each.desired) for each in world.sets.values())
        assert kept >= 4
        world.pass_time()


@pytest.mark.parametrize("strategy", [routed(), blue_green()], ids=["canary", "blue-green"])
def test_a_restart_of_a_set_that_grows_counts_the_pods_that_it_does_not_have_yet(strategy):
    world = deployed(strategy, replicas=3)
    world.set(restartAt=world.now.isoformat(), replicas=5)
    assert not [action for action in world.plan().actions if isinstance(action, EvictPod)]


def test_a_pod_that_serves_is_restarted_in_its_turn_although_it_is_not_available_yet():
    world = deployed(routed(), replicas=4)
    # As where the clock of the controller was set back: by that of the ReplicaSet they are available.
    world.pods = {name: replace(pod, ready=True, available=False) for name, pod in world.pods.items()}
    world.set(restartAt=world.now.isoformat())
    assert len([action for action in world.plan().actions if isinstance(action, EvictPod)]) == 1


def test_restart_in_the_future_waits_for_its_moment():
    world = deployed(canary())
    world.set(restartAt="2026-01-01T01:00:00Z")
    planned = world.plan()
    assert not planned.actions
    assert planned.requeue_after.total_seconds() > 3000


def test_a_new_version_makes_a_restart_needless():
    world = deployed(canary())
    world.set(restartAt=world.now.isoformat()).ship("v2").reconcile()
    assert world.status.restarted_at == world.rollout.spec.restart_at


def test_every_pass_that_changes_nothing_says_nothing():
    for strategy in (canary(*STEPS), routed(*STEPS)):
        world = deployed(strategy)
        world.ship("v2").until(paused).run(3)
        world.events.clear()
        world.run(30)
        assert world.events == []
