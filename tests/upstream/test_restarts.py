"""Upstream's functional suite: restarts."""

import asyncio

import pytest

from rollouts.kube.resources import ROLLOUTS
from tests.upstream.manifests import rollout
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

SLOW = """
lifecycle:
  postStart: {exec: {command: [sleep, "5"]}}
  preStop: {exec: {command: [sleep, "5"]}}
"""


async def test_a_restart_takes_as_many_pods_at_once_as_may_be_unavailable(walk: Walk) -> None:
    strategy = "canary: {maxUnavailable: 75%, steps: [{setWeight: 25}, {pause: {}}]}"
    await walk.healthy(rollout("rollout-restart", strategy, "replicas: 4", SLOW))
    await walk.update()
    await walk.phase("Paused")
    await walk.restart()
    await asyncio.sleep(2)
    assert await walk.counts() == (4, 4, 1, 1, 1)


async def test_a_restart_waits_for_what_a_disruption_budget_forbids(walk: Walk) -> None:
    strategy = "canary: {maxUnavailable: 100%, steps: [{setWeight: 25}, {pause: {}}]}"
    await walk.healthy(
        """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: rollout-pdb-restart}
spec: {minAvailable: 4, selector: {matchLabels: {app: rollout-pdb-restart}}}
""",
        rollout("rollout-pdb-restart", strategy, "replicas: 4", SLOW),
    )
    await walk.update()
    await walk.phase("Paused")
    await walk.restart()
    await asyncio.sleep(2)
    assert await walk.counts() == (4, 4, 1, 4, 4)
    await walk.kubectl("delete", "pdb", "rollout-pdb-restart")
    await walk.until(lambda each: not each["status"].get("availableReplicas"), "rollout without pods")


async def test_a_restart_long_after_the_last_update_is_not_taken_for_one_that_stands_still(
    walk: Walk,
) -> None:
    spec = "{replicas: 2, progressDeadlineAbort: true, progressDeadlineSeconds: 15}"
    await walk.healthy(rollout("complete-rollout-restart", "canary: {steps: [{setWeight: 20}]}", spec))
    await walk.ends_healthy()
    await asyncio.sleep(16)
    await walk.restart()
    await walk.ends_healthy()
    restarted = await walk.kube.get(ROLLOUTS, walk.name, walk.namespace)
    assert restarted["status"]["restartedAt"] == restarted["spec"]["restartAt"]
