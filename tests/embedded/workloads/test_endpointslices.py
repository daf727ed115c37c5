"""EndpointSlices, planned."""

import json

from rollouts.api.meta import Object
from rollouts.embedded.workloads.endpointslices import PORTS_ANNOTATION, plan


def service(target: int | str = 8080, **spec: object) -> Object:
    return {
        "metadata": {"name": "s", "namespace": "default", "uid": "u"},
        "spec": {
            "selector": {"app": "a"},
            "ports": [{"name": "http", "port": 80, "targetPort": target}],
            **spec,
        },
    }


def pod(
    name: str, *, ready: bool = True, ip: str = "10.0.0.1", label: str = "a", **metadata: object
) -> Object:
    status = "True" if ready else "False"
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": label}, **metadata},
        "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 9090}]}]},
        "status": {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": status}]},
    }


def ready(slices: tuple[Object, ...]) -> list[tuple[str, int]]:
    return [
        (endpoint["addresses"][0], port["port"])
        for slice_ in slices
        for endpoint in slice_["endpoints"]
        for port in slice_["ports"]
        if endpoint["conditions"]["ready"]
    ]


def test_ready_pods_of_the_selector_stand_behind_the_service() -> None:
    pods = [pod("a"), pod("b", ip="10.0.0.2", ready=False), pod("c", ip="10.0.0.3", label="other")]
    assert ready(plan(service(), pods)) == [("10.0.0.1", 8080)]


def test_a_pod_that_is_being_deleted_is_not_ready_any_more_but_still_listed() -> None:
    (slice_,) = plan(service(), [pod("a", deletionTimestamp="2026-01-01T00:00:00Z")])
    assert slice_["endpoints"][0]["conditions"] == {"ready": False, "serving": True, "terminating": True}


def test_a_named_target_port_is_looked_up_in_each_pod() -> None:
    assert ready(plan(service("web"), [pod("a")])) == [("10.0.0.1", 9090)]
    assert ready(plan(service("other"), [pod("a")])) == []


def test_without_a_target_port_the_port_itself_is_meant() -> None:
    plain = service()
    del plain["spec"]["ports"][0]["targetPort"]
    assert ready(plan(plain, [pod("a")])) == [("10.0.0.1", 80)]


def test_pods_that_share_an_address_are_told_apart_by_their_ports() -> None:
    pods = [
        pod(name, ip="127.0.0.1", annotations={PORTS_ANNOTATION: json.dumps({"8080": number})})
        for name, number in (("a", 50001), ("b", 50002))
    ]
    slices = plan(service(), pods)
    assert ready(slices) == [("127.0.0.1", 50001), ("127.0.0.1", 50002)]
    assert len({slice_["metadata"]["name"] for slice_ in slices}) == 2


def test_a_service_may_ask_for_pods_that_are_not_ready() -> None:
    assert ready(plan(service(publishNotReadyAddresses=True), [pod("a", ready=False)])) == [
        ("10.0.0.1", 8080)
    ]


def test_a_service_without_selector_has_no_slices_of_ours() -> None:
    assert plan(service(selector=None), [pod("a")]) == ()


def test_the_name_of_a_slice_depends_on_the_ports_alone() -> None:
    (one,), (other,) = plan(service(), [pod("a")]), plan(service(), [pod("b", ip="10.9.9.9")])
    assert one["metadata"]["name"] == other["metadata"]["name"]
