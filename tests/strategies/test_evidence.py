"""Steps and pauses that end once the version is proven good, and are held until then."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.conditions import find
from tests.strategies.test_canary_walk import done
from tests.strategies.world import World, deployed, routed, settled

ERRORS = {"templates": [{"templateName": "errors"}]}


def gated(**more: str) -> World:
    """A version at 20 %, whose step ends with the proof that its own analysis gives."""
    gate = {"analysis": {**ERRORS, "advance": "evidence", **more}}
    world = deployed(routed({"setWeight": 20}, gate, {"setWeight": 60}, {"pause": {}}))
    return world.ship("v2").until(lambda each: any(run.started for run in each.runs.values()))


def watched(**more: str) -> World:
    """A version at 20 %, in a pause that ends with the proof of the analysis beside the steps."""
    pause = {"pause": {"advance": "evidence", **more}}
    world = deployed(routed({"setWeight": 20}, pause, {"setWeight": 60}, {"pause": {}}, analysis=ERRORS))
    return world.ship("v2").until(lambda each: each.status.phase == "Paused")


BOTH = pytest.mark.parametrize("make", [gated, watched], ids=["analysis", "pause"])


@BOTH
def test_without_proof_the_step_is_held_however_long_it_takes(make):
    world = make()
    world.run(10 * 3600, step=60)
    assert (world.step, world.weight, world.status.abort) == (1, 20, False)
    assert settled(world)


@BOTH
def test_with_the_proof_the_step_is_over_at_once(make):
    world = make().run(30)
    world.proven.add("v2")
    world.until(lambda each: each.weight == 60, seconds=10)


@BOTH
def test_a_proven_step_still_lasts_as_long_as_it_must(make):
    world = make(atLeast="5m")
    start = world.now
    world.proven.add("v2")
    world.run(30)
    assert 200 < world.plan().requeue_after.total_seconds() <= 300
    world.until(lambda each: each.step == 2, seconds=300)
    assert 298 <= (world.now - start).total_seconds() <= 302


@BOTH
def test_the_longest_time_is_asked_to_be_woken_at(make):
    world = make(atMost="5m").run(3)
    assert 280 < world.plan().requeue_after.total_seconds() <= 300


def test_a_step_that_advances_ends_its_run():
    world = gated()
    (run,) = world.runs
    world.proven.add(run)
    world.until(lambda each: each.step == 3).run(3)
    assert world.runs[run].terminated
    assert "RolloutStepCompleted: Rollout step 2/4 completed (analysis until proven)" in world.events
    world.patch(pauseConditions=None).until(done)


def test_an_analysis_without_proof_in_time_is_for_a_human_who_may_let_it_try_again():
    world = gated(atMost="5m")
    (run,) = world.runs
    world.run(400)
    said = f'AnalysisRun "{run}" has not proven the version good: no proof within 5m'
    assert world.phase == ("Paused", f"UnprovenAnalysisRun: {said}; promote to try again, or abort")
    world.proven.add("v2")
    world.run(60)
    assert (world.step, world.weight) == (1, 20)
    world.patch(pauseConditions=None).until(lambda each: each.weight == 60, seconds=20)


def test_who_resumes_an_analysis_without_proof_starts_it_again():
    world = gated(atMost="5m").run(400)
    (run,) = world.runs
    world.patch(pauseConditions=None).run(20)
    assert world.runs.keys() == {run, f"{run}.1"}
    assert world.runs[run].terminated
    assert world.phase[0] == "Progressing"
    world.proven.add("v2")
    world.until(lambda each: each.weight == 60, seconds=20)


@pytest.mark.parametrize(
    ("policy", "weight", "phase"), [("abort", 0, "Degraded"), ("continue", 60, "Paused")]
)
def test_an_analysis_without_proof_in_time_is_treated_as_inconclusive(policy, weight, phase):
    world = gated(atMost="5m", onInconclusive=policy).run(400)
    assert (world.weight, world.status.phase) == (weight, phase)
    if policy == "abort":
        assert "Step-based analysis phase inconclusive: no proof within 5m" in world.status.message
    else:
        assert "no proof within 5m" in find(world.status.conditions, "AnalysisPassedOver").message


def test_an_analysis_that_succeeds_without_proof_is_no_proof():
    world = gated()
    world.verdicts["v2"] = "Successful"
    world.run(60)
    assert (world.step, world.weight) == (1, 20)
    assert "UnprovenAnalysisRun" in world.status.message


def test_a_pause_without_proof_in_time_waits_for_a_human():
    world = watched(atMost="5m")
    assert world.phase == ("Paused", "CanaryPauseStep: until proven good")
    world.run(400)
    assert world.phase == ("Paused", "UnprovenPauseStep: no proof came, promote or abort")
    world.proven.add("v2")
    world.run(600)
    assert (world.step, world.weight) == (1, 20)
    assert settled(world)
    world.patch(pauseConditions=None).until(lambda each: each.weight == 60, seconds=20)


def test_a_pause_whose_analysis_ended_without_proof_waits_for_a_human_at_once():
    world = watched()
    world.verdicts["v2"] = "Successful"
    world.run(30)
    assert world.phase == ("Paused", "UnprovenPauseStep: no proof came, promote or abort")


@BOTH
def test_a_user_may_go_past_a_step_that_is_held(make):
    world = make().run(30)
    paused = world.status.phase == "Paused"
    world.patch(pauseConditions=None, **({} if paused else {"currentStepIndex": 2}))
    world.until(lambda each: each.weight == 60, seconds=20)


@BOTH
def test_a_failure_aborts_although_the_version_was_proven_good_before(make):
    world = make(atLeast="1h")
    world.proven.add("v2")
    world.run(30)
    world.verdicts["v2"] = "Failed"
    world.run(30)
    assert (world.weight, world.status.phase) == (0, "Degraded")


@BOTH
def test_a_step_that_was_proven_by_a_run_which_somebody_ended_is_not_over(make):
    world = make(atLeast="5m")
    world.proven.add("v2")
    world.run(5)
    world.runs = {name: replace(each, terminated=True) for name, each in world.runs.items()}
    world.run(600)
    assert world.weight == 20
    assert "TerminatedAnalysisRun" in world.status.message


def test_the_weight_follows_the_evidence():
    gate = {"analysis": {**ERRORS, "advance": "evidence"}}
    steps = [each for weight in (5, 20, 50) for each in ({"setWeight": weight}, gate)]
    world = deployed(routed(*steps))
    world.ship("v2")
    for weight in (5, 20, 50):
        world.until(
            lambda each: each.step % 2 == 1 and any(run.phase == "Running" for run in each.runs.values())
        )
        world.run(600)
        assert world.weight == weight
        world.proven = {max(world.runs)}
        world.run(3)
    world.until(done)


@settings(max_examples=40, deadline=None)
@given(
    at=st.sampled_from([gated, watched]),
    least=st.integers(0, 40),
    more=st.none() | st.integers(0, 40),
    proof=st.integers(0, 100),
    crash=st.integers(0, 3),
)
def test_weight_grows_neither_before_the_proof_nor_before_the_shortest_time(at, least, more, proof, crash):
    times = {"atLeast": f"{least}s"} if least else {}
    times |= {"atMost": f"{least + more + 1}s"} if more is not None else {}
    world = at(**times)
    begun = world.now
    for _ in range(120):
        elapsed = (world.now - begun).total_seconds()
        if elapsed >= proof:
            world.proven.add("v2")
        world.reconcile(actions=crash if world.passes % 5 == 0 else None)
        if world.weight > 20:
            assert any(run.proven for run in world.runs.values())
            assert elapsed >= least - 1
        world.pass_time()
    in_time = more is None or proof < least + more - 5
    if in_time and proof < 90:
        assert world.weight == 60
