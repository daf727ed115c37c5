"""The embedded API over HTTPS in a process of its own, its ReplicaSet controller, and pods that run nothing.

python -m benchmarks.controller.embedded FOLDER     # writes FOLDER/kubeconfig once it serves
"""

import asyncio
import signal
import sys
from pathlib import Path

from benchmarks.controller.fleet import Original, create
from benchmarks.controller.pods import ReadyPods, now
from rollouts.api.crd import crds
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.http import serve
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.replicasets import ReplicaSets
from rollouts.kube.client import Client
from rollouts.kube.resources import PODS, REPLICA_SETS, SERVICES
from rollouts.kube.transport import Response

KUBECONFIG = "kubeconfig"
_FLEET = ("bench", "fleet", 80)
"""Namespace, name and port of a Service through which the fleet is made to grow."""
_AT_ONCE = 50


async def grow(client: Client, first: int, size: int) -> None:
    """Let the server copy the first rollout, pods and all: as requests it takes minutes."""
    namespace, name, port = _FLEET
    path = f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy/grow"
    for start in range(first, size, _AT_ONCE):
        await client.raw(path, {"first": str(start), "size": str(min(start + _AT_ONCE, size))})


class _Grower:
    """Copies the first rollout as it was when it was asked for the first time."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._client = Client(InProcess(server))
        self._original: Original | None = None

    async def answer(self, path: str, query: dict[str, str]) -> Response:
        del path
        original = self._original = self._original or await Original.read(self._client)
        for number in range(int(query["first"]), int(query["size"])):
            for resource, obj in original.copy(number):
                if resource is SERVICES:  # with an address of its own
                    await create(self._client, resource, obj)
                else:
                    self._server.objects.storage.put((resource.group, resource.plural), obj)
            await asyncio.sleep(0)
        return Response(code=200, body="grown")


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    server = ApiServer(now)
    server.install_crds(crds())
    server.proxies[_FLEET] = _Grower(server).answer
    cache = Cache(Client(InProcess(server), field_manager="kube-controller-manager"), (PODS, REPLICA_SETS))
    parts = (ReplicaSets(cache, now).loop.run(), ReadyPods(cache).run(), cache.run())
    work = [asyncio.ensure_future(each) for each in parts]
    try:
        await cache.synced()
        async with await serve(server, kubeconfig_path=folder / KUBECONFIG):
            await asyncio.wait([*work, asyncio.ensure_future(told.wait())], return_when="FIRST_COMPLETED")
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
