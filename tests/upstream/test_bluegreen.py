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


async def test_pods_bear_the_labels_of_the_preview_until_they_are_the_active_ones(walk: Walk) -> None:
    strategy = """
previewMetadata: {labels: {role: preview}}
activeMetadata: {labels: {role: active}}
autoPromotionEnabled: false
"""
    await walk.apply(blue_green("ephemeral-metadata-bg", strategy, replicas=2))
    await walk.until(lambda rollout: rollout.get("status", {}).get("replicas") == 2, "two pods")
    assert await _labels(walk, 1) == [{"role": "active"}] * 2
    await walk.phase("Healthy")
    await walk.update()
    await walk.phase("Paused")
    assert await _labels(walk, 2) == [{"role": "preview"}] * 2
    assert await _labels(walk, 1) == [{"role": "active"}] * 2
    await walk.update(_of_role("preview", "preview2"))
    await asyncio.sleep(1)
    assert await _labels(walk, 2) == [{"role2": "preview2"}] * 2
    await walk.promote()
    await walk.phase("Healthy")
    await asyncio.sleep(1)
    assert await _labels(walk, 2) == [{"role": "active"}] * 2
    await walk.update(_of_role("active", "active2"))
    await asyncio.sleep(2)
    assert await _labels(walk, 2) == [{"role2": "active2"}] * 2


def _of_role(which: str, role: str) -> str:
    """A patch that takes one label of a role away, and gives another."""
    labels = f"{{labels: {{role: null, role2: {role}}}}}"
    return f"spec: {{strategy: {{blueGreen: {{{which}Metadata: {labels}}}}}}}"


async def _labels(walk: Walk, revision: int) -> list[dict[str, str]]:
    """What the labels of a revision's pods say of their role."""
    found = [each["metadata"]["labels"] for each in await walk.pods(revision)]
    return [
        {name: value for name, value in each.items() if name.startswith("role") and "-" not in name}
        for each in found
    ]
