"""A shop to roll out: a rollout `shop` of web servers, behind a host that no other test has."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from rollouts.api.meta import Object
from rollouts.demo.load import Load, Target
from tests.e2e.live import Live, until
from tests.world.simulated import canary, ingress, rollout, service

ROLLING: Object = {"canary": {"maxSurge": 1, "maxUnavailable": 0}}
ROUTE_PLUGIN = "argoproj-labs/gatewayAPI"


def pause(seconds: float | None = None) -> Object:
    """A step: for so many seconds, or until promoted."""
    return {"pause": {"duration": f"{round(seconds * 1000)}ms"} if seconds is not None else {}}


def weights(*values: int, seconds: float) -> list[Object]:
    """Steps of a weight and a pause each."""
    return [step for value in values for step in ({"setWeight": value}, pause(seconds))]


def host(namespace: str, name: str = "shop") -> str:
    """Where a shop is reached."""
    return f"{name}.{namespace}.example.com"


def entry(namespace: str, name: str = "shop", backend: str = "shop-stable") -> Object:
    """An Ingress that sends the shop's host to a service."""
    made = ingress(name, backend)
    made["spec"]["rules"][0]["host"] = host(namespace, name)
    return made


def weighted(namespace: str, *steps: Object, replicas: int = 2, **more: Any) -> list[Object]:
    """A canary by the weights of an Ingress."""
    shop = rollout(canary(*steps, **more), replicas=replicas)
    return [service("shop-stable"), service("shop-canary"), entry(namespace), shop]


def by_route(namespace: str, *steps: Object, replicas: int = 2, **more: Any) -> list[Object]:
    """A canary by the weights of an HTTPRoute."""
    strategy = canary(*steps, **more)
    strategy["canary"]["trafficRouting"] = {"plugins": {ROUTE_PLUGIN: {"httpRoute": "shop"}}}
    backends = [{"name": f"shop-{role}", "port": 80} for role in ("stable", "canary")]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop"},
        "spec": {
            "parentRefs": [{"name": "envoy", "namespace": "rollouts-system"}],
            "hostnames": [host(namespace)],
            "rules": [{"backendRefs": backends}],
        },
    }
    return [service("shop-stable"), service("shop-canary"), route, rollout(strategy, replicas=replicas)]


@asynccontextmanager
async def traffic(live: Live, *hosts: str, per_second: float = 60) -> AsyncIterator[Load]:
    """Steady requests to hosts, once all answer; the `app` of a sample is the host."""
    # Pods are available a moment before a real cluster's endpoints, and with them the proxy, know of them.
    async with aiohttp.ClientSession() as session:
        for name in hosts:
            await until(partial(_answers, session, live.ingress, name))
    load = Load(address=live.ingress)
    load.start(Target(app=name, host=name, per_second=per_second) for name in hosts)
    try:
        yield load
    finally:
        await load.stop()


async def _answers(session: aiohttp.ClientSession, address: str, name: str) -> bool:
    async with session.get(f"http://{address}/", headers={"Host": name}) as answer:
        return answer.status == 200


def failures(load: Load) -> Counter[tuple[str, str, str]]:
    """Requests that failed, by host, version and cause."""
    return Counter((s.app, s.version, s.failure) for s in load.samples if s.failure)


def last_versions(load: Load, host: str, count: int = 20) -> set[str]:
    """The versions that gave the last answers, in the order in which they were asked."""
    mine = sorted((s for s in load.samples if s.app == host), key=lambda s: s.sent)
    return {s.version for s in mine[-count:]}
