"""What a pod's status says of its containers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.embedded.pods.backoff import Backoff
from rollouts.embedded.pods.runner import Address
from rollouts.embedded.pods.status import ContainerState, pod_status

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAITING = ContainerState(name="a", image="x")
RUNNING = replace(WAITING, state="running", reason="", started=NOW)
READY = replace(RUNNING, ready=True)
DONE = replace(RUNNING, state="terminated", reason="Completed", finished=NOW)
BROKE = replace(DONE, reason="Error", exit_code=3)


def status(*main: ContainerState, policy: str = "Always", **pod: Any) -> dict[str, Any]:
    seen = {"spec": {"restartPolicy": policy}, "metadata": {}, **pod}
    return pod_status(seen, (), main, Address(ip="127.0.0.9"), NOW)


def conditions(found: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in found["conditions"]}


@pytest.mark.parametrize(
    ("containers", "policy", "phase"),
    [
        ((WAITING,), "Always", "Pending"),
        ((RUNNING, WAITING), "Always", "Pending"),
        ((RUNNING,), "Always", "Running"),
        ((replace(WAITING, restarts=2, reason="CrashLoopBackOff"),), "Always", "Running"),
        ((DONE,), "Always", "Running"),
        ((DONE,), "Never", "Succeeded"),
        ((DONE, RUNNING), "Never", "Running"),
        ((DONE, BROKE), "Never", "Failed"),
        ((BROKE,), "OnFailure", "Running"),
    ],
)
def test_the_phase(containers: tuple[ContainerState, ...], policy: str, phase: str) -> None:
    assert status(*containers, policy=policy)["phase"] == phase


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    assert conditions(status(READY, READY))["Ready"] == "True"
    assert conditions(status(READY, RUNNING))["Ready"] == "False"


def test_a_readiness_gate_is_waited_for_and_its_condition_kept() -> None:
    gates = {"spec": {"restartPolicy": "Always", "readinessGates": [{"conditionType": "example.com/lb"}]}}
    given = {"type": "example.com/lb", "status": "False"}
    closed = status(READY, **gates, status={"conditions": [given]})
    assert (conditions(closed)["ContainersReady"], conditions(closed)["Ready"]) == ("True", "False")
    opened = status(READY, **gates, status={"conditions": [{**given, "status": "True"}]})
    assert conditions(opened)["Ready"] == "True"
    assert given in closed["conditions"]


def test_a_condition_that_stays_keeps_the_time_at_which_it_changed() -> None:
    before = status(READY)
    earlier = [{**c, "lastTransitionTime": "2026-01-01T11:00:00Z"} for c in before["conditions"]]
    after = status(READY, status={"conditions": earlier})
    assert {c["lastTransitionTime"] for c in after["conditions"]} == {"2026-01-01T11:00:00Z"}


def test_a_container_that_crashed_tells_how() -> None:
    again = replace(WAITING, restarts=1, reason="CrashLoopBackOff", last=BROKE.terminated())
    (found,) = status(again)["containerStatuses"]
    assert found["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert (found["restartCount"], found["ready"]) == (1, False)


def test_the_first_restart_comes_at_once_and_the_waits_double_up_to_five_minutes() -> None:
    waits, backoff = [], Backoff()
    for _ in range(8):
        waits.append(backoff.wait)
        backoff = backoff.after_run(lasted=1)
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_run_of_ten_minutes_makes_up_for_earlier_crashes() -> None:
    assert Backoff(300).after_run(timedelta(minutes=10).total_seconds()).wait == 10
