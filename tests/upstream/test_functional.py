"""Upstream's functional suite: verbs, restarts, bad versions, references."""

import asyncio

import pytest

from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream


def canary(name: str, strategy: str, spec: str = "", pod: str = "") -> str:
    """A Rollout of nginx; further lines of the strategy, the spec and the pod."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: {name}}}
spec:
  strategy:
    canary:
      {strategy}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: {name}
        image: nginx:1.19-alpine
        resources: {{requests: {{memory: 16Mi, cpu: 1m}}}}
"""


async def test_a_version_that_is_aborted_and_retried_is_promoted_and_each_turn_is_an_event(
    walk: Walk,
) -> None:
    await walk.healthy(canary("abort-retry-promote", "steps: [{setWeight: 50}, {pause: {duration: 3s}}]"))
    await walk.update()
    await walk.phase("Paused")
    assert (await walk.count(1), await walk.count(2)) == (1, 1)
    await walk.abort()
    await walk.phase("Degraded")
    await walk.retry()
    await walk.phase("Paused")
    assert (await walk.count(1), await walk.count(2)) == (1, 1)
    await walk.phase("Healthy")
    assert (await walk.count(1), await walk.count(2)) == (0, 1)
    await asyncio.sleep(1)
    assert await walk.reasons() == [
        *("RolloutAddedToInformer", "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted"),
        *("ScalingReplicaSet", "RolloutCompleted"),
        *("RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted"),
        *("ScalingReplicaSet", "RolloutStepCompleted", "RolloutPaused"),
        *("ScalingReplicaSet", "RolloutAborted"),
        *("ScalingReplicaSet", "RolloutStepCompleted", "RolloutPaused"),
        *("RolloutStepCompleted", "RolloutResumed", "ScalingReplicaSet", "RolloutCompleted"),
    ]
