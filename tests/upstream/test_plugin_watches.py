"""What upstream's plugin follows while a rollout goes on: its lines come as it moves, and end as it ends."""

import asyncio

import pytest

from tests.upstream.acts import BY_HAND, rollout
from tests.upstream.printed import plugin
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

QUICK = rollout("canary: {steps: [{setWeight: 50}, {pause: {duration: 3s}}]}")
CANARY = rollout(f"canary: {{{BY_HAND}}}")


def in_order(text: str, *wanted: str) -> bool:
    """Whether some texts occur one after the other."""
    place = 0
    for each in wanted:
        place = text.find(each, place)
        if place < 0:
            return False
        place += len(each)
    return True


async def test_status_follows_an_update_to_its_good_end(walk: Walk) -> None:
    await walk.healthy(QUICK)
    await walk.update()
    await walk.phase("Paused")
    said = await plugin(walk, "status", "shop", "--timeout", "60s")
    assert said.code == 0
    assert in_order(said.out, "Paused - CanaryPauseStep\n", "Progressing - ", "Healthy\n")


async def test_status_ends_with_an_error_where_the_update_is_aborted(walk: Walk) -> None:
    await walk.healthy(CANARY)
    await walk.update()
    await walk.phase("Paused")
    following = asyncio.create_task(plugin(walk, "status", "shop"))
    await asyncio.sleep(2)
    await walk.abort()
    said = await following
    assert said.code == 1
    assert in_order(said.out, "Paused - CanaryPauseStep\n", "Degraded - RolloutAborted")


async def test_get_follows_an_update_until_its_time_is_over(walk: Walk) -> None:
    await walk.healthy(CANARY)
    await walk.update()
    await walk.phase("Paused")
    following = asyncio.create_task(
        plugin(walk, "get", "rollout", "shop", "--watch", "--no-color", "--timeout-seconds", "15")
    )
    await asyncio.sleep(3)
    await walk.promote(full=True)
    said = await following
    assert in_order(said.out, "॥ Paused", "revision:2", "◌ Progressing", "✔ Healthy", "stable"), said.out


async def test_list_tells_each_change_of_each_rollout(walk: Walk) -> None:
    await walk.healthy(QUICK)
    following = asyncio.create_task(
        plugin(walk, "list", "rollouts", "--watch", "--timestamps", ends_after=15)
    )
    await asyncio.sleep(2)
    await walk.update()
    said = await following
    rows = [line.split() for line in said.out.splitlines() if "shop" in line.split()]
    assert all(row[0][:4].isdigit() for row in rows), "each with its time"
    assert in_order(" ".join(row[3] for row in rows), "Healthy", "Progressing", "Paused", "Healthy"), said.out


async def test_list_tells_of_the_rollouts_of_all_namespaces(walk: Walk) -> None:
    await walk.healthy(QUICK)

    async def is_listed() -> bool:
        everywhere = await plugin(walk, "list", "rollouts", "--all-namespaces")
        rows = [line.split()[:4] for line in everywhere.out.splitlines()]
        return [walk.namespace, "shop", "Canary", "Healthy"] in rows

    # While test_pod_templates.py has a rollout with a quantity that the plugin cannot read, it lists none.
    await walk.eventually(is_listed, "row in the list of all namespaces")
