"""The server that Envoy asks what to do (aggregated discovery over gRPC), and that waits for its yes.

Order: clusters and their endpoints before the routes that lead to them, and the reverse for removal. A
cluster whose last endpoint goes keeps it until no route leads there. Endpoints change by EDS alone: a
cluster is never changed, for that would reset its counters.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc

from rollouts.api.errors import Unavailable
from rollouts.embedded.proxy import xds
from rollouts.embedded.proxy.model import Cluster, Endpoint, VirtualHost
from rollouts.embedded.proxy.protos import CLASSES, encode

CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
EDS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
RDS = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_MESSAGE = {CDS: "Cluster", EDS: "ClusterLoadAssignment", RDS: "RouteConfiguration"}

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_PATIENCE = 10.0
"""Seconds that an answer of Envoy may take before the connection counts as broken."""

log = logging.getLogger(__name__)


class Rejected(Unavailable):
    """Envoy refused a configuration and goes on with the one it had; the message is its own."""


@dataclass(frozen=True, slots=True)
class _Want:
    version: int
    hosts: tuple[VirtualHost, ...]
    clusters: Mapping[str, tuple[Endpoint, ...]]


@dataclass(slots=True)
class _Stream:
    """One connection of Envoy: what it asked for, and what it has been told and has accepted."""

    context: Any
    nonces: "itertools.count[int]"
    subscribed: dict[str, frozenset[str]] = field(default_factory=dict)
    pending: dict[str, asyncio.Future[str]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    clusters: frozenset[str] | None = None
    endpoints: dict[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    hosts: tuple[VirtualHost, ...] | None = None

    async def read(self, requests: AsyncIterator[Any]) -> None:
        """Take in what Envoy says, until it hangs up."""
        async for request in requests:
            names = frozenset(request.resource_names)
            for name in names - self.subscribed.get(request.type_url, frozenset()):
                # Newly asked for: it must be told, even if it was told in an earlier life of the cluster.
                if request.type_url == EDS:
                    self.endpoints.pop(name, None)
            self.subscribed[request.type_url] = names
            waiting = self.pending.pop(request.response_nonce, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(request.error_detail.message)
            self.news.set()

    async def move(self, want: _Want) -> None:
        """Bring Envoy from what it has to what is wanted, without a moment in which a request would fail.

        Raises:
            Rejected: Envoy refused a part; what was accepted before stays in force.
        """
        names = frozenset(want.clusters)
        both = names | (self.clusters or frozenset())
        adding = None
        if both != self.clusters:
            # Envoy says yes to a new cluster only once it has been told the endpoints.
            adding = await self._offer(CDS, [xds.cluster(name) for name in sorted(both)])
        if names:
            await self._until(lambda: names <= self._asked() or (adding is not None and adding.done()))
        rerouted = want.hosts != self.hosts
        kept = {name for name, members in want.clusters.items() if rerouted and not members}
        await self._assign(
            {n: self.endpoints.get(n, ()) if n in kept else members for n, members in want.clusters.items()}
        )
        if adding is not None:
            await self._accepted(CDS, adding)
            self.clusters = both
        if rerouted:
            await self._until(lambda: RDS in self.subscribed)
            await self._send(RDS, [xds.route_configuration(want.hosts)])
            self.hosts = want.hosts
        await self._assign(want.clusters)
        if self.clusters != names:
            await self._send(CDS, [xds.cluster(name) for name in sorted(names)])
            self.clusters = names
            self.endpoints = {n: members for n, members in self.endpoints.items() if n in names}

    def owes(self, want: _Want) -> bool:
        """Whether Envoy asks for endpoints that it has not been told."""
        return not self._asked() & frozenset(want.clusters) <= self.endpoints.keys()

    def _asked(self) -> frozenset[str]:
        return self.subscribed.get(EDS, frozenset())

    async def _assign(self, members: Mapping[str, tuple[Endpoint, ...]]) -> None:
        changed = {n: m for n, m in members.items() if self.endpoints.get(n) != m}
        if not changed:
            return
        self.endpoints |= changed
        await self._send(EDS, [xds.load_assignment(n, m) for n, m in sorted(changed.items())])

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def _send(self, type_url: str, resources: Iterable[Mapping[str, Any]]) -> None:
        await self._accepted(type_url, await self._offer(type_url, resources))

    async def _offer(self, type_url: str, resources: Iterable[Mapping[str, Any]]) -> asyncio.Future[str]:
        """Send resources; what Envoy says to them comes later."""
        nonce = str(next(self.nonces))
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.pending[nonce] = answer
        message = _MESSAGE[type_url]
        await self.context.write(
            CLASSES["DiscoveryResponse"](
                version_info=nonce,
                nonce=nonce,
                type_url=type_url,
                resources=[{"type_url": type_url, "value": encode(message, each)} for each in resources],
            )
        )
        return answer

    async def _accepted(self, type_url: str, answer: asyncio.Future[str]) -> None:
        async with asyncio.timeout(_PATIENCE):
            refusal = await answer
        if refusal:
            raise Rejected(f"Envoy refused the {_MESSAGE[type_url]}s: {refusal}")


class AdsServer:
    """Listens on a Unix socket and keeps every Envoy that connects as `apply` said last."""

    def __init__(self) -> None:
        self._server: Any = None
        self._want: _Want | None = None
        self._changed = asyncio.Condition()
        self._nonces = itertools.count(1)
        self._versions = itertools.count(1)
        self._settled = 0
        self._refusal = ""

    async def start(self, path: str) -> None:
        """Listen at a path of at most 100 characters."""
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=CLASSES["DiscoveryRequest"].FromString,
            response_serializer=CLASSES["DiscoveryResponse"].SerializeToString,
        )
        handlers = {"StreamAggregatedResources": handler}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        self._server.add_insecure_port(f"unix:{path}")
        await self._server.start()

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            await self._server.stop(grace=None)

    async def apply(self, hosts: Iterable[VirtualHost], clusters: Iterable[Cluster]) -> None:
        """Put a configuration in force; returns once Envoy has said that it is.

        Raises:
            Rejected: Envoy refused it and goes on with what it had.
        """
        members = {cluster.name: cluster.endpoints for cluster in clusters}
        want = _Want(next(self._versions), tuple(hosts), members)
        async with self._changed:
            self._want = want
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._settled >= want.version)
            if self._refusal:
                raise Rejected(self._refusal)

    async def _serve(self, requests: AsyncIterator[Any], context: Any) -> None:
        stream = _Stream(context, self._nonces)
        reading = asyncio.create_task(stream.read(requests))
        driving = asyncio.create_task(self._drive(stream))
        try:
            await asyncio.wait((reading, driving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            driving.cancel()
            for result in await asyncio.gather(reading, driving, return_exceptions=True):
                if isinstance(result, Exception):
                    log.warning("Envoy's connection ends: %s: %s", type(result).__name__, result)

    async def _drive(self, stream: _Stream) -> None:
        done: _Want | None = None
        while True:
            want = await self._next(stream, done)
            try:
                await stream.move(want)
            except Rejected as rejected:
                log.warning("%s", rejected)
                await self._settle(want, str(rejected))
            else:
                await self._settle(want, "")
            done = want

    async def _next(self, stream: _Stream, done: _Want | None) -> _Want:
        """Wait until something else is wanted, or Envoy asks for what it has not been told."""
        changed = asyncio.create_task(self._other_than(done))
        try:
            while True:
                if self._want is not None and (self._want is not done or stream.owes(self._want)):
                    return self._want
                stream.news.clear()
                news = asyncio.create_task(stream.news.wait())
                await asyncio.wait((changed, news), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        finally:
            changed.cancel()

    async def _other_than(self, done: _Want | None) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._want is not None and self._want is not done)

    async def _settle(self, want: _Want, refusal: str) -> None:
        async with self._changed:
            self._settled = max(self._settled, want.version)
            self._refusal = refusal
            self._changed.notify_all()
