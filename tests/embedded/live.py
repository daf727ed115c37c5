"""A real embedded cluster for tests: apply objects, wait for the world, send requests."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rollouts.api.meta import Object
from rollouts.embedded.cluster import Cluster
from rollouts.kube.resources import DEPLOYMENTS, HTTP_ROUTES, INGRESSES, PODS, SERVICES, Resource

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

_KINDS = {r.kind: r for r in (DEPLOYMENTS, HTTP_ROUTES, INGRESSES, PODS, SERVICES)}


async def until(holds: Callable[[], Awaitable[Any]], *, limit: float = 20) -> Any:
    """Wait for something to come true, and return it."""
    async with asyncio.timeout(limit):
        while not (found := await holds()):  # noqa: ASYNC110 - the world has no event for everything
            await asyncio.sleep(0.02)
        return found


async def apply(cluster: Cluster, *objects: Object) -> None:
    for item in objects:
        await cluster.client.create(_KINDS[item["kind"]], item, item["metadata"]["namespace"])


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


async def pods(cluster: Cluster, app: str = "") -> list[Object]:
    found = await cluster.client.list(PODS, "default", label_selector=f"app={app}" if app else "")
    return list(found["items"])


async def all_ready(cluster: Cluster, app: str, count: int) -> list[Object]:
    """Wait until exactly so many pods of an app are there, and ready."""

    async def holds() -> list[Object]:
        found = await pods(cluster, app)
        return found if len(found) == count and all(map(is_ready, found)) else []

    return list(await until(holds))


async def get(cluster: Cluster, resource: Resource, name: str) -> Object:
    return await cluster.client.get(resource, name, "default")


@asynccontextmanager
async def visitor(cluster: Cluster) -> AsyncIterator["Visitor"]:
    connector = aiohttp.TCPConnector(limit=32)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Visitor(session, cluster.ingress_port)


class Visitor:
    """Sends requests to the ingress, keeps connections alive and never tries twice."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._port = port

    async def ask(
        self, host: str = "a.com", path: str = "/", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and version; status 0 for a connection that broke."""
        url = f"http://127.0.0.1:{self._port}{path}"
        try:
            async with self._session.get(url, headers={"Host": host, **(headers or {})}) as answer:
                await answer.read()
                return answer.status, answer.headers.get("x-version", "")
        except aiohttp.ClientError:
            return 0, ""

    async def count(self, requests: int, **request: Any) -> Counter[tuple[int, str]]:
        """What so many requests meet, sixteen at a time."""
        seen: Counter[tuple[int, str]] = Counter()

        async def some() -> None:
            for _ in range(requests // 16):
                seen[await self.ask(**request)] += 1

        await asyncio.gather(*(some() for _ in range(16)))
        return seen

    async def reaches(self, status: int, version: str = "", **request: Any) -> None:
        """Wait until an answer is as expected."""
        await until(lambda: self._is(status, version, request))

    async def _is(self, status: int, version: str, request: Mapping[str, Any]) -> bool:
        return await self.ask(**request) == (status, version)


def stand_ins() -> list[int]:
    """The stand-in web servers of this process's clusters: forks of a fork server that is our child."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    return [
        pid
        for pid, parent in parents.items()
        if parents.get(parent) == os.getpid() and b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def _parent(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
