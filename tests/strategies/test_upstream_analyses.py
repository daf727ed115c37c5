"""The worlds of Argo Rollouts' own unit tests of the analyses of a rollout, and what came of them there.

Those that other tests hold already are left out. Where the engine means to differ,
docs/analysis-in-a-rollout.md says so.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from strategies.model import AnalysisRun, DeleteAnalysis, StartAnalysis, TerminateAnalysis
from tests.strategies.test_canary_walk import GATE, done
from tests.strategies.world import START, World, blue_green, canary, deployed, routed, settled

ERRORS = {"templates": [{"templateName": "errors"}]}
PAUSED = ({"setWeight": 20}, {"pause": {}})


def starts(world: World) -> list[StartAnalysis]:
    return [action for action in world.plan().actions if isinstance(action, StartAnalysis)]


def running(world: World) -> set[str]:
    return {name for name, run in world.runs.items() if run.phase == "Running"}


# --- which runs there are, and under which names ---------------------------------------------------------

NAMES = [
    (canary(GATE), "Step", "-0", 0),
    (canary({"setWeight": 20}, GATE), "Step", "-1", 1),
    (canary(*PAUSED, analysis=ERRORS), "Background", "", None),
    (blue_green(prePromotionAnalysis=ERRORS), "PrePromotion", "-pre", None),
    (blue_green(postPromotionAnalysis=ERRORS), "PostPromotion", "-post", None),
]


@pytest.mark.parametrize(("strategy", "kind", "suffix", "index"), NAMES)
def test_a_run_is_named_after_rollout_hash_and_revision_and_after_what_it_is_for(
    strategy, kind, suffix, index
):
    world = deployed(strategy)
    world.ship("v2").until(lambda each: bool(starts(each)))
    (start,) = starts(world)
    assert (start.name, start.type, start.step_index, start.revision, start.pod_hash) == (
        f"web-{world.hash_of('v2')}-2{suffix}",
        kind,
        index,
        2,
        world.hash_of("v2"),
    )


@pytest.mark.parametrize("strategy", [each[0] for each in NAMES], ids=[each[1] for each in NAMES])
def test_a_first_version_is_not_analysed(strategy):
    assert deployed(strategy).runs == {}


@pytest.mark.parametrize("strategy", [each[0] for each in NAMES], ids=[each[1] for each in NAMES])
def test_while_a_run_is_under_way_nothing_more_is_begun_or_ended(strategy):
    world = deployed(strategy)
    world.ship("v2").until(lambda each: bool(running(each))).run(30)
    before = dict(world.runs)
    world.run(600)
    assert world.runs == before
    assert settled(world)


def test_the_phase_of_a_run_is_told_as_it_changes():
    world = deployed(canary(GATE))
    world.verdicts["v2"] = "Failed"
    world.ship("v2").until(lambda each: each.status.abort).run(3)
    name = f"web-{world.hash_of('v2')}-2-0"
    assert [event for event in world.events if "Analysis Run" in event] == [
        f"AnalysisRunRunning: Step Analysis Run '{name}' Status New: 'Running' Previous: ''",
        f"AnalysisRunFailed: Step Analysis Run '{name}' Status New: 'Failed' Previous: 'Running'",
    ]


# --- which runs are ended --------------------------------------------------------------------------------


def stray(world: World, name: str, phase: str = "Running", **more) -> None:
    """A run of the rollout that its status does not name."""
    run = AnalysisRun(name=name, type="Step", pod_hash=world.hash_of("v2"), phase=phase, created=START)
    world.runs[name] = replace(run, **more)


def test_older_runs_are_ended_and_the_current_one_goes_on():
    world = deployed(canary(GATE))
    world.ship("v2").until(lambda each: bool(running(each)))
    (current,) = running(world)
    stray(world, "older-step")
    stray(world, "older-background", type="Background")
    world.run(5)
    assert running(world) == {current}
    assert world.runs["older-step"].terminated
    assert world.runs["older-background"].terminated


def test_a_background_run_that_the_spec_asks_for_no_more_is_ended_and_status_forgets_it():
    world = deployed(canary(*PAUSED, analysis=ERRORS))
    world.ship("v2").until(lambda each: bool(running(each)))
    world.strategy = canary(*PAUSED)
    world.generation += 1
    world.run(5)
    assert (running(world), world.status.canary.current_background_analysis_run_status) == (set(), None)


def test_an_abort_ends_the_current_run_and_older_ones():
    world = deployed(canary(GATE))
    world.ship("v2").until(lambda each: bool(running(each)))
    stray(world, "older-step")
    world.patch(abort=True).run(5)
    assert all(run.terminated for run in world.runs.values())
    assert len(world.runs) == 2


def test_a_run_that_is_ended_or_done_is_not_ended_again():
    world = deployed(canary(GATE))
    world.ship("v2").until(lambda each: bool(running(each)))
    stray(world, "ended", terminated=True)
    stray(world, "done", phase="Failed")
    assert not [each for each in world.plan().actions if isinstance(each, TerminateAnalysis)]


def test_a_background_run_is_ended_and_forgotten_once_the_version_is_promoted():
    world = deployed(canary({"setWeight": 20}, analysis=ERRORS))
    world.ship("v2").until(done).run(5)
    (run,) = world.runs.values()
    assert (run.terminated, run.phase) == (True, "Successful")
    assert world.status.canary.current_background_analysis_run_status is None


# --- which runs are deleted ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successful", "unsuccessful", "deleted"),
    [(1, 0, 9), (5, 0, 5), (10, 0, 5), (0, 1, 9), (0, 5, 5), (0, 10, 5), (0, 0, 10), (4, 4, 2), (10, 10, 0)],
)
def test_so_many_runs_are_kept_as_the_limits_say(successful, unsuccessful, deleted):
    limits = {"successfulRunHistoryLimit": successful, "unsuccessfulRunHistoryLimit": unsuccessful}
    world = deployed(canary(GATE), spec={"analysis": limits})
    for place in range(10):
        phase = ("Successful", "Failed")[place % 2]
        created = START + timedelta(seconds=place)
        stray(world, f"run-{place}", phase, pod_hash=world.hash_of("v1"), created=created)
    assert sum(isinstance(each, DeleteAnalysis) for each in world.plan().actions) == deleted


@pytest.mark.parametrize("phase", ["Successful", "Failed", "Error", "Inconclusive"])
def test_a_run_of_a_revision_that_is_gone_or_of_none_is_deleted_and_one_of_a_known_is_not(phase):
    world = deployed(canary(GATE))
    stray(world, "known", phase, pod_hash=world.hash_of("v1"))
    stray(world, "gone", phase, pod_hash="gone")
    stray(world, "of-none", phase, pod_hash="")
    world.reconcile()
    assert set(world.runs) == {"known"}


# --- what follows from a verdict -------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_bad_background_run_aborts_and_the_reason_is_told(phase):
    world = deployed(canary(*PAUSED, analysis=ERRORS))
    world.ship("v2").until(lambda each: bool(running(each)))
    world.verdicts["v2"] = phase
    world.until(lambda each: each.status.abort)
    why = f"Background analysis phase error/failed: metric says {phase}"
    assert world.phase == ("Degraded", f"RolloutAborted: Rollout aborted update to revision 2: {why}")
    assert world.status.canary.current_background_analysis_run_status.status == phase


def test_after_an_inconclusive_run_no_other_is_begun_until_somebody_resumes():
    world = deployed(canary(*PAUSED, analysis=ERRORS))
    world.ship("v2").until(lambda each: bool(running(each)))
    world.verdicts["v2"] = "Inconclusive"
    world.run(600)
    assert len(world.runs) == 1
    assert "InconclusiveAnalysisRun" in {each.reason for each in world.status.pause_conditions}


def test_an_inconclusive_run_before_the_switch_pauses_also_where_a_human_promotes_and_nothing_more_is_begun():
    world = deployed(blue_green(autoPromotionEnabled=False, prePromotionAnalysis=ERRORS))
    world.verdicts["v2"] = "Inconclusive"
    world.ship("v2").run(600)
    assert "InconclusiveAnalysisRun" in {each.reason for each in world.status.pause_conditions}
    assert (world.selected("web-active"), len(world.runs)) == ("v1", 1)


def test_after_the_analysis_before_the_switch_the_seconds_for_a_human_still_pass():
    world = deployed(blue_green(autoPromotionSeconds=60, prePromotionAnalysis=ERRORS))
    world.verdicts["v2"] = "Successful"
    world.ship("v2").run(50)
    assert {run.phase for run in world.runs.values()} == {"Successful"}
    assert world.selected("web-active") == "v1"
    world.run(60)
    assert world.selected("web-active") == "v2"


def test_no_analysis_before_the_switch_is_begun_once_traffic_has_switched():
    world = deployed(blue_green(postPromotionAnalysis=ERRORS))
    world.ship("v2").until(lambda each: each.selected("web-active") == "v2").run(5)
    world.strategy = blue_green(prePromotionAnalysis=ERRORS, postPromotionAnalysis=ERRORS)
    world.generation += 1
    world.run(30)
    assert {run.type for run in world.runs.values()} == {"PostPromotion"}
    assert world.selected("web-active") == "v2"


def test_while_the_analysis_after_the_switch_is_in_doubt_the_old_version_keeps_its_pods():
    world = deployed(blue_green(scaleDownDelaySeconds=1, postPromotionAnalysis=ERRORS))
    world.verdicts["v2"] = "Inconclusive"
    world.ship("v2").run(600)
    assert world.phase == ("Paused", "InconclusiveAnalysisRun")
    assert (world.selected("web-active"), world.size("v1")) == ("v2", 10)


def test_a_pause_whose_time_is_over_leaves_the_doubt_alone_to_wait_for_and_one_gesture_ends_it():
    world = deployed(
        canary({"setWeight": 20}, {"pause": {"duration": "30s"}}, {"pause": {}}, analysis=ERRORS)
    )
    world.ship("v2").until(lambda each: "CanaryPauseStep" in reasons(each))
    world.verdicts["v2"] = "Inconclusive"
    world.until(lambda each: "InconclusiveAnalysisRun" in reasons(each))
    assert (world.phase, world.step) == (("Paused", "CanaryPauseStep"), 1)
    world.run(40)
    assert (world.phase, world.step) == (("Paused", "InconclusiveAnalysisRun"), 1)
    world.verdicts.clear()
    world.patch(pauseConditions=None).run(5)
    assert (world.phase, world.step) == (("Paused", "CanaryPauseStep"), 2)


def reasons(world: World) -> set[str]:
    return {each.reason for each in world.status.pause_conditions}


# --- a retry ---------------------------------------------------------------------------------------------


def attempts(world: World, base: str) -> list[str]:
    """The phases of a run's attempts, from the first to the last."""
    names = (base, *(f"{base}.{number}" for number in range(1, 9)))
    return [world.runs[name].phase for name in names if name in world.runs]


@pytest.mark.parametrize("phase", ["Failed", "Error"])
@pytest.mark.parametrize("human", [False, True])
@pytest.mark.parametrize("ready", [False, True])
def test_each_retry_of_blue_green_has_an_analysis_of_its_own_once_traffic_has_switched(phase, human, ready):
    strategy = {"autoPromotionEnabled": not human, "scaleDownDelaySeconds": 600}
    strategy |= {"abortScaleDownDelaySeconds": 0 if ready else 1, "postPromotionAnalysis": ERRORS}
    world = deployed(blue_green(**strategy))
    base = f"web-{world.hash_of('v2')}-2-post"

    def promoted() -> None:
        if human:
            world.until(lambda each: each.status.phase == "Paused").patch(pauseConditions=None)
        world.until(lambda each: each.selected("web-active") == "v2")

    world.ship("v2")
    promoted()
    for attempt in range(2):
        assert "Running" not in attempts(world, base)[:attempt]
        world.verdicts["v2"] = phase
        world.until(lambda each: each.status.abort).run(30)
        assert (world.selected("web-active"), world.size("v2")) == ("v1", 10 if ready else 0)
        world.verdicts.clear()
        world.broken.add("v2")
        world.patch(abort=False).run(20)
        assert not world.status.abort, "the old verdict says nothing about another attempt"
        if not ready:
            assert (world.selected("web-active"), len(attempts(world, base))) == ("v1", attempt + 1)
        world.broken.clear()
        promoted()
    world.verdicts["v2"] = "Successful"
    world.until(done)
    assert attempts(world, base) == [phase, phase, "Successful"]
    assert world.status.stable_rs == world.hash_of("v2")


@pytest.mark.parametrize("phase", ["Failed", "Error", "Running"])
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("scaling", [False, True])
def test_each_retry_of_a_canary_has_analyses_of_its_own_from_their_steps_on(phase, beside, pause, scaling):
    steps = ({"pause": {}}, GATE) if pause else (GATE,)
    background = {"analysis": {**ERRORS, "startingStep": 1 if pause else 0}} if beside else {}
    kept = {"analysis": {"successfulRunHistoryLimit": 9, "unsuccessfulRunHistoryLimit": 9}}
    world = deployed(routed({"setWeight": 20}, *steps, **background), spec=kept)
    bases = [f"web-{world.hash_of('v2')}-2-{len(steps)}"]
    bases += [f"web-{world.hash_of('v2')}-2"] if beside else []

    def resumed() -> None:
        if pause:
            world.until(lambda each: each.status.phase == "Paused").patch(pauseConditions=None)
        world.until(lambda each: len(running(each)) == len(bases))

    world.ship("v2")
    resumed()
    for attempt in range(2):
        if phase == "Running":
            world.patch(abort=True)  # by hand, so that what is under way is ended
        else:
            world.verdicts["v2"] = phase
        world.until(lambda each: each.status.abort).run(3)
        world.verdicts.clear()
        if scaling:
            world.scale(20 if attempt else 12)
        world.patch(abort=False).reconcile()
        assert not world.status.abort
        resumed()
        assert not world.status.abort, "the old verdict says nothing about another attempt"
        assert [len(attempts(world, base)) for base in bases] == [attempt + 2] * len(bases)
    world.verdicts["v2"] = "Successful"
    world.until(done)
    for base in bases:
        assert attempts(world, base)[-1] == "Successful"
        assert len(attempts(world, base)) == 3
    assert world.status.stable_rs == world.hash_of("v2")
