"""Upstream's functional suite: blue/green."""

import asyncio

import pytest

from tests.upstream.manifests import rollout, service
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream


async def test_a_blue_green_update_switches_and_keeps_the_old_pods_for_the_delay(walk: Walk) -> None:
    await walk.apply(service("bluegreen"))
    strategy = "blueGreen: {activeService: bluegreen, scaleDownDelaySeconds: 10}"
    await walk.healthy(rollout("bluegreen", strategy, "replicas: 3"))
    assert await walk.counts() == (3, 3, 3, 3, 3)
    await walk.update()
    await walk.phase("Progressing")
    await walk.active_revision(2)
    assert await walk.counts() == (3, 6, 3, 3, 3)
    await walk.phase("Healthy")
    assert await walk.counts() == (3, 6, 3, 3, 3)


async def test_a_blue_green_becomes_a_canary_whose_first_update_pauses(walk: Walk) -> None:
    await walk.apply(service("bluegreen-to-canary"))
    strategy = "blueGreen: {activeService: bluegreen-to-canary, scaleDownDelaySeconds: 5}"
    await walk.healthy(rollout("bluegreen-to-canary", strategy, "replicas: 2"))
    await walk.update(
        """
spec:
  template: {metadata: {annotations: {foo: bar}}}
  strategy: {blueGreen: null, canary: {steps: [{setWeight: 50}, {pause: {}}]}}
"""
    )
    await walk.phase("Paused")
    await walk.until(lambda each: each["status"].get("availableReplicas") == 2, "two available pods")
    assert await walk.counts() == (2, 2, 1, 2, 2)
    assert await walk.selector("bluegreen-to-canary") == ""


async def test_no_more_old_revisions_wait_for_their_scale_down_than_the_limit_says(walk: Walk) -> None:
    await walk.apply(service("scaledowndelay-active", "scaledowndelay"))
    strategy = """
blueGreen:
  activeService: scaledowndelay-active
  scaleDownDelaySeconds: 86400
  scaleDownDelayRevisionLimit: 2
"""
    await walk.healthy(rollout("scaledowndelay", strategy))
    await _next_version(walk)
    assert [await walk.count(revision) for revision in (1, 2)] == [1, 1]
    assert await walk.counts() == (1, 2, 1, 1, 1)
    await _next_version(walk)
    await _next_version(walk)
    await asyncio.sleep(1)
    assert [await walk.count(revision) for revision in (1, 2, 3, 4)] == [0, 1, 1, 1]
    assert await walk.counts() == (1, 3, 1, 1, 1)
    await walk.update("spec: {strategy: {blueGreen: {scaleDownDelayRevisionLimit: 1}}}")
    await asyncio.sleep(1)
    assert [await walk.count(revision) for revision in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert await walk.counts() == (1, 2, 1, 1, 1)


async def test_an_aborted_preview_goes_after_its_delay(walk: Walk) -> None:
    await walk.apply(service("preview-replicas-active", "preview-replicas"))
    await walk.apply(service("preview-replicas-preview", "preview-replicas"))
    strategy = """
blueGreen:
  abortScaleDownDelaySeconds: 1
  activeService: preview-replicas-active
  previewService: preview-replicas-preview
  previewReplicaCount: 1
  scaleDownDelaySeconds: 5
  autoPromotionEnabled: false
"""
    await walk.healthy(rollout("scaledown-on-abort", strategy, "replicas: 2", app="preview-replicas"))
    await walk.update()
    await walk.phase("Paused")
    assert [await walk.count(revision) for revision in (1, 2)] == [2, 1]
    await walk.abort()
    await walk.phase("Degraded")
    await asyncio.sleep(3)
    assert await walk.count(2) == 0


async def _next_version(walk: Walk) -> None:
    await walk.update()
    await walk.phase("Progressing")
    await walk.phase("Healthy")
