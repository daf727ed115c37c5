"""`rollouts controller` is killed with SIGKILL in the middle of things, and started again."""

import asyncio
import time

import pytest

from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import ROLLOUTS
from tests.e2e.live import Live, until
from tests.e2e.shop import ROLLING, entry, failures, host, last_versions, traffic, weighted, weights
from tests.world.simulated import rollout, service

pytestmark = pytest.mark.cluster

V2 = {"*": "shop:v2"}


async def crash(live: Live) -> None:
    live.kill_controller()
    live.start_controller()
    await asyncio.to_thread(live.await_controller)


async def at_weight(cd: Client, weight: int) -> None:
    async def holds() -> bool:
        return ((await cd.rollouts.get("shop")).weight or 0) >= weight

    await until(holds)


async def test_rollouts_under_way_are_promoted_and_no_request_fails(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    switch = {"blueGreen": {"activeService": "pay", "scaleDownDelaySeconds": 2}}
    await live.apply(
        ns,
        *weighted(ns, *weights(20, 60, seconds=1.5)),
        *(service("pay", "pay"), entry(ns, "pay", "pay"), rollout(switch, name="pay", replicas=2)),
        *(service("cart", "cart"), entry(ns, "cart", "cart"), rollout(ROLLING, name="cart", replicas=3)),
    )
    for name in ("shop", "pay", "cart"):
        await cd.rollouts.wait_for(name, timeout=30)
    async with traffic(live, *(host(ns, name) for name in ("shop", "pay", "cart"))) as load:
        for name in ("shop", "pay", "cart"):
            await cd.rollouts.set_image(name, {"*": f"{name}:v2"})
        await asyncio.sleep(0.2)
        await crash(live)
        await at_weight(cd, 20)
        await crash(live)
        for name in ("shop", "pay", "cart"):
            seen = await cd.rollouts.wait_for(name, timeout=30)
            assert (seen.promoted, seen.images[name]) == (True, f"{name}:v2")
        await asyncio.sleep(0.7)
    assert failures(load) == {}
    for name in ("shop", "pay", "cart"):
        assert last_versions(load, host(ns, name)) == {"v2"}


@pytest.mark.parametrize("sees_the_abort", [True, False])
async def test_an_abort_is_carried_on_and_no_request_fails(
    live: Live, cd: Client, ns: str, *, sees_the_abort: bool
) -> None:
    await live.apply(ns, *weighted(ns, *weights(50, 80, seconds=30), abortScaleDownDelaySeconds=1))
    await cd.rollouts.wait_for("shop", timeout=30)
    async with traffic(live, host(ns)) as load:
        await cd.rollouts.set_image("shop", V2)
        await at_weight(cd, 50)
        if sees_the_abort:
            await cd.rollouts.abort("shop")
            await asyncio.sleep(0.05)
            live.kill_controller()
        else:
            live.kill_controller()
            await cd.rollouts.abort("shop")
        live.start_controller()
        seen = await cd.rollouts.wait_for("shop", "Degraded", timeout=30)
        assert seen.aborted
        await at_stable(cd)
        told = time.monotonic()
        await asyncio.sleep(0.7)
    assert failures(load) == {}
    assert set(load.count(host(ns), told + 0.3, time.monotonic())) == {"v1"}


async def at_stable(cd: Client) -> None:
    async def holds() -> bool:
        shop = await cd.rollouts.get("shop")
        return shop.weight == 0 and shop.status.get("updatedReplicas", 0) == 0

    await until(holds)


async def test_a_rollout_that_was_made_and_deleted_while_it_was_down_leaves_nothing(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    await live.apply(ns, *weighted(ns))
    await cd.rollouts.wait_for("shop", timeout=30)
    live.kill_controller()
    await kube.delete(ROLLOUTS, "shop", ns)
    await live.apply(ns, rollout(ROLLING, name="new", replicas=1))
    live.start_controller()
    await cd.rollouts.wait_for("new", timeout=30)

    async def gone() -> bool:
        return not await live.kubectl("get", "rs,pods", "-n", ns, "-l", "app=shop", "-o", "name")

    await until(gone)
