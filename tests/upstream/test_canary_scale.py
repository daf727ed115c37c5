"""Upstream's canary suite: how many pods there are while an update is under way, and who is told."""

import asyncio
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.kube.resources import ROLLOUTS, Resource
from tests.upstream.canaries import new_version, rollout, routed
from tests.upstream.conftest import UPSTREAM
from tests.upstream.manifests import SLEEP_JOB
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

AUTOSCALERS = Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")


async def test_the_canary_is_sized_by_hand_until_it_follows_the_weight_again(walk: Walk) -> None:
    await walk.healthy(
        routed(
            "set-canary-scale",
            """
steps:
- pause: {}
- setCanaryScale: {weight: 25}
- pause: {duration: 100s}
- setWeight: 50
- pause: {duration: 10s}
- setCanaryScale: {replicas: 3}
- pause: {}
- setCanaryScale: {matchTrafficWeight: true}
- pause: {duration: 5s}
""",
            spec="replicas: 4",
        )
    )
    await walk.update()
    await walk.phase("Paused")
    assert await walk.canary_and_stable() == (0, 4)
    for step, expected in ((2, (1, 4)), (4, (1, 4)), (6, (3, 4)), (8, (2, 4))):
        await walk.promote()
        await walk.step(step)
        assert await walk.canary_and_stable() == expected, f"step {step}"
    await walk.promote()
    await walk.phase("Healthy")
    assert await walk.canary_and_stable() == (4, 4)


async def test_a_paused_canary_keeps_its_share_of_the_pods_as_the_rollout_is_scaled(walk: Walk) -> None:
    await walk.healthy(rollout("basic", "steps: [{setWeight: 25}, {pause: {}}]"))
    await walk.update()
    await walk.phase("Paused")
    assert await walk.canary_and_stable() == (1, 1)
    await walk.scale(8)
    await walk.until(lambda found: found["status"].get("availableReplicas") == 8, "8 available")
    assert await walk.canary_and_stable() == (2, 6)
    await walk.scale(4)
    await walk.until(lambda found: found["status"].get("availableReplicas") == 4, "4 available")
    assert await walk.canary_and_stable() == (1, 3)


async def test_what_is_scaled_amid_an_update_that_may_surge_by_all_scales_its_new_version(
    walk: Walk,
) -> None:
    name = "updatescaling"
    await walk.healthy(rollout(name, "maxSurge: 100%", spec="replicas: 4"))
    await walk.update(new_version(name, resources={"requests": {"memory": "16Mi", "cpu": "2m"}}))
    for replicas, current, expected in ((4, 7, (4, 3)), (8, 11, (8, 3)), (4, 7, (4, 3))):
        await walk.scale(replicas)
        await walk.until(lambda found, n=current: found["status"].get("replicas") == n, f"{current} pods")
        assert await walk.canary_and_stable() == expected


async def test_what_is_scaled_amid_an_update_to_a_broken_version_keeps_the_pods_that_serve(
    walk: Walk,
) -> None:
    name = "updatescaling"
    await walk.healthy(rollout(name, "{maxSurge: 2, maxUnavailable: 0}", spec="replicas: 4"))
    await walk.update(new_version(name, command=["/bad-command"]))
    for replicas, current, expected in ((4, 6, (2, 4)), (8, 10, (6, 4)), (4, 6, (2, 4))):
        await walk.scale(replicas)
        await walk.until(lambda found, n=current: found["status"].get("replicas") == n, f"{current} pods")
        assert await walk.canary_and_stable() == expected


async def test_a_weight_that_is_reduced_and_an_abort_honour_max_unavailable(walk: Walk) -> None:
    slow = "lifecycle: {postStart: {exec: {command: [sleep, '5']}}, preStop: {exec: {command: [sleep, '5']}}}"
    await walk.apply(SLEEP_JOB)
    await walk.healthy(
        rollout(
            "reduceweight-maxunavailable",
            """
maxSurge: 2
maxUnavailable: 0
steps:
- setWeight: 100
- pause: {}
- setWeight: 0
- pause: {}
- setWeight: 100
- analysis: {templates: [{templateName: sleep-job}], args: [{name: exit-code, value: "1"}]}
""",
            spec="replicas: 3",
            container=slow,
        )
    )
    await walk.update()
    await walk.phase("Paused")
    assert await walk.canary_and_stable() == (3, 0)
    await walk.promote()
    await asyncio.sleep(2)
    assert await walk.canary_and_stable() == (3, 2)
    await walk.step(3)
    await walk.promote()
    await walk.phase("Degraded")
    await asyncio.sleep(2)
    assert len(await walk.runs()) == 1
    assert await walk.canary_and_stable() == (3, 2)


@pytest.mark.xfail(
    UPSTREAM,
    strict=True,
    reason="v1.10.1 counts all pods (its issue 4847); a later version is to count these",
)
async def test_an_autoscaler_is_told_of_stable_pods_alone_while_requests_are_routed(walk: Walk) -> None:
    name = "canary-scale-reporting"
    selector = f"app={name}"

    async def scale() -> tuple[int, int, str]:
        found = await walk.kube.get(ROLLOUTS, name, walk.namespace, subresource="scale")
        return found["spec"]["replicas"], found["status"]["replicas"], found["status"]["selector"]

    async def autoscaler_has_read() -> Any:
        found = (await walk.kube.get(AUTOSCALERS, name, walk.namespace)).get("status") or {}
        conditions = {each["type"]: each["status"] for each in found.get("conditions") or ()}
        return conditions.get("AbleToScale") == "True" and found.get("currentReplicas") == 2

    def tells(current: int) -> Any:
        def holds(found: Object) -> bool:
            status = found["status"]
            told = (status.get("HPAReplicas"), status.get("replicas"), status.get("selector"))
            return told == (2, current, selector)

        return holds

    await walk.apply(
        f"""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}}}
spec:
  minReplicas: 2
  maxReplicas: 2
  scaleTargetRef: {{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: {name}}}
  metrics:
  - {{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 80}}}}}}
"""
    )
    await walk.healthy(routed(name, "steps: [{setWeight: 50}, {pause: {}}]", spec="replicas: 2"))
    assert (await walk.rollout())["status"]["HPAReplicas"] == 2
    assert await scale() == (2, 2, selector)
    await walk.eventually(autoscaler_has_read, "autoscaler that has read the scale")

    await walk.update()
    await walk.phase("Paused")
    await walk.until(tells(3), "HPAReplicas of stable alone")
    assert (await walk.count(1), await walk.count(2)) == (2, 1)
    assert await scale() == (2, 2, selector)

    await walk.promote()
    await walk.phase("Healthy")
    await walk.until(tells(4), "HPAReplicas without the ReplicaSet that drains")
    assert await walk.count(1) == 2
    assert await scale() == (2, 2, selector)
    assert await autoscaler_has_read()
