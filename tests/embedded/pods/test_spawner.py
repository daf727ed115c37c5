"""The parent of the pods' processes, and what it is asked to do at bad moments."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from rollouts.embedded import state
from rollouts.embedded.pods.spawner import Spawned, Spawner
from tests.embedded.live import until

pytestmark = pytest.mark.cluster


@pytest.fixture
async def spawner() -> AsyncIterator[Spawner]:
    made = Spawner()
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def test_a_start_that_is_given_up_leaves_no_process_and_harms_no_other(spawner: Spawner) -> None:
    """A pod may be deleted at the very moment in which its container starts."""
    started: list[Spawned] = []
    for yields in range(4):
        starting = asyncio.create_task(spawner.spawn([sys.executable, "-c", "input()"], {}))
        for _ in range(yields):
            await asyncio.sleep(0)
        started += spawner.running()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    async with asyncio.timeout(20):
        later = await spawner.spawn(["/bin/sh", "-c", "exit 7"], {})
        assert await later.wait() == 7

    async def none_is_left() -> bool:
        return not spawner.running()

    await until(none_is_left)
    assert started
    assert all(state.birth(process.pid) is None for process in started if process.pid)
