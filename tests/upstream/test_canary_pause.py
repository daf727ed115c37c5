"""Upstream's canary suite: pauses, the deadline for progress, and labels that come and go with a role."""

import asyncio
from contextlib import suppress

import pytest

from rollouts.api.meta import Object
from rollouts.kube.resources import PODS
from tests.upstream.canaries import rollout, served, services
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

NAME = "rollout-canary-with-pause"
LATE = "readinessProbe: {initialDelaySeconds: 10, periodSeconds: 30, httpGet: {path: /, port: 80}}"
"""Ready after twice the deadline."""
DEADLINE = "{replicas: 3, revisionHistoryLimit: 2, progressDeadlineSeconds: 5}"


async def test_pods_that_come_late_are_degraded_then_healthy_on_both_sides_of_a_pause(walk: Walk) -> None:
    await walk.apply(rollout(NAME, "steps: [{setWeight: 20}, {pause: {}}]", spec=DEADLINE, container=LATE))
    await walk.phase("Degraded")
    await walk.phase("Healthy")
    await walk.until(lambda found: found["status"].get("replicas") == 3, "3 pods")
    await walk.update()
    await walk.phase("Degraded")
    await walk.phase("Paused")
    assert await walk.canary_and_stable() == (1, 3)
    await walk.promote()
    await walk.phase("Degraded")
    await walk.phase("Healthy")


async def test_what_is_paused_by_hand_is_never_told_to_make_progress_of_an_unknown_kind(walk: Walk) -> None:
    await walk.apply(rollout(NAME, "steps: [{setWeight: 20}]", spec=DEADLINE, container=LATE))
    await walk.phase("Degraded")
    await walk.phase("Healthy")
    await walk.until(lambda found: found["status"].get("replicas") == 3, "3 pods")
    await walk.update("spec: {paused: true}")

    def is_told(found: Object) -> bool:
        return any(
            (each["type"], each["reason"], each["status"]) == ("Progressing", "RolloutPaused", "Unknown")
            for each in found["status"].get("conditions") or ()
        )

    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            found = await walk.until(is_told, "Progressing that is Unknown")
            pytest.fail(str(found["status"]["conditions"]))
    await walk.phase("Paused")


async def test_a_version_that_supersedes_a_paused_one_takes_its_place(walk: Walk) -> None:
    strategy = "".join(f"{name}: {value}\n" for name, value in served(NAME).items())
    strategy += "steps: [{setWeight: 20}, {pause: {}}]"
    await walk.healthy(
        services(NAME),
        rollout(NAME, strategy, spec=DEADLINE, container=LATE),
    )
    await walk.update()
    await walk.phase("Paused")
    await walk.update()
    await walk.phase("Paused")
    await asyncio.sleep(1)
    assert [await walk.count(revision) for revision in (1, 2, 3)] == [3, 0, 1]


async def roles(walk: Walk, revision: int) -> set[tuple[str | None, str | None]]:
    """The labels `role` and `role2` of the pods of a revision."""
    return _roles(await walk.pods(revision))


def _roles(pods: list[Object]) -> set[tuple[str | None, str | None]]:
    labels = [each["metadata"]["labels"] for each in pods]
    return {(each.get("role"), each.get("role2")) for each in labels}


async def test_the_labels_of_a_role_are_on_its_pods_follow_the_spec_and_go_with_the_role(walk: Walk) -> None:
    await walk.apply(
        rollout(
            "ephemeral-metadata-canary",
            """
canaryMetadata: {labels: {role: canary}}
stableMetadata: {labels: {role: stable}}
steps: [{setWeight: 50}, {pause: {}}]
""",
            spec="replicas: 2",
        )
    )
    await walk.until(lambda found: (found.get("status") or {}).get("replicas") == 2, "2 pods")
    assert _roles((await walk.kube.list(PODS, walk.namespace))["items"]) == {("stable", None)}
    await walk.phase("Healthy")

    await walk.update()
    await walk.phase("Paused")
    assert await roles(walk, 2) == {("canary", None)}
    assert await roles(walk, 1) == {("stable", None)}

    await walk.update("spec: {strategy: {canary: {canaryMetadata: {labels: {role: null, role2: canary2}}}}}")
    await asyncio.sleep(1)
    assert await roles(walk, 2) == {(None, "canary2")}

    await walk.promote()
    await walk.phase("Healthy")
    assert await roles(walk, 2) == {("stable", None)}

    await walk.update("spec: {strategy: {canary: {stableMetadata: {labels: {role: null, role2: stable2}}}}}")
    await asyncio.sleep(1)
    assert await roles(walk, 2) == {(None, "stable2")}
