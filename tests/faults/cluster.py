"""The clusters on which the controller process is tested: one in this process, and a real one if given."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import InProcess
from rollouts.embedded.world import World
from rollouts.kube.client import Client
from rollouts.kube.http import HttpTransport, connect
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    CONFIG_MAPS,
    INGRESSES,
    NAMESPACES,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from rollouts.kube.transport import Transport
from tests.world.simulated import canary, ingress, rollout, service

KINDS = {each.kind: each for each in (ROLLOUTS, SERVICES, INGRESSES, CONFIG_MAPS)} | {
    "AnalysisTemplate": Resource("argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates")
}


@dataclass(slots=True)
class Cluster:
    """A cluster whose pods become ready after a second, and nobody who rolls anything out."""

    transport: Transport
    namespace: str
    world: World | None = None
    """Where it is the one in this process."""
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.transport, field_manager="kubectl")

    async def apply(self, *objects: Object) -> None:
        """Apply objects."""
        for obj in objects:
            name = obj["metadata"]["name"]
            body = {**obj, "metadata": {**obj["metadata"], "namespace": self.namespace}}
            await self.client.patch(KINDS[obj["kind"]], name, body, self.namespace, type="apply", force=True)

    async def get(self, resource: Resource, name: str) -> Object:
        """One object."""
        return await self.client.get(resource, name, self.namespace)

    async def owned(self, resource: Resource, name: str) -> list[Object]:
        """What a rollout owns of a kind."""
        uid = (await self.get(ROLLOUTS, name))["metadata"]["uid"]
        found = (await self.client.list(resource, self.namespace))["items"]
        return [
            each
            for each in found
            if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", ()))
        ]

    async def ship(self, name: str, version: str) -> None:
        """Give a rollout another version."""
        containers = [{"name": name, "image": f"{name}:{version}", "ports": [{"containerPort": 8080}]}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        await self.client.patch(ROLLOUTS, name, patch, self.namespace)

    async def abort(self, name: str) -> None:
        """As the command does."""
        body = {"status": {"abort": True}}
        await self.client.patch(ROLLOUTS, name, body, self.namespace, subresource="status")

    async def status(self, name: str) -> Object:
        """Of a rollout."""
        return dict((await self.get(ROLLOUTS, name)).get("status") or {})

    async def is_at(self, name: str, version: str, phase: str = "Healthy") -> bool:
        """Whether a rollout serves a version, all of it and that one alone, and says so."""
        status = await self.status(name)
        if status.get("phase") != phase or not status.get("stableRS"):
            return False
        sizes = {
            each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"]
            for each in await self.owned(REPLICA_SETS, name)
        }
        wanted = (await self.get(ROLLOUTS, name))["spec"]["replicas"]
        return sizes.get(f"{name}:{version}") == wanted and sum(sizes.values()) == wanted

    @property
    def unserved(self) -> float:
        """Requests that no pod answered, where there are requests."""
        return self.world.load.unserved if self.world is not None else 0


@asynccontextmanager
async def embedded() -> AsyncIterator[Cluster]:
    """The embedded cluster in this process and in real time."""
    start = datetime.now(UTC) - timedelta(seconds=asyncio.get_running_loop().time())
    async with World(start=start) as world:
        await world.crash()  # the controllers of its own
        yield Cluster(InProcess(world.server), world.namespace, world)


@asynccontextmanager
async def real(kubeconfig: str) -> AsyncIterator[Cluster]:
    """A namespace of a real cluster, with a stand-in for its node."""
    from tests.controlplane.node import stand_in  # noqa: PLC0415 - only there

    client = await connect(kubeconfig)
    assert isinstance(client.transport, HttpTransport)
    # The watches of two controllers and of the node go through it.
    client.transport._session.connector._limit = 0  # type: ignore[union-attr]
    namespace = f"faults-{uuid.uuid4().hex[:8]}"
    await client.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    )
    node = asyncio.ensure_future(stand_in(client))
    try:
        yield Cluster(client.transport, namespace)
    finally:
        node.cancel()
        await asyncio.gather(node, return_exceptions=True)
        await client.delete(NAMESPACES, namespace)
        await client.close()


# --- What is rolled out ----------------------------------------------------------------------------------


def job_check(name: str = "smoke") -> Object:
    """An AnalysisTemplate: a Job must succeed."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "check", "image": "check:v1"}]}
    provider = {"job": {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name},
        "spec": {"metrics": [{"name": "smoke", "provider": provider}]},
    }


CHECK = {"analysis": {"templates": [{"templateName": "smoke"}]}}


def shops() -> list[Object]:
    """A canary `shop` with a check, a blue/green `pay`, and a canary `cart` that stops half-way."""
    steps = ({"setWeight": 20}, CHECK, {"setWeight": 60}, {"pause": {"duration": "1s"}})
    switch = {"activeService": "pay-active", "previewService": "pay-preview", "scaleDownDelaySeconds": 1}
    half: Any = canary({"setWeight": 50}, {"pause": {}}, abortScaleDownDelaySeconds=1)
    half["canary"] |= {"stableService": "cart-stable", "canaryService": "cart-canary"}
    half["canary"]["trafficRouting"]["nginx"]["stableIngress"] = "cart"
    return [
        job_check(),
        *(service("shop-stable"), service("shop-canary"), ingress()),
        rollout(canary(*steps, scaleDownDelaySeconds=1), replicas=3),
        *(service("pay-active", "pay"), service("pay-preview", "pay"), ingress("pay", "pay-active")),
        rollout({"blueGreen": switch}, name="pay", replicas=2),
        *(service("cart-stable", "cart"), service("cart-canary", "cart"), ingress("cart", "cart-stable")),
        rollout(half, name="cart", replicas=2),
    ]


async def runs_of(cluster: Cluster, name: str) -> dict[str, list[str]]:
    """The phases of the AnalysisRuns of a rollout, by the revision that they judge."""
    found: dict[str, list[str]] = {}
    for run in await cluster.owned(ANALYSIS_RUNS, name):
        revision = run["metadata"]["labels"]["rollouts-pod-template-hash"]
        found.setdefault(revision, []).append((run.get("status") or {}).get("phase", ""))
    return found


async def is_half_way(cluster: Cluster, name: str) -> bool:
    """Whether a canary waits with half of the requests."""
    status = await cluster.status(name)
    at = (status.get("canary") or {}).get("weights", {}).get("canary", {}).get("weight")
    return at == 50 and bool(status.get("pauseConditions"))
