"""What a rollout does about an analysis that did not succeed: abort, pause or continue."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.analyses import with_ref
from strategies.conditions import find
from strategies.model import ScaleReplicaSet, SetWeight
from tests.strategies.test_canary_walk import done
from tests.strategies.world import World, blue_green, deployed, routed, settled

ERRORS = {"templates": [{"templateName": "errors"}]}
FIELDS = {"Failed": "onFailure", "Error": "onError", "Inconclusive": "onInconclusive"}
VERDICTS = sorted(FIELDS)


def gated(**policy: str) -> World:
    """A version that carries 20 % while the analysis of its second step runs."""
    gate = {"analysis": {**ERRORS, **policy}}
    world = deployed(routed({"setWeight": 20}, gate, {"setWeight": 60}, {"pause": {}}))
    return world.ship("v2").until(lambda each: any(run.phase == "Running" for run in each.runs.values()))


def watched(**policy: str) -> World:
    """A version at 20 %, in a pause, with an analysis beside the steps."""
    steps = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
    world = deployed(routed(*steps, analysis={**ERRORS, **policy}))
    return world.ship("v2").until(lambda each: each.status.phase == "Paused").run(5)


def only(world: World) -> str:
    """The name of the newest run."""
    return max(world.runs)


@pytest.mark.parametrize("make", [gated, watched])
@pytest.mark.parametrize(
    ("says", "becomes"),
    [("Failed", "Degraded"), ("Error", "Degraded"), ("Inconclusive", "Paused")],
)
def test_without_a_policy_everything_is_as_upstream(make, says, becomes):
    world = make()
    world.verdicts["v2"] = says
    world.run(60)
    assert world.status.phase == becomes
    if becomes == "Paused":
        reasons = {each.reason for each in world.status.pause_conditions}
        assert "InconclusiveAnalysisRun" in reasons
        assert world.status.message in reasons


@pytest.mark.parametrize("make", [gated, watched])
@pytest.mark.parametrize("says", VERDICTS)
def test_every_verdict_aborts_where_the_spec_says_so(make, says):
    world = make(**{FIELDS[says]: "abort"})
    world.verdicts["v2"] = says
    world.run(60)
    assert (world.status.abort, world.weight) == (True, 0)
    assert f"metric says {says}" in world.status.message
    assert "inconclusive: " in world.status.message or says != "Inconclusive"


@pytest.mark.parametrize("make", [gated, watched])
@pytest.mark.parametrize("says", ["Failed", "Error"])
def test_a_failed_analysis_that_pauses_holds_the_weight_and_names_the_run_and_its_verdict(make, says):
    world = make(**{FIELDS[says]: "pause"})
    world.verdicts["v2"] = says
    world.until(lambda each: f"{says}AnalysisRun" in each.status.message)
    step = world.step
    world.run(3600, step=20)
    assert (world.step, world.weight, world.status.abort) == (step, 20, False)
    told = f'{says}AnalysisRun: AnalysisRun "{only(world)}" is {says}: metric says {says}; '
    assert world.phase == ("Paused", f"{told}promote to try again, or abort")
    assert settled(world)


@pytest.mark.parametrize("make", [gated, watched])
def test_promoting_after_a_failed_analysis_that_pauses_starts_another_attempt(make):
    world = make(onFailure="pause")
    first = only(world)
    world.verdicts[first] = "Failed"
    world.until(lambda each: "FailedAnalysisRun" in each.status.message).run(10)
    world.patch(pauseConditions=None).until(lambda each: only(each) != first, seconds=10)
    assert only(world) == f"{first}.1"
    assert not world.status.abort
    world.verdicts["v2"] = "Successful"
    world.until(lambda each: each.weight == 60)


@pytest.mark.parametrize("make", [gated, watched])
def test_aborting_after_a_failed_analysis_that_pauses_takes_all_weight_back(make):
    world = make(onFailure="pause")
    world.verdicts["v2"] = "Failed"
    world.until(lambda each: "FailedAnalysisRun" in each.status.message).patch(abort=True).run(60)
    assert (world.weight, world.status.phase) == (0, "Degraded")


def test_a_failure_that_comes_just_as_a_user_ends_a_pause_still_waits_for_one_who_knows_of_it():
    world = watched(onFailure="pause")
    world.verdicts["v2"] = "Failed"
    world.pass_time().patch(pauseConditions=None).run(30)
    assert world.weight == 20
    assert "FailedAnalysisRun" in world.status.message


def test_a_failed_run_that_somebody_deletes_still_waits_for_a_human():
    world = gated(onFailure="pause")
    world.verdicts["v2"] = "Failed"
    world.until(lambda each: "FailedAnalysisRun" in each.status.message).run(3)
    world.runs.clear()
    world.run(60)
    assert (world.weight, world.status.phase) == (20, "Paused")
    world.verdicts["v2"] = "Successful"
    world.patch(pauseConditions=None).until(lambda each: each.weight == 60)


def test_a_pause_that_a_human_ends_is_over_although_its_verdict_went_meanwhile():
    world = gated(onFailure="pause")
    world.verdicts["v2"] = "Failed"
    world.until(lambda each: "FailedAnalysisRun" in each.status.message).run(3)
    world.runs.clear()
    world.status = with_ref(world.status, "Step", None)
    world.verdicts.clear()
    world.patch(pauseConditions=None).run(10)
    assert (world.status.phase, world.status.controller_pause) == ("Progressing", False)


@pytest.mark.parametrize("says", VERDICTS)
def test_a_step_whose_analysis_is_passed_over_goes_on_and_says_so_once(says):
    world = gated(**{FIELDS[says]: "continue"})
    run = only(world)
    world.verdicts["v2"] = says
    world.until(lambda each: each.weight == 60)
    told = f'AnalysisRun "{run}" is {says}: metric says {says}'
    assert find(world.status.conditions, "AnalysisPassedOver").message == told
    world.run(60).patch(pauseConditions=None).until(done)
    said = f"AnalysisPassedOver: Rollout goes on although {told}"
    assert world.events.count(said) == 1


@pytest.mark.parametrize("says", VERDICTS)
def test_an_analysis_beside_the_steps_that_is_passed_over_is_told_until_the_update_ends(says):
    world = watched(**{FIELDS[says]: "continue"})
    world.verdicts["v2"] = says
    world.run(60)
    assert world.phase == ("Paused", "CanaryPauseStep")
    world.patch(pauseConditions=None).until(lambda each: each.step == 2, seconds=30)
    assert (world.status.phase, f"is {says}: metric says {says}" in world.status.message) == (
        "Progressing",
        True,
    )
    world.until(lambda each: each.status.phase == "Paused").patch(pauseConditions=None).until(done)
    assert world.phase == ("Healthy", "")
    assert len([event for event in world.events if event.startswith("AnalysisPassedOver")]) == 1
    world.verdicts.clear()
    world.ship("v3").reconcile()
    assert find(world.status.conditions, "AnalysisPassedOver") is None


@pytest.mark.parametrize("when", ["prePromotionAnalysis", "postPromotionAnalysis"])
@pytest.mark.parametrize("says", VERDICTS)
@pytest.mark.parametrize("policy", ["abort", "pause", "continue"])
def test_blue_green_does_what_the_spec_says_of_its_analyses(when, says, policy):
    world = deployed(blue_green(**{when: {**ERRORS, FIELDS[says]: policy}}))
    world.verdicts["v2"] = says
    world.ship("v2").run(90)
    switched, v2 = world.selected("web-active") == "v2", world.hash_of("v2")
    match policy:
        case "abort":
            assert (world.status.phase, switched) == ("Degraded", False)
        case "pause":
            assert world.status.phase == "Paused"
            assert f"{says}AnalysisRun" in world.status.message
            assert (switched, world.status.stable_rs == v2) == (when.startswith("post"), False)
            world.verdicts["v2"] = "Successful"
            world.patch(pauseConditions=None).until(done)
        case "continue":
            assert (world.status.stable_rs, switched) == (v2, True)


@pytest.mark.parametrize("make", [gated, watched])
def test_nothing_is_promoted_on_a_run_that_somebody_ended(make):
    world = make()
    run = only(world)
    world.runs[run] = replace(world.runs[run], terminated=True)
    world.run(600)
    assert world.runs[run].phase == "Successful"
    assert (world.weight, world.status.phase) == (20, "Paused")
    assert f'AnalysisRun "{run}" was ended before its time' in world.status.message
    world.verdicts["v2"] = "Successful"
    world.patch(pauseConditions=None).until(lambda each: each.weight == 60)


@pytest.mark.parametrize("says", VERDICTS)
def test_a_verdict_that_is_passed_over_is_for_a_human_where_somebody_ended_the_run(says):
    world = gated(**{FIELDS[says]: "continue"})
    run = only(world)
    world.runs[run] = replace(world.runs[run], phase=says, terminated=True, cut_short=True)
    world.run(60)
    assert (world.weight, world.status.phase) == (20, "Paused")


@settings(max_examples=40, deadline=None)
@given(
    says=st.sampled_from(VERDICTS),
    policy=st.sampled_from(["", "abort", "pause", "continue"]),
    beside=st.booleans(),
    after=st.integers(0, 40),
    crash=st.integers(0, 3),
)
def test_no_version_gains_weight_after_a_failed_analysis_unless_the_spec_says_continue(
    says, policy, beside, after, crash
):
    analysis = {**ERRORS, **({FIELDS[says]: policy} if policy else {})}
    wait = {"pause": {"duration": 20}}
    steps = ({"setWeight": 20}, wait if beside else {"analysis": analysis}, {"setWeight": 60}, wait)
    world = deployed(routed(*steps, **({"analysis": analysis} if beside else {})))
    world.ship("v2").run(after)
    world.verdicts["v2"] = says
    for _ in range(120):
        condemned = any(run.phase == says for run in world.runs.values())
        before = world.weight
        planned = world.plan()
        if condemned and policy != "continue" and world.status.stable_rs != world.hash_of("v2"):
            assert all(each.canary <= before for each in planned.actions if isinstance(each, SetWeight))
            grown = [each for each in planned.actions if isinstance(each, ScaleReplicaSet)]
            v2 = world.of("v2")
            assert all(each.replicas <= v2.desired for each in grown if each.name == v2.name)
        world.reconcile(actions=crash if world.passes % 5 == 0 else None)
        world.pass_time()
