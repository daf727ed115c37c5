"""What the controller answers over HTTP: whether it lives, whether it is ready, and its metrics."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serve(
    *,
    address: str,
    health_port: int,
    metrics_port: int,
    ready: Callable[[], bool],
    metrics: Callable[[], Awaitable[bytes]],
) -> AsyncIterator[None]:
    """Answer on the ports that are not 0; on one port, where they are the same.

    Raises:
        OSError: a port is taken.
    """
    apps: dict[int, web.Application] = {}

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def is_ready(_: web.Request) -> web.Response:
        return web.Response(text="ok") if ready() else web.Response(status=503, text="not synced yet")

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=await metrics(), headers={"content-type": _TEXT})

    for port, routes in (
        (health_port, (web.get("/healthz", alive), web.get("/readyz", is_ready))),
        (metrics_port, (web.get("/metrics", scrape),)),
    ):
        if port:
            apps.setdefault(port, web.Application()).add_routes(routes)
    runners = []
    try:
        for port, app in apps.items():
            runner = web.AppRunner(app, access_log=None)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, address, port).start()
        yield
    finally:
        for runner in runners:
            await runner.cleanup()
