"""Pods that are objects alone: ready as soon as they are there, and gone as soon as they are to go.

50,000 processes say nothing about a controller. For an API server that is another process:

    python -m benchmarks.controller.pods KUBECONFIG
"""

import asyncio
import signal
import sys
from datetime import UTC, datetime

from rollouts.api.meta import Object
from rollouts.embedded.pods.runner import Address
from rollouts.embedded.pods.status import ContainerState, pod_status
from rollouts.embedded.workloads.cache import Cache, Key, key_of
from rollouts.kube.errors import ApiError, Unreachable
from rollouts.kube.http import connect
from rollouts.kube.resources import PODS, Resource

_AT_ONCE = 16


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class ReadyPods:
    """Marks each new pod ready, and lets each that is deleted go. Make it before the cache runs."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._given = 0
        self._waiting: dict[Key, None] = {}
        self._wake = asyncio.Event()
        cache.listen(self._see)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._cache.synced()
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work())

    def _see(self, resource: Resource, item: Object) -> None:
        if resource is PODS and ("deletionTimestamp" in item["metadata"] or not _has_address(item)):
            self._waiting[key_of(item)] = None
            self._wake.set()

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            key = next(iter(self._waiting))
            del self._waiting[key]
            try:
                await self._look(key)
            except ApiError:  # it has changed, or is gone: its next state comes by itself
                continue
            except Unreachable:  # of so many requests some get no answer in time
                self._waiting[key] = None

    async def _look(self, key: Key) -> None:
        pod = self._cache.get(PODS, key)
        if pod is None:
            return
        if "deletionTimestamp" in pod["metadata"]:
            await self._cache.delete(PODS, pod, grace_period=0)
        elif not _has_address(pod):
            await self._cache.patch(PODS, pod, {"status": self._status(pod)}, subresource="status")

    def _status(self, pod: Object) -> Object:
        self._given += 1
        third, fourth = divmod(self._given % 60_000, 250)
        at = now()
        containers = [
            ContainerState(
                name=each["name"], image=each["image"], state="running", reason="", started=at, ready=True
            )
            for each in pod["spec"]["containers"]
        ]
        return pod_status(pod, (), containers, Address(ip=f"10.244.{third}.{fourth + 1}"), at)


def _has_address(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("podIP"))


async def main(kubeconfig: str) -> None:
    """Work on an API server until SIGTERM."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    client = await connect(kubeconfig)
    cache = Cache(client, (PODS,))
    work = [asyncio.ensure_future(each) for each in (cache.run(), ReadyPods(cache).run())]
    try:
        await asyncio.wait([*work, asyncio.ensure_future(told.wait())], return_when="FIRST_COMPLETED")
        for task in work:
            if task.done():
                task.result()
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
