"""ReplicaSets, planned."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.meta import Object, format_time
from rollouts.embedded.workloads.replicasets import plan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def replica_set(replicas: int, *, min_ready: int = 0) -> Object:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}}
    spec = {"replicas": replicas, "minReadySeconds": min_ready, "template": template}
    return {"metadata": {"name": "rs", "generation": 3}, "spec": spec}


def pod(name: str, *, ready_for: float | None = None, phase: str = "Running", **metadata: Any) -> Object:
    conditions = []
    if ready_for is not None:
        at = format_time(NOW - timedelta(seconds=ready_for))
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": at}]
    return {
        "metadata": {
            "name": name,
            "labels": {"app": "a"},
            "creationTimestamp": "2026-01-01T11:00:00Z",
            **metadata,
        },
        "spec": {"nodeName": "n"},
        "status": {"phase": phase, "conditions": conditions},
    }


def names(pods: tuple[Object, ...]) -> list[str]:
    return [p["metadata"]["name"] for p in pods]


def test_missing_pods_are_made() -> None:
    assert plan(replica_set(3), [pod("a")], NOW).create == 2


def test_pods_that_ended_or_are_ending_do_not_count() -> None:
    ended = [pod("a", phase="Failed"), pod("b", phase="Succeeded"), pod("c", deletionTimestamp="x")]
    decided = plan(replica_set(1), ended, NOW)
    assert (decided.create, decided.delete, decided.status["replicas"]) == (1, (), 0)


def test_pods_that_are_not_ready_go_first_then_the_cheapest_then_the_youngest() -> None:
    cost = {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}
    pods = [
        pod("old", ready_for=500),
        pod("young", ready_for=5),
        pod("cheap", ready_for=500, **cost),
        pod("unready"),
        pod("pending", phase="Pending"),
    ]
    for left, gone in (
        (4, ["pending"]),
        (3, ["pending", "unready"]),
        (2, ["pending", "unready", "cheap"]),
        (1, ["pending", "unready", "cheap", "young"]),
    ):
        assert names(plan(replica_set(left), pods, NOW).delete) == gone


def test_a_pod_is_available_once_it_was_ready_for_long_enough() -> None:
    pods = [pod("a", ready_for=10), pod("b", ready_for=4), pod("c")]
    decided = plan(replica_set(3, min_ready=10), pods, NOW)
    counts = {part: decided.status[part] for part in ("replicas", "readyReplicas", "availableReplicas")}
    assert counts == {"replicas": 3, "readyReplicas": 2, "availableReplicas": 1}
    assert decided.look_again == timedelta(seconds=6)


def test_the_status_tells_which_generation_it_is_about() -> None:
    assert plan(replica_set(0), [], NOW).status["observedGeneration"] == 3


@given(wanted=st.integers(0, 8), ready=st.lists(st.booleans(), max_size=8))
def test_it_never_makes_and_deletes_at_once_and_always_ends_at_the_wanted_number(
    wanted: int, ready: list[bool]
) -> None:
    pods = [pod(f"p{i}", ready_for=60 if is_ready else None) for i, is_ready in enumerate(ready)]
    decided = plan(replica_set(wanted), pods, NOW)
    assert not (decided.create and decided.delete)
    assert len(pods) + decided.create - len(decided.delete) == wanted
    kept_unready = [p for p in pods if p not in decided.delete and not p["status"]["conditions"]]
    assert not kept_unready or all(not p["status"]["conditions"] for p in decided.delete)
