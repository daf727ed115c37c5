"""The only node of the control plane: `python -m tests.controlplane.node --kubeconfig FILE [--processes]`.

Pods are stood in for. With `--processes` they are processes behind a real Envoy, as in the embedded cluster;
their addresses, 10.244.0.0/16, must be this machine's own then (namespaces.py sees to it). Once everything
works it prints a line: the port of the ingress, or 0.
"""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from aiohttp import web

from analysis.providers.traffic.envoy import STATS
from rollouts.embedded import node
from rollouts.embedded.node import ADMIN_PORT, NAMESPACE, Node
from rollouts.embedded.pods import kubelet
from rollouts.embedded.pods.addresses import Addresses
from rollouts.embedded.pods.kubelet import Kubelet
from rollouts.embedded.proxy.envoy import Envoy
from rollouts.embedded.workloads.cache import Cache
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, NotFound
from rollouts.kube.http import connect
from rollouts.kube.resources import PODS, SERVICES
from tests.controlplane.namespaces import POD_NETWORK
from tests.controlplane.standin import StandIn

_LABELS = {"app": "envoy"}


def _now() -> datetime:
    return datetime.now(UTC)


async def stand_in(client: Client) -> None:
    """Stand in for every pod, until cancelled."""
    cache = Cache(client, kubelet.RESOURCES)
    async with asyncio.TaskGroup() as group:
        group.create_task(cache.run())
        group.create_task(Kubelet(cache, StandIn(), _now).run())


@asynccontextmanager
async def processes(client: Client) -> AsyncIterator[int]:
    """Run every pod, behind an Envoy whose port is yielded."""
    cache = Cache(client, dict.fromkeys(node.RESOURCES))
    async with Node(cache, _now, Addresses(many=True, network=POD_NETWORK)) as only:
        work = [asyncio.create_task(cache.run()), asyncio.create_task(only.run())]
        try:
            await node.introduce(client, _now)
            await only.envoy.start()
            await node.publish(client, only.envoy)
            async with _statistics(client, only.envoy):
                yield only.envoy.port
        finally:
            await only.envoy.stop()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


@asynccontextmanager
async def _statistics(client: Client, envoy: Envoy) -> AsyncIterator[None]:
    """Serve the port `admin` of the Service `envoy`, where the API server's proxy can reach it.

    It goes only to addresses of pods, so that there is one; it sleeps, and the port is opened from here.
    """

    async def answer(request: web.Request) -> web.Response:
        found = await envoy.admin(request.path, dict(request.query))
        content_type = found.headers.get("content-type", "text/plain").partition(";")[0]
        return web.Response(status=found.code, text=found.body, content_type=content_type)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, await _new_address(client), ADMIN_PORT).start()
        await client.patch(SERVICES, "envoy", {"spec": {"selector": _LABELS}}, NAMESPACE)
        await _answers(client)
        yield
    finally:
        await runner.cleanup()


async def _new_address(client: Client) -> str:
    """That of a pod `envoy`, which takes the place of an earlier node's."""
    with suppress(NotFound):
        await client.delete(PODS, "envoy", NAMESPACE, grace_period=0)
    container = {
        "name": "envoy",
        "image": "envoy",
        "command": ["sleep", "infinity"],
        "ports": [{"containerPort": ADMIN_PORT}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "envoy", "labels": _LABELS},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    await client.create(PODS, pod, NAMESPACE)
    while True:
        status = (await client.get(PODS, "envoy", NAMESPACE)).get("status") or {}
        if status.get("podIP"):
            return str(status["podIP"])
        await asyncio.sleep(0.05)


async def _answers(client: Client) -> None:
    """Wait until the API server's proxy has found the pod."""
    async with asyncio.timeout(30):
        while True:
            with suppress(ApiError):
                await client.raw(STATS)
                return
            await asyncio.sleep(0.05)


async def main(kubeconfig: str, *, with_processes: bool) -> None:
    """Be the node until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(kubeconfig)
    try:
        if with_processes:
            async with processes(client) as port:
                print(port, flush=True)
                await stop.wait()
            return
        await node.join(client, _now)
        standing = asyncio.create_task(stand_in(client))
        print(0, flush=True)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({standing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()
        with suppress(asyncio.CancelledError):
            await standing  # which tells why it ended by itself, if it did
    finally:
        await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--processes", action="store_true")
    asked = parser.parse_args()
    asyncio.run(main(asked.kubeconfig, with_processes=asked.processes))
