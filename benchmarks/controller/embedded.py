"""The embedded API over HTTPS in a process of its own, its ReplicaSet controller, and pods that run nothing.

python -m benchmarks.controller.embedded FOLDER     # writes FOLDER/kubeconfig once it serves
"""

import asyncio
import signal
import sys
from pathlib import Path

from benchmarks.controller.pods import ReadyPods, now
from rollouts.api.crd import crds
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.http import serve
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.replicasets import ReplicaSets
from rollouts.kube.client import Client
from rollouts.kube.resources import PODS, REPLICA_SETS

KUBECONFIG = "kubeconfig"


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    server = ApiServer(now)
    server.install_crds(crds())
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
