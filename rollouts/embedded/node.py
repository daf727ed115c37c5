"""The only node: pods as processes of this machine, and Envoy before them. Works for any API server.

What it is not: there is no scheduler, no network but this machine's, no volumes, no cluster DNS, no liveness
and no startup probes; containers are processes on the machine's own file system.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rollouts.api.errors import Unavailable
from rollouts.api.meta import Object, format_time
from rollouts.embedded import state
from rollouts.embedded.pods import kubelet
from rollouts.embedded.pods.addresses import Addresses
from rollouts.embedded.pods.kubelet import Kubelet
from rollouts.embedded.pods.processes import LocalProcesses
from rollouts.embedded.pods.runner import Address
from rollouts.embedded.pods.spawner import Spawner
from rollouts.embedded.pods.worker import NODE
from rollouts.embedded.proxy import ingress
from rollouts.embedded.proxy.ads import AdsServer
from rollouts.embedded.proxy.envoy import Envoy, check_free
from rollouts.embedded.proxy.ingress import IngressController
from rollouts.embedded.proxy.model import CONTROLLER, Endpoint
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.pods import Clock
from rollouts.kube.client import Client
from rollouts.kube.resources import GATEWAY_CLASSES, GATEWAYS, INGRESS_CLASSES, NODES, SERVICES, Resource

RESOURCES = (*kubelet.RESOURCES, *ingress.RESOURCES)
"""The kinds that the cache must hold."""

NAMESPACE = "rollouts-system"
ADMIN_PORT = 9901
"""The number of the Service port `admin`: a Unix socket, reached through the API server alone."""

_LONGEST_FOLDER = 90
"""Bytes: a Unix socket's path may have 103 everywhere, and the names in the folder take up to 11."""


class Node:
    """Runs the pods of a cluster and its ingress. An async context manager; `run` is the work.

    Args:
        cache: holds RESOURCES, and writes.
        clock: the time.
        addresses: for pods.
        ingress_port: of Envoy on 127.0.0.1; 0 for any that is free.
    """

    def __init__(self, cache: Cache, clock: Clock, addresses: Addresses, *, ingress_port: int = 0) -> None:
        check_free(ingress_port)
        self._stack = AsyncExitStack()
        # Unix sockets have short paths, so they do not live in the state folder.
        self.folder = Path(tempfile.mkdtemp(prefix=state.SOCKETS_PREFIX))
        if len(bytes(self.folder)) > _LONGEST_FOLDER:
            self.folder.rmdir()
            raise Unavailable(
                f"{self.folder} is too long a path for sockets (at most {_LONGEST_FOLDER} bytes); "
                "set TMPDIR to a folder with a shorter path"
            )
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._spawner = Spawner()
        self._ads = AdsServer()
        self.envoy = Envoy(self._spawner, self.folder, ingress_port)
        self._ingress = IngressController(cache, self._ads, clock)
        self.kubelet = Kubelet(cache, LocalProcesses(self._spawner, addresses), clock, drain=self._let_go)

    async def __aenter__(self) -> Self:
        try:
            self._stack.push_async_callback(self._spawner.close)
            await asyncio.gather(self._spawner.start(), self._ads.start(self.envoy.ads_path))
            self._stack.push_async_callback(self._ads.stop)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def run(self) -> None:
        """Work until cancelled, or until a part breaks."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.kubelet.run())
            group.create_task(self._ingress.run())
            group.create_task(self._spawner.failed())

    async def _let_go(self, address: Address, ports: Sequence[int]) -> None:
        """Wait until Envoy sends no more requests to a pod."""
        real = {address.port(port) for port in ports}

        def is_of_the_pod(endpoint: Endpoint) -> bool:
            # Where pods share an address, the ports tell them apart.
            return endpoint.ip == address.ip and (not address.ports or endpoint.port in real)

        await self._ingress.in_force.without(is_of_the_pod)


async def introduce(client: Client, clock: Clock) -> None:
    """Make the classes that the ingress answers for, and the Node object."""
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    await _apply(client, INGRESS_CLASSES, "nginx", {"spec": {"controller": CONTROLLER}}, annotations=default)
    await _apply(client, GATEWAY_CLASSES, "envoy", {"spec": {"controllerName": CONTROLLER}})
    await join(client, clock)


async def join(client: Client, clock: Clock) -> None:
    """Make the Node object alone; a real cluster deletes pods of a node that there is not."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "pods are processes"}
    times = {"lastHeartbeatTime": format_time(clock()), "lastTransitionTime": format_time(clock())}
    await _apply(client, NODES, NODE, {"spec": {}})
    status = {"status": {"conditions": [{**ready, **times}]}}
    await client.patch(NODES, NODE, status, subresource="status")


async def publish(client: Client, envoy: Envoy) -> None:
    """Make the Service and the Gateway of an Envoy that listens."""
    http = {"name": "http", "port": envoy.port, "targetPort": envoy.port}
    admin = {"name": "admin", "port": ADMIN_PORT, "targetPort": ADMIN_PORT}
    await _apply(client, SERVICES, "envoy", {"spec": {"ports": [http, admin]}}, NAMESPACE)
    listener = {
        "name": "http",
        "protocol": "HTTP",
        "port": envoy.port,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    spec = {"gatewayClassName": "envoy", "listeners": [listener]}
    await _apply(client, GATEWAYS, "envoy", {"spec": spec}, NAMESPACE)


async def _apply(
    client: Client,
    resource: Resource,
    name: str,
    body: dict[str, Any],
    namespace: str = "",
    *,
    annotations: dict[str, str] | None = None,
) -> Object:
    metadata: Object = {"name": name, "annotations": annotations or {}}
    if namespace:
        metadata["namespace"] = namespace
    made = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **body}
    return await client.patch(resource, name, made, namespace, type="apply", force=True)
