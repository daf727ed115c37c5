"""A cluster, a proxy with faults in front of it, and a controller process, once for a file of tests.

On the embedded cluster in this process, or on a real one where ROLLOUTS_TEST_KUBECONFIG names it
(`make test-kubernetes`).
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.cluster import Cluster, embedded, real, shops
from tests.faults.controller import Controller, until
from tests.faults.proxy import Proxy

REAL = os.environ.get("ROLLOUTS_TEST_KUBECONFIG", "")


@dataclass(slots=True)
class Stage:
    """Where a story is told."""

    cluster: Cluster
    proxy: Proxy
    controller: Controller
    folder: Path
    shipped: int = field(default=1)
    """The version that `shop` and `pay` are at."""

    async def settled(self) -> None:
        """Wait until everything is at its version and well."""
        version = f"v{self.shipped}"
        for name, wanted in (("shop", version), ("pay", version), ("cart", "v1")):
            await until(lambda name=name, wanted=wanted: self.cluster.is_at(name, wanted), limit=120)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["real" if REAL else "embedded"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """A cluster without anything in it."""
    async with embedded() if request.param == "embedded" else real(REAL) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def staged(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The shops at their first version."""
    folder = tmp_path_factory.mktemp("faults")
    async with Proxy(cluster.transport) as proxy:
        (folder / "token").write_text(proxy.token)
        kubeconfig = proxy.kubeconfig(folder, token_file=folder / "token")
        async with Controller(kubeconfig, folder, "--namespace", cluster.namespace) as controller:
            await controller.ready()
            await cluster.apply(*shops())
            stage = Stage(cluster, proxy, controller, folder)
            await stage.settled()
            yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(staged: Stage) -> AsyncIterator[Stage]:
    """All well, whatever the test before did to it."""
    staged.proxy.choose = lambda _: None
    staged.proxy.taken = lambda _: None
    if not staged.controller.runs:
        await staged.controller.start()
        await staged.controller.ready()
    await staged.settled()
    if staged.cluster.world is not None:
        staged.cluster.world.load.unserved = 0
    yield staged
    staged.proxy.choose = lambda _: None
