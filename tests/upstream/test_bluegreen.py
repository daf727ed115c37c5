"""Upstream's blue/green suite: what a preview costs, and what a deadline says of it."""

import asyncio

import pytest

from tests.upstream.manifests import blue_green
from tests.upstream.walk import Walk, phase_of

pytestmark = pytest.mark.upstream

SLOW = """
readinessProbe:
  initialDelaySeconds: 10
  periodSeconds: 30
  httpGet: {path: /, port: 80}
"""
"""Longer than the deadline of the rollouts that have it."""
IMPATIENT = "progressDeadlineSeconds: 5\nrevisionHistoryLimit: 2"


async def test_a_deadline_passes_while_pods_are_slow_and_the_update_still_pauses_and_is_promoted(
    walk: Walk,
) -> None:
    await walk.apply(blue_green("with-pause", "autoPromotionEnabled: false", spec=IMPATIENT, container=SLOW))
    await walk.phase("Degraded")
    await walk.phase("Healthy")
    await walk.update()
    await walk.phase("Degraded")
    await walk.phase("Paused")
    await walk.promote()
    await walk.phase("Healthy")
    await walk.serves(active=2, preview=2)


async def test_a_deadline_passes_while_pods_are_slow_and_the_update_is_promoted_all_the_same(
    walk: Walk,
) -> None:
    await walk.apply(
        blue_green("without-pause", "autoPromotionEnabled: true", spec=IMPATIENT, container=SLOW)
    )
    await walk.phase("Degraded")
    await walk.phase("Healthy")
    await walk.update()
    await walk.phase("Degraded")
    await walk.phase("Healthy")
    await walk.serves(active=2, preview=2)


async def test_a_preview_has_the_pods_it_is_given_and_all_of_them_once_it_is_promoted(walk: Walk) -> None:
    await walk.healthy(
        blue_green(
            "preview-replicas",
            "previewReplicaCount: 1\nscaleDownDelaySeconds: 5\nautoPromotionEnabled: false",
            replicas=2,
        )
    )
    await walk.update()
    await walk.phase("Paused")
    assert (await walk.count(1), await walk.count(2)) == (2, 1)
    assert await walk.counts() == (2, 3, 1, 2, 2)
    await walk.promote()
    await walk.phase("Healthy")
    assert await walk.counts() == (2, 4, 2, 2, 2)


async def test_a_preview_is_promoted_in_full_and_its_pause_is_longer_than_the_deadline(walk: Walk) -> None:
    await walk.healthy(
        blue_green(
            "promote-full",
            "previewReplicaCount: 1\nautoPromotionEnabled: false",
            replicas=2,
            spec="progressDeadlineSeconds: 1",
        )
    )
    await walk.update()
    await walk.phase("Paused")
    await asyncio.sleep(2)
    assert phase_of(await walk.rollout()) == "Paused"
    assert await walk.counts() == (2, 3, 1, 2, 2)
    await walk.promote(full=True)
    await walk.phase("Healthy")
    assert await walk.counts() == (2, 4, 2, 2, 2)
