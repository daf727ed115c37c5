"""The embedded cluster in real time: API server, workload controllers, a kubelet for processes, and Envoy.

What it is not: there is one node and no scheduler, no network but loopback, no volumes, no cluster DNS, no
liveness and no startup probes; containers are processes on the machine's own file system.
"""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rollouts.api.crd import crds
from rollouts.api.errors import RolloutsError, Unavailable
from rollouts.api.meta import Object, format_time
from rollouts.embedded import state
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.status import Refusal
from rollouts.embedded.pods import kubelet
from rollouts.embedded.pods.addresses import Addresses
from rollouts.embedded.pods.kubelet import Kubelet
from rollouts.embedded.pods.processes import LocalProcesses
from rollouts.embedded.pods.spawner import Spawner
from rollouts.embedded.pods.worker import NODE
from rollouts.embedded.proxy import ingress
from rollouts.embedded.proxy.ads import AdsServer
from rollouts.embedded.proxy.envoy import Envoy, check_free
from rollouts.embedded.proxy.ingress import IngressController
from rollouts.embedded.proxy.model import CONTROLLER
from rollouts.embedded.workloads import controllers
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.controllers import Controllers
from rollouts.kube.client import Client
from rollouts.kube.resources import GATEWAY_CLASSES, GATEWAYS, INGRESS_CLASSES, SERVICES, Resource

NAMESPACE = "rollouts-system"
ADMIN_PORT = 9901
"""The number of the Service port `admin`: a Unix socket, reached through the API server alone."""

_LONGEST_FOLDER = 90
"""Bytes: a Unix socket's path may have 103 everywhere, and the names in the folder take up to 11."""

_LOG_OPTIONS_REFUSED = ("follow", "previous", "timestamps", "sinceSeconds", "sinceTime")

_NODES = Resource("", "v1", "Node", "nodes", namespaced=False)


def _now() -> datetime:
    return datetime.now(UTC)


class Cluster:
    """A whole cluster in this process and its children. An async context manager: on leaving, all of it ends.

    Args:
        ingress_port: of Envoy on 127.0.0.1; 0 for any that is free.
        many_addresses: whether pods get loopback addresses of their own; by default where there are any.
    """

    def __init__(self, *, ingress_port: int = 0, many_addresses: bool | None = None) -> None:
        self.server = ApiServer(_now)
        self.client = Client(InProcess(self.server), field_manager="embedded-cluster")
        self._ingress_port = ingress_port
        self._many_addresses = many_addresses
        self._stack = AsyncExitStack()
        self._work: asyncio.Task[None] | None = None
        self.envoy: Envoy
        self.folder: Path

    @property
    def ingress_port(self) -> int:
        """Where HTTP requests are taken, on 127.0.0.1."""
        return self.envoy.port

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def failed(self) -> None:
        """Wait until a part of the cluster breaks, which none should, and raise what it broke with."""
        if self._work is not None:
            await self._work

    async def _start(self) -> None:
        check_free(self._ingress_port)
        # Unix sockets have short paths, so they do not live in the state folder.
        self.folder = Path(tempfile.mkdtemp(prefix=state.SOCKETS_PREFIX))
        if len(bytes(self.folder)) > _LONGEST_FOLDER:
            self.folder.rmdir()
            raise Unavailable(
                f"{self.folder} is too long a path for sockets (at most {_LONGEST_FOLDER} bytes); "
                "set TMPDIR to a folder with a shorter path"
            )
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.server.install_crds(crds())
        spawner = Spawner()
        self._stack.push_async_callback(spawner.close)
        self.envoy = Envoy(spawner, self.folder, self._ingress_port)
        ads = AdsServer()
        await asyncio.gather(spawner.start(), ads.start(self.envoy.ads_path))
        self._stack.push_async_callback(ads.stop)
        cache = Cache(
            self.client,
            dict.fromkeys((*controllers.RESOURCES, *kubelet.RESOURCES, *ingress.RESOURCES)),
        )
        node = Kubelet(cache, LocalProcesses(spawner, Addresses(many=self._many_addresses)), _now)
        parts = (
            cache.run(),
            Controllers(cache, _now).run(),
            node.run(),
            IngressController(cache, ads, _now).run(),
            spawner.failed(),
        )
        self._work = asyncio.create_task(_all(parts))
        self._stack.push_async_callback(_end, self._work)
        self._stack.push_async_callback(self.envoy.stop)
        await self._begin_with_classes()
        await self.envoy.start()
        await self._publish(node)

    async def _begin_with_classes(self) -> None:
        default = {"ingressclass.kubernetes.io/is-default-class": "true"}
        await self._create(
            INGRESS_CLASSES, "nginx", {"spec": {"controller": CONTROLLER}}, annotations=default
        )
        await self._create(GATEWAY_CLASSES, "envoy", {"spec": {"controllerName": CONTROLLER}})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "pods are processes"}
        times = {"lastHeartbeatTime": format_time(_now()), "lastTransitionTime": format_time(_now())}
        await self._create(_NODES, NODE, {"spec": {}})
        status = {"status": {"conditions": [{**ready, **times}]}}
        await self.client.patch(_NODES, NODE, status, subresource="status")

    async def _publish(self, node: Kubelet) -> None:
        http = {"name": "http", "port": self.envoy.port, "targetPort": self.envoy.port}
        admin = {"name": "admin", "port": ADMIN_PORT, "targetPort": ADMIN_PORT}
        await self._create(SERVICES, "envoy", {"spec": {"ports": [http, admin]}}, NAMESPACE)
        for port in ("admin", ADMIN_PORT):
            self.server.proxies[NAMESPACE, "envoy", port] = self.envoy.admin
        listener = {
            "name": "http",
            "protocol": "HTTP",
            "port": self.envoy.port,
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        spec = {"gatewayClassName": "envoy", "listeners": [listener]}
        await self._create(GATEWAYS, "envoy", {"spec": spec}, NAMESPACE)

        async def read_log(namespace: str, pod: str, query: dict[str, str]) -> str:
            return _log(node, namespace, pod, query)

        self.server.logs = read_log

    async def _create(
        self,
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
        return await self.client.create(resource, made, namespace)


async def _all(parts: Any) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as broken:
        expected = broken.subgroup(RolloutsError)
        if expected is None:
            raise
        raise Unavailable(f"the cluster ends: {'; '.join(map(str, expected.exceptions))}") from broken


async def _end(work: asyncio.Task[None]) -> None:
    work.cancel()
    await asyncio.wait([work])


def _log(node: Kubelet, namespace: str, pod: str, query: dict[str, str]) -> str:
    for option in _LOG_OPTIONS_REFUSED:
        if query.get(option, "false") != "false":
            message = f"{option}: the embedded cluster does not know this option of logs; leave it out"
            raise Refusal(501, "NotImplemented", message)
    container = query.get("container", "")
    written = node.log_of(namespace, pod, container)
    if written is None:
        raise Refusal(
            400, "BadRequest", f'container "{container}" in pod "{pod}" has not started: it has no log'
        )
    if (tail := query.get("tailLines", "")).isdigit():
        lines = written.splitlines(keepends=True)
        written = b"".join(lines[max(0, len(lines) - int(tail)) :])
    if (limit := query.get("limitBytes", "")).isdigit():
        written = written[: int(limit)]
    return written.decode(errors="replace")
