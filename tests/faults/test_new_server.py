"""The API server comes back as another one: empty, and its resourceVersions are smaller."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.cluster import embedded, shops
from tests.faults.conftest import Stage
from tests.faults.controller import Controller
from tests.faults.proxy import Proxy


@pytest.mark.parametrize("versions", ["smaller", "larger"])
async def test_a_server_that_comes_back_empty_is_worked_on_like_a_new_one(
    versions: str, tmp_path: Path
) -> None:
    async with embedded() as before, embedded() as after, Proxy(before.transport) as proxy:
        assert before.world is not None
        assert after.world is not None
        if versions == "smaller":
            before.world.server.objects.storage.version = 100_000
        async with Controller(proxy.kubeconfig(tmp_path), tmp_path) as controller:
            await controller.ready()
            await before.apply(*shops())
            await Stage(before, proxy, controller, tmp_path).settled()
            if versions == "larger":
                # As the embedded cluster does it: what it was before is unknown to it.
                after.world.server.objects.storage.version = 100_000
                after.world.server.objects.storage.compact()
            await proxy.down()
            proxy.inner = after.transport
            await after.apply(*(each for each in shops() if each["metadata"]["name"] != "cart"))
            await asyncio.sleep(1)
            await proxy.up()
            await after.apply(*shops())
            stage = Stage(after, proxy, controller, tmp_path)
            await stage.settled()
            for name in ("shop", "pay"):
                await after.ship(name, "v2")
            stage.shipped = 2
            await stage.settled()
            assert (controller.said("went back") > 0) == (versions == "smaller")
            assert controller.said("a defect") == 0
            assert controller.said("has not shown our own write") == 0
