"""Analysis runs: names, arguments, history."""

from datetime import timedelta

import pytest

from strategies.model import AnalysisRun, DeleteAnalysis, StartAnalysis
from tests.strategies.test_canary_walk import GATE, done
from tests.strategies.world import START, World, canary, deployed, routed


def starts(world: World) -> list[StartAnalysis]:
    return [action for action in world.plan().actions if isinstance(action, StartAnalysis)]


def at_gate(*args, **analysis) -> World:
    """A world that is about to start the analysis of its first step."""
    gate = {"analysis": {"templates": [{"templateName": "errors"}], "args": list(args), **analysis}}
    world = deployed(canary(gate))
    return world.ship("v2").until(lambda each: bool(starts(each)))


def test_a_run_is_named_in_status_before_it_is_created():
    world = deployed(canary(GATE))
    world.ship("v2")
    while world.status.canary.current_step_analysis_run_status is None:
        assert not starts(world)
        world.reconcile()
        world.pass_time()
    (start,) = starts(world)
    assert start.name == f"web-{world.hash_of('v2')}-2-0"
    assert (start.type, start.step_index, start.revision) == ("Step", 0, 2)
    assert start.pod_hash == world.hash_of("v2")


def test_arguments_are_values_by_the_time_a_run_starts():
    world = at_gate(
        {"name": "plain", "value": "yes"},
        {"name": "new", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "old", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "name", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "image", "valueFrom": {"fieldRef": {"fieldPath": "spec.template.spec.containers[0].image"}}},
        {"name": "size", "valueFrom": {"fieldRef": {"fieldPath": "spec.replicas"}}},
        {"name": "label", "valueFrom": {"fieldRef": {"fieldPath": "spec.selector.matchLabels['app']"}}},
        {"name": "from-the-template"},
    )
    (start,) = starts(world)
    assert start.args == {
        "plain": "yes",
        "new": world.hash_of("v2"),
        "old": world.hash_of("v1"),
        "name": "web",
        "image": "web:v2",
        "size": "10",
        "label": "web",
    }


def test_annotations_with_dots_are_found_whole():
    path = "metadata.annotations.example.com/team"
    gate = {"analysis": {"args": [{"name": "team", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}}
    world = World(strategy=canary(gate), annotations={"example.com/team": "shop"})
    world.until(done).ship("v2").until(lambda each: bool(starts(each)))
    assert starts(world)[0].args == {"team": "shop"}


@pytest.mark.parametrize("path", ["metadata.labels['rev']", "metadata.annotations['rev']"])
def test_a_label_that_is_missing_is_empty(path):
    gate = {"analysis": {"args": [{"name": "rev", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}}
    world = World(strategy=canary(gate)).until(done).ship("v2").until(lambda each: bool(starts(each)))
    assert starts(world)[0].args == {"rev": ""}


@pytest.mark.parametrize("path", ["spec.nothing", "spec.template.spec.containers[7].image", "spec.selector"])
def test_a_path_that_leads_nowhere_makes_the_rollout_invalid(path):
    gate = {"analysis": {"args": [{"name": "team", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}}
    world = World(strategy=canary(gate))
    world.reconcile()
    assert world.phase[0] == "Degraded"
    assert path in world.status.message
    assert 'argument "team"' in world.status.message


def test_a_run_that_is_gone_is_made_again_and_a_verdict_that_was_told_is_kept():
    world = deployed(canary(GATE))
    world.ship("v2").until(lambda each: bool(each.runs)).run(3)
    world.runs.clear()
    assert len(starts(world)) == 1
    world.run(3)
    name = next(iter(world.runs))
    world.verdicts[name] = "Successful"
    world.until(lambda each: each.step == 1)


def test_a_name_that_is_taken_by_an_earlier_attempt_is_counted_up():
    world = deployed(canary(GATE))
    name = f"web-{world.hash_of('v2')}-2-0"
    for each in (name, f"{name}.1"):
        world.runs[each] = AnalysisRun(
            name=each, type="Step", pod_hash=world.hash_of("v2"), step_index=0, phase="Failed", created=START
        )
    world.ship("v2").until(lambda each: f"{name}.2" in each.runs)
    assert not world.status.abort


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (None, (5, 5)),
        ({"successfulRunHistoryLimit": 1}, (1, 5)),
        ({"unsuccessfulRunHistoryLimit": 0}, (5, 0)),
    ],
)
def test_finished_runs_beyond_the_limits_are_deleted_oldest_first(limits, kept):
    world = deployed(canary(GATE), spec={"analysis": limits} if limits else {})
    for index in range(14):
        phase = ("Successful", "Failed")[index % 2]
        world.runs[f"run-{index:02}"] = AnalysisRun(
            name=f"run-{index:02}",
            type="Step",
            pod_hash=world.hash_of("v1"),
            phase=phase,
            created=START + timedelta(seconds=index),
        )
    assert sum(isinstance(action, DeleteAnalysis) for action in world.plan().actions) == 14 - sum(kept)
    world.reconcile()
    assert sum(run.phase == "Successful" for run in world.runs.values()) == kept[0]
    assert sum(run.phase == "Failed" for run in world.runs.values()) == kept[1]
    if kept[0] == 1:
        assert "run-12" in world.runs


def test_runs_of_a_revision_that_is_gone_are_deleted():
    world = deployed(canary(GATE))
    world.runs["old"] = AnalysisRun(
        name="old", type="Step", pod_hash="gone", phase="Successful", created=START
    )
    world.reconcile()
    assert not world.runs


@pytest.mark.parametrize("steps", [(), ({"setWeight": 20}, GATE)])
def test_going_back_within_the_window_is_not_analysed_again(steps):
    background = {"templates": [{"templateName": "errors"}]}
    world = deployed(routed(*steps, analysis=background), spec={"rollbackWindow": {"revisions": 3}})
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(lambda each: each.status.stable_rs == each.hash_of("v2"))
    runs = set(world.runs)
    world.ship("v1").until(lambda each: each.status.stable_rs == each.hash_of("v1"))
    assert set(world.runs) <= runs


def test_going_back_to_what_failed_is_analysed_to_the_end():
    background = {"templates": [{"templateName": "errors"}]}
    world = deployed(routed(analysis=background), spec={"rollbackWindow": {"revisions": 3}})
    world.runs["old"] = AnalysisRun(
        name="old", type="Background", pod_hash=world.hash_of("v1"), phase="Failed", created=START
    )
    world.ship("v2").until(lambda each: each.status.stable_rs == each.hash_of("v2"))
    world.broken.add("v1")
    world.ship("v1").run(30)
    (again,) = (run for name, run in world.runs.items() if run.phase == "Running")
    assert not again.terminated


@pytest.mark.parametrize("attempt", ["", ".1", ".12"])
def test_a_run_that_succeeded_and_was_deleted_while_the_rollout_was_paused_is_not_waited_for(attempt):
    world = deployed(canary(GATE, {"pause": {}}))
    world.ship("v2").until(lambda each: bool(each.runs))
    (name,) = world.runs
    ref = {"name": f"{name}{attempt}", "status": "Successful"}
    world.patch(canary={"currentStepAnalysisRunStatus": ref}).runs.clear()
    world.until(lambda each: each.step == 1, seconds=10)
