"""The kubelet over simulated pods, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import yaml

from rollouts.api.meta import Object
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.pods import kubelet
from rollouts.embedded.pods.kubelet import Kubelet
from rollouts.embedded.pods.simulated import SimulatedPods
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.embedded.workloads import controllers
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.controllers import Controllers
from rollouts.kube.client import Client
from rollouts.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    EVENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    SERVICES,
)
from tests.embedded.live import is_ready
from tests.embedded.manifests import deployment, pod, service

World = Callable[[Client], Awaitable[None]]


def in_a_world(test: World) -> Callable[[], None]:
    """Make a coroutine function a test with a cluster of its own, in virtual time."""

    async def main() -> None:
        clock = VirtualClock()
        client = Client(InProcess(ApiServer(clock, seed=1)))
        cache = Cache(client, dict.fromkeys((*controllers.RESOURCES, *kubelet.RESOURCES)))
        node = Kubelet(cache, SimulatedPods(is_broken=lambda image: image.endswith(":broken")), clock)
        parts = [cache.run(), Controllers(cache, clock).run(), node.run()]
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            await test(client)
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def run_it() -> None:
        run(main())

    run_it.__name__, run_it.__doc__ = test.__name__, test.__doc__
    return run_it


async def get_pod(client: Client, name: str = "p") -> Object:
    return await client.get(PODS, name, "default")


def waiting(found: Object) -> str:
    return str(found["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason"))


async def images(client: Client, **listed: Any) -> None:
    data = {"images.yaml": yaml.safe_dump(listed)}
    await client.create(CONFIG_MAPS, {"metadata": {"name": "images"}, "data": data}, "kube-system")


@in_a_world
async def test_a_pod_whose_readiness_gate_is_met_long_after_its_containers_are_ready_is_ready_then(
    client: Client,
) -> None:
    body = pod("p")
    body["spec"]["readinessGates"] = [{"conditionType": "example.com/lb"}]
    await client.create(PODS, body, "default")
    await asyncio.sleep(30)
    assert not is_ready(await get_pod(client))
    met = {"status": {"conditions": [{"type": "example.com/lb", "status": "True"}]}}
    await client.patch(PODS, "p", met, "default", type="strategic", subresource="status")
    await asyncio.sleep(1)
    found = await get_pod(client)
    assert is_ready(found)
    assert "example.com/lb" in [each["type"] for each in found["status"]["conditions"]]


@in_a_world
async def test_a_pod_is_ready_after_its_start_delay(client: Client) -> None:
    delay = [{"name": "START_DELAY", "value": "30"}]
    await client.create(PODS, pod("p", env=delay), "default")
    await asyncio.sleep(29)
    assert not is_ready(await get_pod(client))
    await asyncio.sleep(2)
    assert is_ready(await get_pod(client))


@in_a_world
async def test_a_pod_that_waits_for_another_scheduler_gets_no_node(client: Client) -> None:
    body = pod("p")
    body["spec"]["schedulerName"] = "nobody"
    await client.create(PODS, body, "default")
    await asyncio.sleep(60)
    found = await get_pod(client)
    assert "nodeName" not in found["spec"]
    assert found["status"]["phase"] == "Pending"


@in_a_world
async def test_a_pod_of_a_broken_image_never_becomes_ready(client: Client) -> None:
    await client.create(PODS, pod("p", image="x/app:broken"), "default")
    await asyncio.sleep(86_400)
    found = await get_pod(client)
    assert (found["status"]["phase"], is_ready(found)) == ("Running", False)


@in_a_world
async def test_a_missing_image_is_pulled_once_it_is_there(client: Client) -> None:
    await images(client, **{"x/app:typo": {"missing": True}})
    await asyncio.sleep(1)
    await client.create(PODS, pod("p", image="x/app:typo"), "default")
    await asyncio.sleep(1)
    assert waiting(await get_pod(client)) == "ErrImagePull"
    await asyncio.sleep(30)
    found = await get_pod(client)
    assert (waiting(found), found["status"]["phase"]) == ("ImagePullBackOff", "Pending")
    await client.patch(CONFIG_MAPS, "images", {"data": {"images.yaml": "{}"}}, "kube-system")
    await asyncio.sleep(2)
    assert is_ready(await get_pod(client))


@in_a_world
async def test_a_list_of_images_that_cannot_be_read_leaves_the_last_good_one(client: Client) -> None:
    await images(client, **{"x/app:typo": {"missing": True}})
    await asyncio.sleep(1)
    await client.patch(CONFIG_MAPS, "images", {"data": {"images.yaml": "{oops"}}, "kube-system")
    await asyncio.sleep(1)
    await client.create(PODS, pod("p", image="x/app:typo"), "default")
    await asyncio.sleep(1)
    assert waiting(await get_pod(client)) == "ErrImagePull"


@in_a_world
async def test_a_container_that_exits_is_restarted_with_growing_waits(client: Client) -> None:
    fails = [{"name": "EXIT_CODE", "value": "1"}]
    await client.create(PODS, pod("p", policy="OnFailure", env=fails), "default")
    await asyncio.sleep(5)
    found = await get_pod(client)
    assert (waiting(found), found["status"]["containerStatuses"][0]["restartCount"]) == (
        "CrashLoopBackOff",
        1,
    )
    await asyncio.sleep(600)
    (status,) = (await get_pod(client))["status"]["containerStatuses"]
    assert 5 <= status["restartCount"] <= 7
    assert status["lastState"]["terminated"]["exitCode"] == 1


@in_a_world
async def test_a_deleted_pod_leaves_the_endpoints_before_it_goes(client: Client) -> None:
    await client.create(SERVICES, service("web"), "default")
    await client.create(DEPLOYMENTS, deployment("web", "x/web:1", replicas=1), "default")
    await asyncio.sleep(5)
    (slice_,) = (await client.list(ENDPOINT_SLICES, "default"))["items"]
    (endpoint,) = slice_["endpoints"]
    assert endpoint["conditions"]["ready"]
    name = endpoint["targetRef"]["name"]
    await client.delete(PODS, name, "default")
    await asyncio.sleep(0.1)
    assert "deletionTimestamp" in (await get_pod(client, name))["metadata"]
    (slice_,) = (await client.list(ENDPOINT_SLICES, "default"))["items"]
    assert [
        e for e in slice_["endpoints"] if e["targetRef"]["name"] == name and e["conditions"]["ready"]
    ] == []
    await asyncio.sleep(5)
    left = (await client.list(PODS, "default"))["items"]
    assert [p["metadata"]["name"] for p in left] != [name]
    assert len(left) == 1


@in_a_world
async def test_a_deployment_rolls_to_a_new_image_and_stops_at_a_broken_one(client: Client) -> None:
    await client.create(DEPLOYMENTS, deployment("web", "x/web:1", replicas=4), "default")
    await asyncio.sleep(10)
    for image, updated in (("x/web:2", 4), ("x/web:broken", 2)):
        containers = deployment("web", image)["spec"]["template"]["spec"]
        patch = {"spec": {"template": {"spec": containers}}}
        await client.patch(DEPLOYMENTS, "web", patch, "default")
        await asyncio.sleep(60)
        status = (await client.get(DEPLOYMENTS, "web", "default"))["status"]
        assert status["updatedReplicas"] == updated
        assert status["availableReplicas"] >= 3


@in_a_world
async def test_a_job_runs_to_its_end(client: Client) -> None:
    spec = {"template": {"spec": pod("x", policy="Never")["spec"]}, "completions": 2}
    await client.create(JOBS, {"metadata": {"name": "j"}, "spec": spec}, "default")
    await asyncio.sleep(10)
    status = (await client.get(JOBS, "j", "default"))["status"]
    assert status["succeeded"] == 2
    assert {c["type"] for c in status["conditions"]} == {"SuccessCriteriaMet", "Complete"}


@in_a_world
async def test_a_job_that_keeps_failing_gives_up(client: Client) -> None:
    template = pod("x", policy="Never", env=[{"name": "EXIT_CODE", "value": "1"}])["spec"]
    spec = {"template": {"spec": template}, "backoffLimit": 2}
    await client.create(JOBS, {"metadata": {"name": "j"}, "spec": spec}, "default")
    await asyncio.sleep(600)
    status = (await client.get(JOBS, "j", "default"))["status"]
    assert status["failed"] == 3
    assert {c["reason"] for c in status["conditions"]} == {"BackoffLimitExceeded"}


@in_a_world
async def test_what_has_no_effect_here_is_told_in_an_event_and_the_pod_runs_all_the_same(
    client: Client,
) -> None:
    probe = {"httpGet": {"path": "/", "port": 8080}}
    await client.create(PODS, pod("p", livenessProbe=probe), "default")
    await client.create(PODS, pod("q"), "default")
    await asyncio.sleep(5)
    events = (await client.list(EVENTS, "default"))["items"]
    told = [(e["involvedObject"]["name"], e["reason"], e["message"].partition(":")[0]) for e in events]
    assert told == [("p", "Unsupported", ".spec.containers[0].livenessProbe")]
    assert is_ready(await get_pod(client))


async def _sets(client: Client) -> dict[str, str]:
    """ReplicaSets by name, and the uid of the Deployment that has them."""
    items = (await client.list(REPLICA_SETS, "default"))["items"]
    return {
        item["metadata"]["name"]: "".join(o["uid"] for o in item["metadata"].get("ownerReferences") or ())
        for item in items
    }


@in_a_world
async def test_a_deployment_adopts_the_replica_sets_and_pods_that_an_earlier_one_left(client: Client) -> None:
    await client.create(DEPLOYMENTS, deployment("d", "x/app:1", replicas=2), "default")
    await asyncio.sleep(5)
    before = {pod["metadata"]["uid"] for pod in (await client.list(PODS, "default"))["items"]}
    await client.delete(DEPLOYMENTS, "d", "default", propagation="Orphan")
    assert [*(await _sets(client)).values()] == [""]
    again = await client.create(DEPLOYMENTS, deployment("d", "x/app:1", replicas=2), "default")
    await asyncio.sleep(5)
    assert [*(await _sets(client)).values()] == [again["metadata"]["uid"]]
    assert {pod["metadata"]["uid"] for pod in (await client.list(PODS, "default"))["items"]} == before


@in_a_world
async def test_a_pod_that_loses_its_label_is_set_free_and_replaced(client: Client) -> None:
    """The way to take a pod out of service and look at it in peace."""
    await client.create(DEPLOYMENTS, deployment("d", "x/app:1", replicas=2), "default")
    await asyncio.sleep(5)
    suspect = (await client.list(PODS, "default"))["items"][0]["metadata"]["name"]
    await client.patch(PODS, suspect, {"metadata": {"labels": {"app": "suspect"}}}, "default")
    await asyncio.sleep(5)
    assert len((await client.list(PODS, "default", label_selector="app=d"))["items"]) == 2
    found = await get_pod(client, suspect)
    assert (found["metadata"].get("ownerReferences"), is_ready(found)) == (None, True)
    await client.patch(PODS, suspect, {"metadata": {"labels": {"app": "d"}}}, "default")
    await asyncio.sleep(60)
    assert len((await client.list(PODS, "default"))["items"]) == 2
