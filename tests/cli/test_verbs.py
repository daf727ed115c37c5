"""The commands that read and change rollouts."""

import asyncio
import json
import re
from typing import Any

import pytest
import yaml

from rollouts.client import RolloutView
from rollouts.kube.resources import ANALYSIS_RUNS, NAMESPACES
from tests.cli.bench import Bench, one_line_error
from tests.client.samples import rollout

HEALTHY = {"phase": "Healthy", "stableRS": "new", "currentStepIndex": 4}
PAUSED = {
    "phase": "Paused",
    "message": "CanaryPauseStep",
    "controllerPause": True,
    "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-31T12:00:00Z"}],
}
ABORTED = {"phase": "Degraded", "message": "RolloutAborted: too many errors", "abort": True}
RUN = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AnalysisRun",
    "metadata": {"name": "shop-new-2-1", "namespace": "default"},
    "spec": {"metrics": [{"name": "rate", "provider": {"web": {"url": "http://metrics.test"}}}]},
    "status": {"phase": "Running", "metricResults": [{"name": "rate", "phase": "Running", "successful": 2}]},
}


def read(bench: Bench) -> RolloutView:
    return asyncio.run(bench.client().rollouts.get("shop"))


def test_promote_goes_past_a_pause() -> None:
    bench = Bench(rollout(status=PAUSED))
    assert bench.ok("promote", "shop") == "rollout shop promoted\n"
    assert read(bench).message == "waiting for rollout to unpause"


def test_promote_full() -> None:
    bench = Bench(rollout(status=PAUSED))
    assert bench.ok("promote", "shop", "--full") == "rollout shop fully promoted\n"
    assert read(bench).status["promoteFull"] is True


def test_promote_of_a_promoted_rollout_says_so_and_succeeds() -> None:
    assert "nothing to promote" in Bench(rollout(status=HEALTHY)).ok("promote", "shop")


def test_abort_then_retry() -> None:
    bench = Bench(rollout())
    assert bench.ok("abort", "shop") == "rollout shop aborted\n"
    assert read(bench).aborted
    assert bench.ok("retry", "shop") == "rollout shop retried\n"
    assert not read(bench).aborted
    assert "nothing to retry" in bench.ok("retry", "shop")


def test_pause() -> None:
    bench = Bench(rollout())
    assert bench.ok("pause", "shop") == "rollout shop paused\n"
    assert read(bench).spec["paused"] is True
    assert "paused already" in bench.ok("pause", "shop")


def test_restart_later_is_a_moment_in_the_future() -> None:
    bench = Bench(rollout())
    assert bench.ok("restart", "shop", "--in", "2h") == "rollout shop restarts in 7200 s\n"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", read(bench).spec["restartAt"])


def test_set_image() -> None:
    bench = Bench(rollout())
    assert bench.ok("set", "image", "shop", "web=shop:3", "log=log:2") == "rollout shop image updated\n"
    assert read(bench).images == {"web": "shop:3", "log": "log:2"}


def test_undo_without_an_older_revision_is_refused() -> None:
    assert "no revision before the newest" in one_line_error(Bench(rollout()).run("undo", "shop"), 1)


def test_another_revision_than_expected_is_refused() -> None:
    error = one_line_error(Bench(rollout()).run("abort", "shop", "--expect-revision", "1"), 1)
    assert error == "rollout shop is at revision 2, not 1"


def test_terminate_ends_a_run() -> None:
    bench = Bench(RUN)
    assert bench.ok("terminate", "analysisrun", "shop-new-2-1") == "analysisrun shop-new-2-1 terminated\n"
    run = asyncio.run(bench.client().kube.get(ANALYSIS_RUNS, "shop-new-2-1", "default"))
    assert run["spec"]["terminate"] is True


@pytest.mark.parametrize("words", [("shop",), ("rollout", "shop"), ("ro", "shop")])
def test_get_draws_a_plain_tree_where_there_is_no_terminal(words: tuple[str, ...]) -> None:
    drawn = Bench(rollout(status=PAUSED)).ok("get", *words)
    assert "Status:          ॥ Paused" in drawn
    assert "▶  2  pause, until promoted" in drawn
    assert "\x1b" not in drawn


def test_get_of_a_run_shows_its_metrics() -> None:
    drawn = Bench(RUN).ok("get", "analysisrun", "shop-new-2-1")
    assert "└──rate" in drawn
    assert "✔ 2" in drawn


@pytest.mark.parametrize(("kind", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_get_for_machines_is_the_object_itself(kind: str, load: Any) -> None:
    found = load(Bench(rollout()).ok("get", "shop", "-o", kind))
    assert (found["kind"], found["spec"]["replicas"]) == ("Rollout", 5)


def test_list_shows_the_rollouts_of_one_namespace_or_of_all() -> None:
    other = rollout()
    other["metadata"] |= {"name": "other", "namespace": "kube-system"}
    bench = Bench(rollout(status=PAUSED), other)
    assert [line.split()[0] for line in bench.ok("list").splitlines()] == ["NAME", "shop"]
    everywhere = bench.ok("list", "rollouts", "-A").splitlines()
    assert [line.split()[:2] for line in everywhere[1:]] == [["default", "shop"], ["kube-system", "other"]]
    assert "1/4" in everywhere[1]


def test_list_for_machines_is_a_list() -> None:
    found = json.loads(Bench(rollout()).ok("list", "-o", "json"))
    assert (found["kind"], [o["kind"] for o in found["items"]]) == ("List", ["Rollout"])


def test_an_empty_list_says_so_beside_the_output() -> None:
    result = Bench().run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no rollouts in this namespace" in result.stderr


def test_the_namespace_can_stand_before_or_after_the_command() -> None:
    other = rollout()
    other["metadata"]["namespace"] = "kube-system"
    bench = Bench(other)
    assert "shop" in bench.ok("-n", "kube-system", "list")
    assert "shop" in bench.ok("list", "--namespace", "kube-system")
    assert "shop" in bench.ok("-n", "nowhere", "list", "-n", "kube-system")


def test_status_of_a_healthy_rollout_is_0() -> None:
    assert Bench(rollout(status=HEALTHY)).ok("status", "shop") == "Healthy, step 4/4\n"


def test_status_of_an_aborted_rollout_is_3() -> None:
    result = Bench(rollout(status=ABORTED)).run("status", "shop")
    assert one_line_error(result, 3) == "rollout default/shop is Degraded: RolloutAborted: too many errors"


def test_status_that_is_not_reached_in_time_is_4() -> None:
    result = Bench(rollout()).run("status", "shop", "--timeout", "0.05")
    assert "is not Healthy after 0.05 s" in one_line_error(result, 4)


def test_status_without_waiting_takes_what_there_is() -> None:
    assert "Paused" in Bench(rollout(status=PAUSED)).ok("status", "shop", "--no-watch")


def test_status_for_machines() -> None:
    found = json.loads(Bench(rollout(status=HEALTHY)).ok("status", "shop", "-o", "json"))
    assert (found["phase"], found["step"], found["steps"], found["revision"]) == ("Healthy", 4, 4, 2)


def test_a_name_in_another_namespace_is_pointed_at() -> None:
    bench = Bench(rollout())
    asyncio.run(
        bench.client().kube.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
        )
    )
    error = one_line_error(bench.run("get", "shop", "-n", "x"), 1)
    assert error == 'there is no rollout "shop" in namespace "x", but in: default; choose with --namespace'
