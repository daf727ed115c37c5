"""Upstream's functional suite: a canary whose size changes with its template."""

import asyncio

import pytest

from tests.upstream.manifests import rollout
from tests.upstream.walk import Walk, phase_of

pytestmark = pytest.mark.upstream


async def test_a_new_version_and_a_new_size_may_come_in_one_change(walk: Walk) -> None:
    strategy = "canary: {maxSurge: 1, maxUnavailable: 0, steps: [{setWeight: 50}, {pause: {}}]}"
    await walk.healthy(rollout("same-time", strategy, "replicas: 2"))
    await walk.update("spec: {replicas: 6, template: {metadata: {annotations: {update: both}}}}")
    await walk.until(
        lambda each: phase_of(each) == "Paused" and each["status"].get("availableReplicas") == 6,
        "pause with six available pods",
    )
    await asyncio.sleep(3)
    assert await walk.counts() == (6, 6, 3, 6, 6)
    assert await walk.canary_and_stable() == (3, 3)
    await walk.update("spec: {replicas: 4, template: {metadata: {annotations: {update: again}}}}")
    await walk.replica_set(3)
    await walk.until(
        lambda each: phase_of(each) == "Paused" and each["status"].get("replicas") == 4,
        "pause with four pods",
    )
    await asyncio.sleep(3)
    assert [await walk.count(revision) for revision in (1, 2, 3)] == [2, 0, 2]
    await walk.promote()
    await walk.phase("Healthy")
    assert [await walk.count(revision) for revision in (1, 2, 3)] == [0, 0, 4]
