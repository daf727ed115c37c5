"""Upstream's functional suite: versions that cannot be started, and deadlines."""

import asyncio

import pytest

from tests.upstream.manifests import MISSING, new_container, rollout, service
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

BAD = "command: [/bad-command]"


async def test_bad_versions_one_after_the_other_take_no_pod_from_the_good_one(walk: Walk) -> None:
    strategy = "canary: {maxSurge: 1, maxUnavailable: 0}"
    await walk.healthy(rollout("good2bad", strategy, "replicas: 4"))
    await walk.update(
        new_container("{name: good2bad, command: [/bad-command]}", "progressDeadlineSeconds: 10")
    )
    await walk.phase("Degraded")
    assert await walk.canary_and_stable() == (1, 4)
    await walk.update(new_container("{name: good2bad, command: [/bad-command2]}"))
    await walk.phase("Progressing")
    await walk.phase("Degraded")
    assert [await walk.count(revision) for revision in (1, 2, 3)] == [4, 0, 1]


async def test_a_good_version_replaces_a_first_one_that_never_started(walk: Walk) -> None:
    strategy = "canary: {maxSurge: 1, maxUnavailable: 0}"
    await walk.apply(rollout("bad2good", strategy, "{replicas: 4, progressDeadlineSeconds: 10}", BAD))
    await walk.phase("Degraded")
    await walk.update(new_container("name: bad2good", "progressDeadlineSeconds: 60"))
    await walk.phase("Healthy")
    assert (await walk.count(2), await walk.count(1)) == (4, 0)


async def test_of_two_bad_versions_the_second_gets_no_more_than_the_surge(walk: Walk) -> None:
    strategy = "canary: {maxSurge: 1, maxUnavailable: 0}"
    await walk.apply(rollout("bad2bad", strategy, "{replicas: 4, progressDeadlineSeconds: 10}", BAD))
    await walk.phase("Degraded")
    await walk.update(new_container("{name: bad2bad, command: [/bad-command2]}"))
    await walk.phase("Progressing")
    await walk.phase("Degraded")
    assert (await walk.count(2), await walk.count(1)) == (1, 4)


async def test_a_good_version_goes_through_its_steps_over_a_first_one_that_never_started(
    walk: Walk,
) -> None:
    strategy = "canary: {maxSurge: 1, maxUnavailable: 0, steps: [{setWeight: 50}, {pause: {duration: 5s}}]}"
    await walk.apply(
        rollout("bad2good-setweight", strategy, "{replicas: 4, progressDeadlineSeconds: 10}", BAD)
    )
    await walk.phase("Degraded")
    await walk.update(new_container("name: bad2good-setweight"))
    await walk.phase("Healthy")
    assert (await walk.count(2), await walk.count(1)) == (4, 0)


async def test_a_preview_past_its_deadline_stays_unless_the_deadline_aborts(walk: Walk) -> None:
    await walk.apply(service("deadline-active", "deadline"))
    strategy = "blueGreen: {activeService: deadline-active, abortScaleDownDelaySeconds: 2}"
    await walk.healthy(rollout("deadline", strategy))
    for aborts, pods in ((False, 1), (True, 0)):
        deadline = f"{{progressDeadlineAbort: {str(aborts).lower()}, progressDeadlineSeconds: 1}}"
        await walk.update(new_container(f"{{name: deadline, image: '{MISSING}'}}", deadline))
        await walk.phase("Degraded")
        await asyncio.sleep(3)
        assert await walk.count(2) == pods
        status = (await walk.rollout())["status"]
        assert status.get("abort", False) is aborts
    assert len(status["conditions"]) == 4


async def test_a_pause_that_lasts_longer_than_the_progress_deadline_is_no_failure(walk: Walk) -> None:
    strategy = "canary: {steps: [{setWeight: 32}, {pause: {duration: 30s}}, {setWeight: 67}]}"
    await walk.healthy(rollout("long-pause", strategy, "{replicas: 3, progressDeadlineSeconds: 5}"))
    await walk.update()
    await walk.ends_healthy()
    await walk.phase("Healthy")
