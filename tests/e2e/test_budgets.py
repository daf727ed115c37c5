"""Small and quick: what the engine takes. The bounds are loose for slow machines; figures are printed."""

import asyncio
import sys
import time
from contextlib import aclosing

import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import REPLICA_SETS
from tests.e2e.live import Live
from tests.e2e.shop import ROLLING
from tests.world.simulated import rollout

pytestmark = pytest.mark.cluster


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_the_controller_is_small(live: Live) -> None:
    used = live.megabytes()
    assert used is not None
    live.figures["controller RSS"] = f"{used:.0f} MB"
    assert used < 120


async def test_help_and_the_cluster_are_there_at_once(live: Live) -> None:
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        assert (await live.rollouts("--help")).code == 0
        seconds.append(time.monotonic() - began)
    live.seconds["rollouts --help"] = min(seconds)
    assert min(seconds) < 1.5
    assert live.seconds["cluster up"] < 15


async def test_a_change_is_acted_on_at_once(live: Live, kube: Kube, cd: Client, ns: str) -> None:
    await live.apply(ns, rollout(ROLLING, replicas=1))
    await cd.rollouts.wait_for("shop", timeout=20)
    latencies = []
    for version in ("v2", "v3", "v4"):
        made = asyncio.create_task(_created(kube, ns, f"shop:{version}"))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await cd.rollouts.set_image("shop", {"*": f"shop:{version}"})
        latencies.append(await made - began)
        await cd.rollouts.wait_for("shop", timeout=20)
    live.seconds["change to first write"] = min(latencies)
    assert min(latencies) < 2


async def _created(kube: Kube, ns: str, image: str) -> float:
    """When a ReplicaSet of an image was there."""
    version = (await kube.list(REPLICA_SETS, ns))["metadata"]["resourceVersion"]
    async with aclosing(kube.watch(REPLICA_SETS, ns, resourceVersion=version)) as events:
        async for event in events:
            pod = event["object"]["spec"]["template"]["spec"]
            if event["type"] == "ADDED" and pod["containers"][0]["image"] == image:
                return time.monotonic()
    raise AssertionError("the watch ended")
