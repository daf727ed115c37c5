"""The controller as a process: connect, wait for the lease if asked to, work until told to stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from rollouts.controller import health
from rollouts.controller.applications import applications
from rollouts.controller.compose import Parts, compose
from rollouts.controller.metrics import Metrics
from rollouts.controller.settings import Settings
from rollouts.kube import config
from rollouts.kube.client import Client
from rollouts.kube.fence import Fence, Fenced
from rollouts.kube.http import open_client
from rollouts.kube.lease import Elector, lease_name
from rollouts.kube.outage import Announced
from rollouts.kube.store import Store, Writer
from rollouts.kube.traffic import Traffic
from rollouts.kube.transport import Transport

_log = logging.getLogger(__name__)


def now() -> datetime:
    """The clock of a real controller."""
    return datetime.now(UTC)


Beside = Callable[[Client, Store], Awaitable[None]]
"""Something that runs beside the controllers, such as the webhook server.

It runs on standbys too and what it writes passes no fence: wishes, as users write them, and no decisions.
"""


async def run(settings: Settings, beside: Beside | None = None) -> None:
    """Run the controllers until SIGTERM or SIGINT, and `beside` with them.

    Raises:
        ConfigError: no API server is configured.
        LeadershipLost: another controller leads now; the process must end.
        OSError: a port is taken.
    """
    endpoint = await config.load(settings.kubeconfig, settings.context)
    async with AsyncExitStack() as stack:
        elects = endpoint.in_cluster if settings.leader_elect is None else settings.leader_elect
        traffic = Traffic()
        client = open_client(endpoint, traffic, unacknowledged=settings.lease.slack if elects else 0.0)
        stack.push_async_callback(client.close)
        transport: Transport = Announced(client.transport)
        elector = None
        if elects:
            # Of its own: the lease is renewed however many requests wait for a connection.
            lease = open_client(endpoint)
            stack.push_async_callback(lease.close)
            fence = Fence()
            elector = _elector(lease, endpoint, settings, fence)
            transport = Fenced(transport, fence)
        store = Writer()
        metrics = Metrics(store, traffic)
        parts = compose(
            Client(transport),
            now,
            namespace=settings.namespace,
            instance_id=settings.instance_id,
            resync=settings.rollout_resync,
            store=store,
            extra=applications(settings),
            on_pass=metrics.reconciled,
            on_event=metrics.recorded,
            on_end=metrics.ended,
        )
        metrics.manager = parts.manager

        def ready() -> bool:
            standby = elector is not None and not elector.leading
            return standby or parts.manager.synced.is_set()

        address = settings.address or ("0.0.0.0" if endpoint.in_cluster else "127.0.0.1")  # noqa: S104 (a pod)
        served = health.serve(
            address=address,
            health_port=settings.health_port,
            metrics_port=settings.metrics_port,
            ready=ready,
            metrics=metrics.scrape,
        )
        await stack.enter_async_context(served)
        _log.info("starting", extra={"server": endpoint.server, "namespace": settings.namespace or "*"})
        await _until_told(_working(parts, elector, beside(client, store) if beside is not None else None))


def _elector(client: Client, endpoint: config.Endpoint, settings: Settings, fence: Fence) -> Elector:
    return Elector(
        client,
        namespace=os.environ.get("POD_NAMESPACE") or endpoint.namespace,
        name=lease_name(settings.instance_id),
        identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        clock=now,
        timing=settings.lease,
        fence=fence,
    )


async def _working(parts: Parts, elector: Elector | None, beside: Awaitable[None] | None) -> None:
    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(parts.run())
            group.create_task(_settle_memory(parts))

    tasks = [asyncio.ensure_future(elector.run(work) if elector is not None else work())]
    if beside is not None:
        tasks.append(asyncio.ensure_future(beside))
    try:
        # Not a gather: that ends as soon as one has, and who gives the lease back would be cancelled twice.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _settle_memory(parts: Parts) -> None:
    """Keep the cyclic collector off the code and the caches: it was two thirds of the cost.

    Before they are filled, not after: a look at 50,000 pods for what is none holds up everything for half a
    second, and reference counts free all that a cache lets go of.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    await parts.manager.synced.wait()
    gc.freeze()
    _log.info("synced")


async def _until_told(work: Awaitable[None]) -> None:
    """Run until the work ends by itself, or a signal asks for it."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        _log.info("stopping")
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
