"""When a pod may end: once the proxy has not known of it for a while. In virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

from rollouts.embedded.proxy.in_force import QUIET, InForce
from rollouts.embedded.proxy.model import Cluster, Endpoint
from rollouts.embedded.virtual_time import run

GOING, OTHER = Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)


def clusters(*endpoints: Endpoint) -> list[Cluster]:
    return [Cluster(name="a/shop/80", endpoints=endpoints)]


def seconds_until_free(during: Callable[[InForce], Awaitable[None]]) -> float:
    """How long it takes until the pod that goes may end, while something happens."""

    async def main() -> float:
        loop, in_force = asyncio.get_running_loop(), InForce()
        in_force.told(clusters(GOING, OTHER))
        happening = asyncio.create_task(during(in_force))
        began = loop.time()
        async with asyncio.timeout(100):
            await in_force.without(lambda endpoint: endpoint == GOING)
        took = loop.time() - began
        happening.cancel()
        return took

    return run(main())


def test_a_pod_is_kept_until_the_proxy_has_confirmed_and_a_while() -> None:
    async def slow(in_force: InForce) -> None:
        in_force.telling(clusters(OTHER))
        await asyncio.sleep(5)
        in_force.told(clusters(OTHER))

    assert abs(seconds_until_free(slow) - 5 - QUIET) < 0.01


def test_pods_that_come_and_go_beside_it_do_not_keep_it() -> None:
    async def churn(in_force: InForce) -> None:
        for turn in range(1000):
            in_force.told(clusters(*([OTHER] if turn % 2 else [])))
            await asyncio.sleep(QUIET / 4)

    assert abs(seconds_until_free(churn) - QUIET) < QUIET / 4


def test_a_pod_that_was_just_being_announced_is_kept_until_it_is_taken_back() -> None:
    async def late(in_force: InForce) -> None:
        in_force.told(clusters(OTHER))
        await asyncio.sleep(QUIET / 2)
        in_force.telling(clusters(GOING, OTHER))
        await asyncio.sleep(3)
        in_force.told(clusters(OTHER))

    assert abs(seconds_until_free(late) - 3 - 1.5 * QUIET) < 0.01
