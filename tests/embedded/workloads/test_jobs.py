"""Jobs, planned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.api.meta import Object, format_time
from rollouts.embedded.workloads.jobs import Plan, plan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(status: Object | None = None, **spec: Any) -> Object:
    defaults = {"parallelism": 1, "completions": 1, "backoffLimit": 6}
    return {"metadata": {"name": "j"}, "spec": {**defaults, **spec}, "status": status or {}}


def pod(phase: str, *, ended_ago: float = 0) -> Object:
    finished = {"finishedAt": format_time(NOW - timedelta(seconds=ended_ago))}
    state = {"terminated": finished} if phase in ("Succeeded", "Failed") else {"running": {}}
    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T11:00:00Z"},
        "spec": {},
        "status": {"phase": phase, "containerStatuses": [{"state": state}]},
    }


def verdict(decided: Plan) -> dict[str, str]:
    return {c["type"]: c["reason"] for c in decided.status.get("conditions", ())}


def test_a_new_job_starts_as_many_pods_as_it_may() -> None:
    decided = plan(job(parallelism=2, completions=3), [], NOW)
    assert (decided.create, decided.status["active"]) == (2, 2)
    assert decided.status["startTime"] == "2026-01-01T12:00:00Z"


def test_no_more_pods_are_started_than_completions_are_missing() -> None:
    done = [pod("Succeeded"), pod("Succeeded")]
    assert plan(job(parallelism=2, completions=3), done, NOW).create == 1


def test_enough_successes_complete_it() -> None:
    decided = plan(job(), [pod("Succeeded")], NOW)
    assert verdict(decided)["Complete"] == "CompletionsReached"
    assert decided.status["completionTime"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(("failures", "wait"), [(1, 10), (2, 20), (3, 40)])
def test_a_failed_pod_is_replaced_after_a_wait_that_doubles(failures: int, wait: int) -> None:
    failed = [pod("Failed", ended_ago=4)] * failures
    early = plan(job(), failed, NOW)
    assert (early.create, early.look_again) == (0, timedelta(seconds=wait - 4))
    late = plan(job(), failed, NOW + timedelta(seconds=wait))
    assert late.create == 1


def test_more_failures_than_the_limit_fail_it_and_end_what_runs() -> None:
    running = pod("Running")
    decided = plan(job(backoffLimit=1, parallelism=2), [pod("Failed"), pod("Failed"), running], NOW)
    assert verdict(decided)["Failed"] == "BackoffLimitExceeded"
    assert decided.delete == (running,)


def test_a_job_that_takes_too_long_fails() -> None:
    running = [pod("Running")]
    started = {"startTime": "2026-01-01T11:59:00Z"}
    assert plan(job(started, activeDeadlineSeconds=90), running, NOW).look_again == timedelta(seconds=30)
    assert verdict(plan(job(started, activeDeadlineSeconds=60), running, NOW))["Failed"] == "DeadlineExceeded"


def test_a_suspended_job_runs_nothing() -> None:
    running = pod("Running")
    assert plan(job(suspend=True), [running], NOW).delete == (running,)


def test_a_job_that_ended_changes_no_more_and_goes_after_its_time() -> None:
    done = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T12:00:00Z"}
    ended = job({"conditions": [done]}, ttlSecondsAfterFinished=60)
    waiting = plan(ended, [pod("Failed")], NOW)
    assert (waiting.create, waiting.remove, waiting.look_again) == (0, False, timedelta(seconds=60))
    assert plan(ended, [], NOW + timedelta(seconds=60)).remove
