"""What happens to each shop in a round: a whole story, from one stable version to the next."""

import asyncio
from collections.abc import Sequence

from rollouts.api.meta import Object
from tests.dataplane.shop import NAME, Shop
from tests.e2e.shop import ROLLING, by_route, entry, pause, weighted
from tests.world.simulated import rollout, service, success_rate

_STEPS: Sequence[Object] = (
    {"setWeight": 20},
    {"analysis": {"templates": [{"templateName": "success-rate"}]}},
    {"setWeight": 40},
    pause(),
    {"setWeight": 70},
    pause(),
)
_OTHER_STEPS: Sequence[Object] = ({"setWeight": 30}, pause(), {"setWeight": 60}, pause())


async def canary(shop: Shop) -> None:
    """A bad version is taken back by its analysis; a good one arrives by way of an abort and other steps."""
    old, new = shop.version, shop.next_version()
    await shop.change_steps(_STEPS)
    await shop.ship(shop.next_bad_version())
    await shop.all_of(old, "Degraded")
    await shop.ship(new)
    await shop.paused_at(40, new)
    await shop.keep_share(40, new, shop.scale(5))
    await shop.keep_share(40, new, shop.lose_pods(new))
    await shop.keep_share(40, new, shop.lose_pods(old))
    await shop.cd.rollouts.abort(NAME)
    await shop.all_of(old, "Degraded")
    shop.expect(old, new)
    await shop.cd.rollouts.retry(NAME)
    await shop.paused_at(40, new)
    await shop.change_steps(_OTHER_STEPS)
    await shop.paused_at(30, new)
    await shop.keep_share(30, new, asyncio.sleep(0))
    await shop.cd.rollouts.promote(NAME)
    await shop.paused_at(60, new)
    await shop.keep_share(60, new, shop.scale(3))
    await shop.cd.rollouts.promote(NAME)
    await shop.all_of(new, "Healthy")
    await shop.restart()
    await shop.lose_pods(new)


async def blue_green(shop: Shop) -> None:
    """A new version is switched to, switched back from, and one is aborted before any request reaches it."""
    old, new = shop.version, shop.next_version()
    await shop.preview(new)
    await shop.switch_to(new)
    await shop.scale(4)
    await shop.lose_pods(new)
    await shop.switch_back(old)
    await shop.preview(shop.next_bad_version())
    await shop.cd.rollouts.abort(NAME)
    await shop.all_of(old, "Degraded")
    newest = shop.next_version()
    await shop.preview(newest)
    await shop.switch_to(newest)
    await shop.restart()
    await shop.scale(2)


async def rolling(shop: Shop) -> None:
    """A new version replaces the old one pod by pod; then pods come, go and are replaced."""
    new = shop.next_version()
    await shop.ship(new)
    await shop.all_of(new, "Healthy")
    await shop.scale(5)
    await shop.lose_pods(new)
    await shop.restart()
    await shop.scale(2)


def objects(story: str, namespace: str) -> list[Object]:
    """What the shop of a story is made of."""
    spec = {"metric": "success-rate", "service": "shop-canary", "window": "2s", "minRequests": 5}
    template = success_rate(interval="2s", count=2, provider={"traffic": spec})
    if story == "ingress":
        return [template, *weighted(namespace, *_STEPS, replicas=3)]
    if story == "httproute":
        return [template, *by_route(namespace, *_STEPS, replicas=3)]
    strategy: Object = ROLLING
    if story == "blue-green":
        strategy = {"blueGreen": {"activeService": "shop", "autoPromotionEnabled": False}}
    shop = rollout(strategy, replicas=3)
    if story == SLOW:
        latency = {"name": "LATENCY_MS", "value": "900"}
        shop["spec"]["template"]["spec"]["containers"][0]["env"] = [latency]
    return [service("shop"), entry(namespace, backend="shop"), shop]


SLOW = "slow"
"""The story of a shop whose answers take longer than a pod is kept without new requests: some are under way
whenever one is told to end."""

STORIES = {
    "ingress": canary,
    "httproute": canary,
    "blue-green": blue_green,
    "rolling": rolling,
    SLOW: rolling,
}
"""By name."""
