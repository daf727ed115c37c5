"""Upstream's functional suite: a rollout that takes its template from a Deployment."""

import asyncio
from typing import Any

import pytest
import yaml

from rollouts.kube.resources import DEPLOYMENTS
from tests.upstream.manifests import IMAGE, MISSING, rollout, service
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "ref"}
BLUE_GREEN = "blueGreen: {activeService: ref-active}"
LIMITS = "{replicas: 1, progressDeadlineSeconds: 5, revisionHistoryLimit: 2}"


def deployment(replicas: int = 0) -> str:
    """The Deployment that the rollouts refer to."""
    labels = {"app": "ref"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "demo", "image": IMAGE}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return yaml.safe_dump(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ref"}, "spec": spec}
    )


def referring(strategy: str, spec: str, **more: str) -> str:
    """A Rollout that has no template and no selector of its own."""
    found = yaml.safe_load(rollout("ref", strategy, spec))
    del found["spec"]["template"], found["spec"]["selector"]
    found["spec"]["workloadRef"] = {**REF, **more}
    return yaml.safe_dump(found)


async def image(walk: Walk, image: str) -> None:
    """Give the Deployment another image."""
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "demo", "image": image}]}}}}
    await walk.kube.patch(DEPLOYMENTS, "ref", patch, walk.namespace, type="strategic")


async def size(walk: Walk) -> Any:
    """How many pods the Deployment is to have."""
    return (await walk.kube.get(DEPLOYMENTS, "ref", walk.namespace))["spec"]["replicas"]


async def test_a_rollout_with_a_reference_and_a_template_is_invalid(walk: Walk) -> None:
    both = yaml.safe_load(rollout("ref", BLUE_GREEN, "replicas: 1"))
    both["spec"]["workloadRef"] = REF
    await walk.apply(deployment(), yaml.safe_dump(both))
    await walk.phase("Degraded")
    (condition,) = (await walk.rollout())["status"]["conditions"]
    assert "template must be empty for workload reference rollout" in condition["message"]


async def test_a_rollout_follows_the_template_of_a_deployment(walk: Walk) -> None:
    await walk.apply(service("ref-active", "ref"), referring(BLUE_GREEN, LIMITS))
    await walk.phase("Degraded")
    assert await walk.selector("ref-active") == ""
    await walk.apply(deployment())
    await walk.phase("Healthy")
    status = (await walk.rollout())["status"]
    assert status["workloadObservedGeneration"] == "1"
    assert await walk.selector("ref-active") == status["currentPodHash"]
    await image(walk, MISSING)
    await walk.phase("Degraded")
    assert (await walk.rollout())["status"]["workloadObservedGeneration"] == "2"
    await image(walk, "nginx:1.20-alpine")
    await walk.phase("Healthy")
    await walk.update("spec: {workloadRef: {name: non-existent}}")
    await walk.phase("Degraded")
    await walk.update("spec: {workloadRef: {name: ref}}")
    await walk.phase("Healthy")
    seen = await walk.rollout()
    assert await walk.selector("ref-active") == seen["status"]["currentPodHash"]
    assert "selector" not in seen["spec"]
    assert not (seen["spec"].get("template") or {}).get("spec", {}).get("containers")
    await walk.apply(rollout("ref", BLUE_GREEN, LIMITS, "{name: demo, image: 'nginx:1.20-alpine'}"))
    await walk.phase("Healthy")
    assert not (await walk.rollout())["status"].get("workloadObservedGeneration")


@pytest.mark.parametrize(("when", "left"), [("never", 2), ("onsuccess", 0), ("progressively", 0)])
async def test_the_deployment_is_scaled_down_as_the_reference_asks(walk: Walk, when: str, left: int) -> None:
    await walk.apply(deployment(replicas=2))
    await walk.healthy(referring("canary: {}", "replicas: 2", scaleDown=when))
    await asyncio.sleep(2)
    assert await size(walk) == left
    await image(walk, "nginx:1.20-alpine")
    await walk.replica_set(2)
    await walk.phase("Healthy")
    await walk.kubectl("scale", "deployment/ref", "--replicas=1")
    await asyncio.sleep(2)
    assert await size(walk) == 1  # a later revision leaves it alone


async def test_a_deployment_is_only_left_for_pods_that_are_ready(walk: Walk) -> None:
    await walk.apply(deployment(replicas=2))
    await image(walk, MISSING)
    await walk.apply(
        referring("canary: {}", "{replicas: 2, progressDeadlineSeconds: 5}", scaleDown="progressively")
    )
    await walk.phase("Degraded")
    assert await size(walk) == 2
