"""Requests through Envoy while four shops are rolled out, taken back, restarted, scaled and robbed of pods.

REQUESTS is how many, at the least: `make test-traffic` sends a million.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.http import connect
from tests.dataplane.judge import Ledger, deviations, failures, figures, trespasses
from tests.dataplane.load import Load, load
from tests.dataplane.shops import BAD, STORIES, Shop, objects
from tests.e2e.live import Live

pytestmark = pytest.mark.cluster

REQUESTS = int(os.environ.get("REQUESTS", "20000"))
_A_ROUND = 30.0
"""Seconds that a round takes at the least: few requests are spread over one."""
_FULL_SPEED = 1500.0
"""Requests a second from which on there is no limit."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("dataplane") / "home"
    made = Live(home, 0, 0)
    try:
        made = Live.begin(home)
        yield made
    finally:
        made.end()


@pytest.fixture
async def kube(live: Live) -> AsyncIterator[Kube]:
    client = await connect(kubeconfig=live.kubeconfig)
    try:
        yield client
    finally:
        await client.close()


async def test_no_request_fails_or_meets_a_version_that_must_not_answer(
    live: Live, kube: Kube, tmp_path: Path
) -> None:
    ledger = Ledger()
    async with AsyncExitStack() as stack:
        shops = {}
        for namespace in STORIES:
            client = Client.connect(kubeconfig=live.kubeconfig, namespace=namespace)
            shops[namespace] = Shop(kube, await stack.enter_async_context(client), ledger)
        await _deploy(live, shops)
        hosts = [shop.host for shop in shops.values()]
        rate = REQUESTS / _A_ROUND
        rate = rate if rate < _FULL_SPEED else 0
        async with load(live.ingress, hosts, tmp_path / "records", rate) as running:
            crashes = asyncio.create_task(_crash_again_and_again(live))
            try:
                async with asyncio.TaskGroup() as group:
                    for namespace, shop in shops.items():
                        group.create_task(_rounds(namespace, shop, running))
            finally:
                crashes.cancel()
                await asyncio.gather(crashes, return_exceptions=True)
    records = running.read()
    print(*(f"\n{what}: {figure}" for what, figure in figures(records).items()))  # noqa: T201 - for pytest -s
    assert [*failures(records, hosts, failing=BAD)] == [], running.said
    assert [*trespasses(records, hosts, ledger)] == []
    assert [*deviations(records, hosts, ledger)] == []
    assert len(records) >= REQUESTS
    assert np.char.startswith(records["said"], BAD.encode()).any()


async def _deploy(live: Live, shops: dict[str, Shop]) -> None:
    fails = {"env": {"ERROR_RATE": "0.2"}}
    await live.know_images({f"shop:{BAD}{number}": fails for number in range(200)})
    for namespace in shops:
        await live.kubectl("create", "namespace", namespace)
        await live.apply(namespace, *objects(namespace))
    for shop in shops.values():
        await shop.all_of("v1", "Healthy")


async def _rounds(namespace: str, shop: Shop, running: Load) -> None:
    """Tell a shop's story until there are enough requests."""
    while True:
        await STORIES[namespace](shop)
        if running.count >= REQUESTS:
            return


async def _crash_again_and_again(live: Live) -> None:
    """SIGKILL the controller, and start it again at once."""
    dice = random.Random(3)
    while True:
        await asyncio.sleep(dice.uniform(3, 9))
        live.kill_controller()
        live.start_controller()
        await asyncio.to_thread(live.await_controller)
