"""A Prometheus on loopback that is in whatever mood a test asks for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def prometheus() -> AsyncIterator[str]:
    """Yield its URL; the path before `/api/v1/query` is the mood: good, bad, empty, slow or html."""

    async def answer(request: web.Request) -> web.Response:
        mood = request.match_info["mood"]
        if mood == "slow":
            await asyncio.sleep(5)
        if mood == "html":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        samples = {"good": ["0.999"], "bad": ["0.5"]}.get(mood, [])
        result = [{"metric": {}, "value": [1e9, sample]} for sample in samples]
        return web.json_response(
            {"status": "success", "data": {"resultType": "vector", "result": result}},
        )

    app = web.Application()
    app.router.add_route("*", "/{mood}/api/v1/query", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
