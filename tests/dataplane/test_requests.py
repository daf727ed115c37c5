"""Requests through Envoy while shops are rolled out, taken back, restarted, scaled and robbed of pods.

REQUESTS is how many, at the least: `make test-traffic` sends a million.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.http import connect
from tests.dataplane.judge import Ledger, deviations, failures, figures, trespasses
from tests.dataplane.load import Load, load
from tests.dataplane.shop import BAD, Shop
from tests.dataplane.stories import SLOW, STORIES, objects
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
    made = Live.at(home)
    try:
        made.begin()
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
        for story in STORIES:
            client = Client.connect(kubeconfig=live.kubeconfig, namespace=live.new_namespace())
            shops[story] = Shop(kube, await stack.enter_async_context(client), ledger)
        await _deploy(live, shops)
        quick = [shop.host for story, shop in shops.items() if story != SLOW]
        slow = [shops[SLOW].host]
        rate = REQUESTS / _A_ROUND if REQUESTS / _A_ROUND < _FULL_SPEED else 0
        async with (
            load(live.ingress, quick, tmp_path / "quick", per_second=rate) as many,
            load(live.ingress, slow, tmp_path / "slow", per_second=40, connections=60) as few,
        ):
            kills = await _tell(shops, live, many)
        for shop in shops.values():
            await live.kubectl("delete", "namespace", shop.cd.namespace, "--wait=false")
    print(f"\nSIGKILLs of the controller: {kills}")  # noqa: T201 - for pytest -s
    assert kills > 0
    for each in (many, few):
        records = each.read()
        shown = figures(records).items()
        print(*(f"\n{what}: {figure}" for what, figure in shown))  # noqa: T201 - for pytest -s
        assert _some(failures(records, each.hosts, failing=BAD)) == [], each.said[:20]
        assert _some(trespasses(records, each.hosts, ledger)) == []
        assert _some(deviations(records, each.hosts, ledger)) == []
    said = many.read()["said"]
    assert len(said) >= REQUESTS
    assert np.char.startswith(said, BAD.encode()).any()


async def _deploy(live: Live, shops: Mapping[str, Shop]) -> None:
    fails = {"env": {"ERROR_RATE": "0.2"}}
    await live.know_images({f"shop:{BAD}{number}": fails for number in range(200)})
    for story, shop in shops.items():
        await live.kubectl("create", "namespace", shop.cd.namespace)
        await live.apply(shop.cd.namespace, *objects(story, shop.cd.namespace))
    for shop in shops.values():
        await shop.all_of("v1", "Healthy")


async def _tell(shops: Mapping[str, Shop], live: Live, running: Load) -> int:
    """Tell all stories side by side, again and again until there are enough requests.

    Meanwhile the controller is killed: how often is returned.
    """

    async def again_and_again(story: str, shop: Shop) -> None:
        while True:
            await STORIES[story](shop)
            if running.count >= REQUESTS:
                return

    kills: list[float] = []
    crashes = asyncio.create_task(_crash_again_and_again(live, kills))
    try:
        async with asyncio.TaskGroup() as group:
            for story, shop in shops.items():
                group.create_task(again_and_again(story, shop))
    finally:
        crashes.cancel()
        await asyncio.wait([crashes])
    if not crashes.cancelled():
        crashes.result()
    return len(kills)


async def _crash_again_and_again(live: Live, kills: list[float]) -> None:
    """SIGKILL the controller and start it again at once; note when."""
    dice = random.Random(3)
    while True:
        await asyncio.sleep(dice.uniform(3, 9))
        live.kill_controller()
        kills.append(time.monotonic())
        live.start_controller()
        await asyncio.to_thread(live.await_controller)


def _some(found: Iterator[str]) -> list[str]:
    return list(islice(found, 20))
