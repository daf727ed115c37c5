"""Upstream's duration suite: `.status.duration`, which its releases have from 1.11 on."""

import asyncio
from datetime import UTC, datetime

import pytest

from rollouts.api.meta import Object, parse_time
from tests.upstream.conftest import UPSTREAM
from tests.upstream.manifests import blue_green, canary
from tests.upstream.walk import Walk

pytestmark = [
    pytest.mark.upstream,
    pytest.mark.skipif(UPSTREAM, reason="the release in peers/go.mod, 1.10, keeps no .status.duration"),
]

HALF_AND_WAIT = "steps: [{setWeight: 50}, {pause: {}}]"
HALF_FOR_A_SECOND = "steps: [{setWeight: 50}, {pause: {duration: 1s}}]"
BY_HAND = "autoPromotionEnabled: false"
IN_TWO_SECONDS = "autoPromotionSeconds: 2"

WAITING = [canary("waiting", HALF_AND_WAIT), blue_green("waiting", BY_HAND)]
"""That a human must promote."""
PASSING = [canary("passing", HALF_FOR_A_SECOND), blue_green("passing", IN_TWO_SECONDS)]
"""That go on by themselves."""
IDS = ["canary", "blue_green"]
waiting = pytest.mark.parametrize("manifest", WAITING, ids=IDS)
passing = pytest.mark.parametrize("manifest", PASSING, ids=IDS)


async def record(walk: Walk) -> Object:
    """The record as it is now, seen to be sound."""
    found: Object = (await walk.rollout())["status"]["duration"]
    began = parse_time(found["rolloutStartedAt"])
    if "finishedAt" in found:
        assert found["completionStatus"]
        assert "manualPauseStartedAt" not in found
        assert began <= parse_time(found["finishedAt"]) <= datetime.now(UTC)
    return found


async def ship(walk: Walk, version: int) -> None:
    """Another version, or one that was there before."""
    await walk.update(f'spec: {{template: {{metadata: {{annotations: {{version: "{version}"}}}}}}}}')


async def ship_and_promote(walk: Walk, version: int) -> None:
    await asyncio.sleep(1)  # which of two ReplicaSets came first is asked of times in whole seconds
    await ship(walk, version)
    await walk.phase("Paused")
    await walk.promote()
    await walk.phase("Healthy")


async def promote_two_versions(walk: Walk, manifest: str) -> None:
    await walk.apply(manifest)
    await ship(walk, 1)
    await walk.phase("Healthy")
    await ship_and_promote(walk, 2)


@passing
async def test_the_first_version_is_promoted(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("Promoted", True)
    assert "totalManualPauseDurationSeconds" not in found


@passing
async def test_a_pause_of_the_spec_is_one_in_which_a_human_is_waited_for(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    await walk.update("spec: {paused: true}")
    await ship(walk, 2)
    await walk.phase("Paused")
    await walk.until(lambda rollout: "manualPauseStartedAt" in rollout["status"]["duration"], "manual pause")
    await record(walk)
    await asyncio.sleep(2)
    await walk.update("spec: {paused: false}")
    await walk.phase("Healthy")
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("Promoted", True)
    assert found["totalManualPauseDurationSeconds"] > 0


@passing
async def test_a_pause_that_ends_by_itself_is_none_of_a_human(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    await ship(walk, 2)
    await walk.phase("Progressing")
    await walk.phase("Healthy")
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("Promoted", True)
    assert "totalManualPauseDurationSeconds" not in found


@waiting
async def test_a_pause_that_a_human_ends_is_told_apart(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    await ship(walk, 2)
    await walk.phase("Paused")
    assert "manualPauseStartedAt" in await record(walk)
    await asyncio.sleep(2)
    await walk.promote()
    await walk.phase("Healthy")
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("Promoted", True)
    assert found["totalManualPauseDurationSeconds"] > 0


@waiting
async def test_a_full_promotion_is_a_fast_one(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    await ship(walk, 2)
    await walk.phase("Paused")
    await walk.promote(full=True)
    await walk.phase("Healthy")
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("FastPromoted", True)
    assert found["totalManualPauseDurationSeconds"] >= 0


@waiting
async def test_an_abort_ends_it_and_a_retry_begins_anew(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    await ship(walk, 2)
    await walk.phase("Paused")
    await walk.abort()
    await walk.phase("Degraded")
    aborted = await record(walk)
    assert (aborted["completionStatus"], "finishedAt" in aborted) == ("Aborted", True)
    assert aborted["totalManualPauseDurationSeconds"] >= 0
    await asyncio.sleep(2)
    await walk.retry()
    await walk.phase("Paused")
    again = await record(walk)
    assert again["rolloutStartedAt"] != aborted["rolloutStartedAt"]
    assert not again.keys() & {"finishedAt", "completionStatus"}


@waiting
async def test_a_version_that_supersedes_another_begins_anew(walk: Walk, manifest: str) -> None:
    await walk.healthy(manifest)
    await ship(walk, 2)
    await walk.phase("Paused")
    first = await record(walk)
    await ship_and_promote(walk, 3)
    found = await record(walk)
    assert found["rolloutStartedAt"] != first["rolloutStartedAt"]
    assert (found["completionStatus"], "finishedAt" in found) == ("Promoted", True)


@pytest.mark.parametrize(
    "manifest", [WAITING[0], blue_green("waiting", f"{BY_HAND}\nscaleDownDelaySeconds: 0")], ids=IDS
)
async def test_to_return_to_the_stable_version_ends_the_update_in_a_fast_rollback(
    walk: Walk, manifest: str
) -> None:
    await walk.apply(manifest)
    await ship(walk, 1)
    await walk.phase("Healthy")
    await ship(walk, 2)
    await walk.phase("Paused")
    first = await record(walk)
    await ship(walk, 1)
    await walk.phase("Healthy")
    found = await record(walk)
    assert found["rolloutStartedAt"] == first["rolloutStartedAt"]
    assert (found["completionStatus"], "finishedAt" in found) == ("FastRolledBack", True)
    assert found["totalManualPauseDurationSeconds"] >= 0


async def test_to_return_to_a_version_that_still_runs_is_a_fast_rollback(walk: Walk) -> None:
    await promote_two_versions(walk, blue_green("still-runs", f"{BY_HAND}\nscaleDownDelaySeconds: 30"))
    await ship(walk, 3)
    await walk.phase("Paused")
    await ship(walk, 1)
    await walk.phase("Healthy")
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("FastRolledBack", True)


WINDOW = "revisionHistoryLimit: 5\nrollbackWindow: {revisions: 1}"
windowed = pytest.mark.parametrize(
    "manifest",
    [
        canary("window", HALF_AND_WAIT, spec=WINDOW),
        blue_green("window", f"{BY_HAND}\nscaleDownDelaySeconds: 0", spec=WINDOW),
    ],
    ids=IDS,
)


@windowed
async def test_to_return_within_the_window_is_a_fast_rollback(walk: Walk, manifest: str) -> None:
    await promote_two_versions(walk, manifest)
    await ship(walk, 3)
    await walk.phase("Paused")
    await ship(walk, 1)
    await walk.phase("Healthy")
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("FastRolledBack", True)


@windowed
async def test_to_return_beyond_the_window_is_a_rollback(walk: Walk, manifest: str) -> None:
    await promote_two_versions(walk, manifest)
    await ship_and_promote(walk, 3)
    await ship(walk, 4)
    await walk.phase("Paused")
    await ship_and_promote(walk, 1)
    found = await record(walk)
    assert (found["completionStatus"], "finishedAt" in found) == ("RolledBack", True)


@passing
async def test_a_rollout_that_is_scaled_keeps_the_record_of_its_last_update(
    walk: Walk, manifest: str
) -> None:
    await walk.healthy(manifest)
    before = await record(walk)
    await walk.update("spec: {replicas: 2}")
    await walk.until(lambda rollout: rollout["status"].get("replicas") == 2, "two pods")
    assert (await record(walk))["rolloutStartedAt"] == before["rolloutStartedAt"]
