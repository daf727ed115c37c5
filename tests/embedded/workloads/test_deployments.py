"""Deployments, planned: and walked, with a ReplicaSet controller of a few lines."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.meta import Object
from rollouts.embedded.workloads.deployments import REVISION, Plan, plan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def deployment(image: str, replicas: int = 4, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": image}]}}
    return {
        "metadata": {"name": "d", "namespace": "default", "uid": "u", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "a"}},
            "template": template,
            **spec,
        },
    }


class Walk:
    """ReplicaSets that obey at once; new pods become available only when told."""

    def __init__(self) -> None:
        self.sets: dict[str, Object] = {}
        self.now = NOW

    def step(self, wanted: Object) -> Plan:
        decided = plan(wanted, [*self.sets.values()], self.now)
        if decided.create:
            self.sets[decided.create["metadata"]["name"]] = decided.create
        for name, replicas in decided.scale.items():
            self.sets[name]["spec"]["replicas"] = replicas
        if decided.revise:
            self.sets[decided.revise[0]]["metadata"]["annotations"][REVISION] = decided.revise[1]
        for gone in decided.delete:
            del self.sets[gone["metadata"]["name"]]
        wanted["status"] = decided.status
        for rs in self.sets.values():
            replicas = rs["spec"]["replicas"]
            available = min(replicas, rs.get("status", {}).get("availableReplicas", 0))
            counts = {"readyReplicas": available, "availableReplicas": available}
            rs["status"] = {"replicas": replicas, **counts}
        return decided

    def ready(self, image: str, up_to: int = 100) -> None:
        for rs in self.sets.values():
            if rs["spec"]["template"]["spec"]["containers"][0]["image"] == image:
                count = min(up_to, rs["spec"]["replicas"])
                rs["status"] |= {"readyReplicas": count, "availableReplicas": count}

    def settle(self, wanted: Object, image: str) -> None:
        for _ in range(60):
            self.step(wanted)
            self.ready(image)

    def replicas(self) -> dict[str, int]:
        images = ((rs["spec"]["template"]["spec"]["containers"][0]["image"], rs) for rs in self.sets.values())
        return {image: rs["spec"]["replicas"] for image, rs in images}

    def available(self) -> int:
        return sum(rs["status"]["availableReplicas"] for rs in self.sets.values())


def test_the_first_replica_set_has_all_replicas_at_once() -> None:
    walk = Walk()
    walk.step(deployment("v1"))
    assert walk.replicas() == {"v1": 4}


def test_an_update_ends_with_the_new_template_alone() -> None:
    walk = Walk()
    walk.settle(deployment("v1"), "v1")
    after = deployment("v2")
    walk.settle(after, "v2")
    assert walk.replicas() == {"v1": 0, "v2": 4}
    assert after["status"]["updatedReplicas"] == after["status"]["availableReplicas"] == 4
    assert after["status"]["conditions"][1]["reason"] == "NewReplicaSetAvailable"


def test_an_update_that_never_becomes_available_stops_at_the_surge() -> None:
    walk = Walk()
    limits = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    walk.settle(deployment("v1", strategy=limits), "v1")
    bad = deployment("v2", strategy=limits)
    for _ in range(10):
        walk.step(bad)
    assert walk.replicas() == {"v1": 4, "v2": 1}


def test_it_says_when_it_has_made_no_progress_for_too_long() -> None:
    walk = Walk()
    bad = deployment("v1", progressDeadlineSeconds=30)
    for _ in range(4):
        decided = walk.step(bad)
    assert decided.look_again == timedelta(seconds=30)
    walk.now += timedelta(seconds=31)
    walk.step(bad)
    assert bad["status"]["conditions"][1]["reason"] == "ProgressDeadlineExceeded"


def test_going_back_uses_the_old_replica_set_under_a_new_revision() -> None:
    walk = Walk()
    for image in ("v1", "v2", "v1"):
        walk.settle(deployment(image), image)
    revisions = {k: rs["metadata"]["annotations"][REVISION] for k, rs in walk.sets.items()}
    assert sorted(revisions.values()) == ["2", "3"]
    assert walk.replicas() == {"v1": 4, "v2": 0}


def test_old_replica_sets_beyond_the_history_limit_are_removed() -> None:
    walk = Walk()
    for image in ("v1", "v2", "v3", "v4"):
        walk.settle(deployment(image, revisionHistoryLimit=1), image)
    assert walk.replicas() == {"v3": 0, "v4": 4}


def test_recreate_starts_nothing_before_the_old_pods_are_gone() -> None:
    walk = Walk()
    walk.settle(deployment("v1"), "v1")
    recreate = deployment("v2", strategy={"type": "Recreate"})
    walk.step(recreate)
    assert walk.replicas() == {"v1": 4, "v2": 0}
    walk.step(recreate)
    assert walk.replicas() == {"v1": 0, "v2": 0}
    walk.step(recreate)
    assert walk.replicas() == {"v1": 0, "v2": 4}


def test_a_paused_deployment_changes_nothing() -> None:
    walk = Walk()
    walk.settle(deployment("v1"), "v1")
    walk.step(deployment("v2", paused=True))
    assert walk.replicas() == {"v1": 4}


@given(
    replicas=st.integers(1, 9),
    surge=st.integers(0, 4),
    unavailable=st.integers(0, 4),
    moves=st.lists(st.tuples(st.sampled_from(["v1", "v2", "v3"]), st.integers(0, 9)), max_size=15),
)
def test_availability_never_falls_below_the_promise_nor_the_number_of_pods_above(
    replicas: int, surge: int, unavailable: int, moves: list[tuple[str, int]]
) -> None:
    walk = Walk()
    limits = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    walk.settle(deployment("v1", replicas, strategy=limits), "v1")
    lowest = replicas - (unavailable if surge or unavailable else 1)
    for image, ready in moves:
        walk.step(deployment(image, replicas, strategy=limits))
        assert walk.available() >= min(replicas, max(0, lowest))
        assert sum(walk.replicas().values()) <= replicas + surge
        walk.ready(image, ready + walk.available())
