"""The embedded cluster in real time: API server, workload controllers, and a node with its ingress."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rollouts.api.crd import crds
from rollouts.api.errors import RolloutsError, Unavailable
from rollouts.embedded import node
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.status import Refusal
from rollouts.embedded.node import ADMIN_PORT, NAMESPACE, Node
from rollouts.embedded.pods.addresses import Addresses
from rollouts.embedded.pods.kubelet import Kubelet
from rollouts.embedded.proxy.envoy import Envoy
from rollouts.embedded.workloads import controllers
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.controllers import Controllers
from rollouts.kube.client import Client

_LOG_OPTIONS_REFUSED = ("follow", "previous", "timestamps", "sinceSeconds", "sinceTime")


def _now() -> datetime:
    return datetime.now(UTC)


class Cluster:
    """A whole cluster in this process and its children. An async context manager: on leaving, all of it ends.

    Args:
        ingress_port: of Envoy on 127.0.0.1; 0 for any that is free.
        many_addresses: whether pods get loopback addresses of their own; by default where there are any.
    """

    def __init__(self, *, ingress_port: int = 0, many_addresses: bool | None = None) -> None:
        # Later than any of a cluster that was here before: whoever watched that one is told to list again.
        self.server = ApiServer(_now, first_version=round(_now().timestamp() * 1000))
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
        self.server.install_crds(crds())
        cache = Cache(self.client, dict.fromkeys((*controllers.RESOURCES, *node.RESOURCES)))
        addresses = Addresses(many=self._many_addresses)
        only = Node(cache, _now, addresses, ingress_port=self._ingress_port)
        self.folder, self.envoy = only.folder, only.envoy
        await self._stack.enter_async_context(only)
        self._work = asyncio.create_task(_all((cache.run(), Controllers(cache, _now).run(), only.run())))
        self._stack.push_async_callback(_end, self._work)
        self._stack.push_async_callback(self.envoy.stop)
        await node.introduce(self.client, _now)
        await self.envoy.start()
        await node.publish(self.client, self.envoy)
        for port in ("admin", ADMIN_PORT):
            self.server.proxies[NAMESPACE, "envoy", port] = self.envoy.admin

        async def read_log(namespace: str, pod: str, query: dict[str, str]) -> str:
            return _log(only.kubelet, namespace, pod, query)

        self.server.logs = read_log


async def _all(parts: Any) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as broken:
        expected = broken.subgroup(RolloutsError)
        if expected is None:
            raise
        raise Unavailable(f"the cluster ends: {'; '.join(map(str, _flat(expected)))}") from broken


def _flat(group: BaseExceptionGroup[RolloutsError]) -> list[BaseException]:
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _flat(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


async def _end(work: asyncio.Task[None]) -> None:
    work.cancel()
    await asyncio.wait([work])


def _log(kubelet: Kubelet, namespace: str, pod: str, query: dict[str, str]) -> str:
    for option in _LOG_OPTIONS_REFUSED:
        if query.get(option, "false") != "false":
            message = f"{option}: the embedded cluster does not know this option of logs; leave it out"
            raise Refusal(501, "NotImplemented", message)
    container = query.get("container", "")
    written = kubelet.log_of(namespace, pod, container)
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
