"""Upstream's canary suite: how long the pods of a version stay that is superseded or aborted."""

import asyncio

import pytest

from tests.upstream.canaries import rollout, routed, served, services
from tests.upstream.conftest import UPSTREAM
from tests.upstream.walk import Walk, hash_of, is_draining

pytestmark = pytest.mark.upstream

NAME = "canary-scaledowndelay"
HASH = "674d8cf959"
"""Of its first version, as upstream's own test has it."""
HELD = "steps: [{setCanaryScale: {replicas: 1}}, {pause: {}}]"


def revised(text: str) -> str:
    """The patch to a version of that name."""
    return f"spec: {{template: {{metadata: {{annotations: {{rev: {text}}}}}}}}}"


async def kept(walk: Walk, revision: int) -> tuple[int, bool]:
    """The size of a revision, and whether a deadline for its pods is set."""
    found = await walk.replica_set(revision)
    return found["spec"]["replicas"], is_draining(found)


async def test_what_still_drains_is_no_progress_that_is_missing(walk: Walk) -> None:
    await walk.healthy(routed(NAME, "scaleDownDelayRevisionLimit: 1"))
    await walk.update("spec: {progressDeadlineSeconds: 5}")
    await walk.update(revised("two"))
    await walk.phase("Healthy")
    await asyncio.sleep(10)
    assert (await walk.rollout())["status"]["phase"] == "Healthy"


async def test_so_many_superseded_versions_as_the_limit_says_keep_their_pods_for_the_delay(
    walk: Walk,
) -> None:
    await walk.healthy(routed(NAME, "scaleDownDelayRevisionLimit: 1"))
    await walk.update(revised("two"))
    await walk.phase("Healthy")
    await asyncio.sleep(2)
    assert await kept(walk, 1) == (1, True)

    await walk.update(revised("three"))
    await walk.phase("Healthy")
    await asyncio.sleep(1)
    assert await kept(walk, 1) == (0, False)
    assert await kept(walk, 2) == (1, True)

    await walk.update(revised("two"))
    await walk.phase("Healthy")
    await asyncio.sleep(1)
    assert await kept(walk, 1) == (0, False)
    assert await kept(walk, 4) == (1, False)
    assert await kept(walk, 3) == (1, True)


async def aborted(walk: Walk, manifest: str) -> None:
    """An update that is paused is aborted."""
    await walk.healthy(manifest)
    assert hash_of(await walk.replica_set(1)) == HASH
    await walk.update()
    await walk.phase("Paused")
    await walk.abort()
    await walk.phase("Degraded")


async def test_an_aborted_version_is_gone_after_its_delay_and_its_service_goes_back_at_once(
    walk: Walk,
) -> None:
    strategy = f"{{abortScaleDownDelaySeconds: 1, scaleDownDelayRevisionLimit: 1, {HELD}}}"
    await aborted(walk, routed(NAME, strategy))
    # Upstream points it at the aborted version and then at stable in every pass, and so either may be seen.
    assert UPSTREAM or await walk.selector(f"{NAME}-canary") == HASH
    await asyncio.sleep(3)
    assert await walk.count(2) == 0


async def test_an_aborted_version_is_gone_at_once_where_nothing_routes(walk: Walk) -> None:
    steps = "[{setWeight: 50}, {pause: {}}]"
    strategy = "".join(f"{name}: {value}\n" for name, value in served(NAME).items())
    manifest = "\n---\n".join((services(NAME), rollout(NAME, f"{strategy}steps: {steps}")))
    await aborted(walk, manifest)
    assert await walk.selector(f"{NAME}-canary") == HASH
    await asyncio.sleep(3)
    assert await walk.count(2) == 0


async def test_an_aborted_version_whose_delay_is_nought_stays(walk: Walk) -> None:
    strategy = f"{{abortScaleDownDelaySeconds: 0, scaleDownDelayRevisionLimit: 1, {HELD}}}"
    await aborted(walk, routed(NAME, strategy))
    await asyncio.sleep(3)
    assert await walk.count(2) == 1
    assert not is_draining(await walk.replica_set(2))
