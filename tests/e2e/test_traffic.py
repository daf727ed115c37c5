"""Where real requests go while rollouts happen, and that none fails."""

import asyncio
import math
import time
from collections import Counter

import aiohttp
import pytest

from rollouts.client import Client
from rollouts.demo.load import Load
from rollouts.demo.measure import SETTLE
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import INGRESSES
from tests.e2e.live import Live, until
from tests.e2e.shop import by_route, failures, host, last_versions, pause, traffic, weighted
from tests.embedded.live import Visitor

pytestmark = pytest.mark.cluster

V2 = {"*": "shop:v2"}


async def at_weight(cd: Client, weight: int) -> None:
    async def holds() -> bool:
        shop = await cd.rollouts.get("shop")
        return (shop.weight, shop.phase) == (weight, "Paused")

    await until(holds)


async def shares(load: Load, where: str, *, seconds: float) -> Counter[str]:
    """The answers of a span of time, from when the last change has arrived."""
    await asyncio.sleep(SETTLE)
    since = time.monotonic()
    await asyncio.sleep(seconds)
    return load.count(where, since, time.monotonic())


def assert_share(seen: Counter[str], version: str, weight: int) -> None:
    """Within four standard deviations of a binomial share."""
    p, total = weight / 100, seen.total()
    assert total >= 100
    assert abs(seen[version] / total - p) <= 4 * math.sqrt(p * (1 - p) / total), seen


@pytest.mark.parametrize("made", [weighted, by_route], ids=["ingress", "httproute"])
async def test_shares_agree_with_weights_through_promotion_scaling_and_restart(
    live: Live, cd: Client, ns: str, made: object
) -> None:
    assert callable(made)
    await live.apply(ns, *made(ns, {"setWeight": 20}, pause(), {"setWeight": 70}, pause()))
    await cd.rollouts.wait_for("shop", timeout=20)
    async with traffic(live, host(ns), per_second=150) as load:
        await asyncio.sleep(0.3)
        await cd.rollouts.set_image("shop", V2)
        await at_weight(cd, 20)
        assert_share(await shares(load, host(ns), seconds=1), "v2", 20)
        await live.kubectl("scale", "rollout/shop", "-n", ns, "--replicas=3")
        await cd.rollouts.promote("shop")
        await at_weight(cd, 70)
        assert_share(await shares(load, host(ns), seconds=1), "v2", 70)
        await cd.rollouts.promote("shop")
        await cd.rollouts.wait_for("shop", timeout=20)
        await cd.rollouts.restart("shop")

        async def restarted() -> bool:
            shop = await cd.rollouts.get("shop")
            return bool(shop.status.get("restartedAt")) and shop.phase == "Healthy"

        await until(restarted)
        await asyncio.sleep(0.5)
    assert failures(load) == {}
    assert last_versions(load, host(ns)) == {"v2"}


@pytest.mark.parametrize("made", [weighted, by_route], ids=["ingress", "httproute"])
async def test_an_abort_returns_all_traffic_and_fails_no_request(
    live: Live, cd: Client, ns: str, made: object
) -> None:
    assert callable(made)
    await live.apply(ns, *made(ns, {"setWeight": 50}, pause()))
    await cd.rollouts.wait_for("shop", timeout=20)
    async with traffic(live, host(ns), per_second=150) as load:
        await cd.rollouts.set_image("shop", V2)
        await at_weight(cd, 50)
        assert set(await shares(load, host(ns), seconds=0.3)) == {"v1", "v2"}
        asked = time.monotonic()
        await cd.rollouts.abort("shop")
        await cd.rollouts.wait_for("shop", "Degraded", timeout=20)
        assert set(await shares(load, host(ns), seconds=0.7)) == {"v1"}
        last = max(s.sent for s in load.samples if s.version == "v2")
        live.seconds["abort to the last request of the canary"] = last - asked
    assert failures(load) == {}


async def test_headers_and_cookies_of_the_canary_go_before_its_weight(
    live: Live, kube: Kube, cd: Client, ns: str
) -> None:
    rules = {"canary-by-header": "X-Canary", "canary-by-cookie": "canary"}
    shop = weighted(ns, {"setWeight": 0}, {"setCanaryScale": {"weight": 50}}, pause())
    shop[-1]["spec"]["strategy"]["canary"]["trafficRouting"]["nginx"]["additionalIngressAnnotations"] = rules
    await live.apply(ns, *shop)
    await cd.rollouts.wait_for("shop", timeout=20)
    await cd.rollouts.set_image("shop", V2)
    await cd.rollouts.wait_for("shop", "Paused", timeout=20)
    made = (await kube.get(INGRESSES, "shop-shop-canary", ns))["metadata"]["annotations"]
    assert made["nginx.ingress.kubernetes.io/canary-by-header"] == "X-Canary"
    async with aiohttp.ClientSession() as session:
        ask = Visitor(session, int(live.ingress.rpartition(":")[2]))
        await _reaches(ask, ns, "v2", {"X-Canary": "always"})
        assert await _version(ask, ns, {"X-Canary": "always", "Cookie": "canary=never"}) == "v2"
        assert await _version(ask, ns, {"X-Canary": "never", "Cookie": "canary=always"}) == "v1"
        assert await _version(ask, ns, {"X-Canary": "?", "Cookie": "canary=always"}) == "v2"
        assert {await _version(ask, ns, {}) for _ in range(20)} == {"v1"}


async def _version(ask: Visitor, ns: str, headers: dict[str, str]) -> str:
    status, version = await ask.ask(host(ns), headers=headers)
    assert status == 200
    return version


async def _reaches(ask: Visitor, ns: str, version: str, headers: dict[str, str]) -> None:
    async def holds() -> bool:
        return await _version(ask, ns, headers) == version

    await until(holds)
