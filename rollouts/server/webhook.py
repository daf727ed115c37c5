"""`POST /api/webhook`: Git servers announce pushes, and the Applications concerned are looked at.

The most that a request can do is to have a repository asked for its newest commit; nothing in it is believed.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress

from aiohttp import web

from rollouts.api.errors import RolloutsError
from rollouts.server.push import Push, Refused, read_push

_LARGEST = 10 * 1024 * 1024
"""Bytes of a payload."""
_WAITING = 256
"""Pushes that may wait for their turn."""

_HELD = 5.0
"""Seconds for which the secrets are held."""

OnPush = Callable[[Push], Awaitable[None]]
Secrets = Callable[[], Awaitable[Mapping[str, str]]]

_log = logging.getLogger(__name__)


async def no_secrets() -> Mapping[str, str]:
    """Believe every server."""
    return {}


def webhook_app(on_push: OnPush, secrets: Secrets = no_secrets) -> web.Application:
    """The HTTP application; it answers at once, and pushes are acted on one after another.

    Args:
        on_push: what to do with a push.
        secrets: the shared secrets by Argo CD's keys (`webhook.github.secret`), read anew every few seconds.
    """
    queue: asyncio.Queue[Push] = asyncio.Queue(_WAITING)

    held: Mapping[str, str] = {}
    until = float("-inf")

    async def known() -> Mapping[str, str]:
        """The secrets; a flood of requests must not become one of reads."""
        nonlocal held, until
        now = asyncio.get_running_loop().time()
        if now >= until:
            held = await secrets()
            until = now + _HELD
        return held

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return web.Response(status=400, text="the payload is not JSON\n")
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            push = read_push(headers, body, payload, await known())
            if push is not None:
                queue.put_nowait(push)
        except Refused as error:
            return web.Response(status=error.status, text=f"{error}\n")
        except asyncio.QueueFull:
            return web.Response(status=503, text="too many pushes are waiting; polling will find this one\n")
        except RolloutsError as error:
            _log.warning("webhook: %s", error)
            return web.Response(status=503, text="the secrets cannot be read\n")
        return web.Response(text="ok\n")

    async def work(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_act(queue, on_push))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = web.Application(client_max_size=_LARGEST)
    app.router.add_post("/api/webhook", receive)
    app.cleanup_ctx.append(work)
    return app


async def _act(queue: asyncio.Queue[Push], on_push: OnPush) -> None:
    while True:
        push = await queue.get()
        try:
            await on_push(push)
        except RolloutsError as error:
            _log.warning("push to %s not acted on: %s", push.urls[0], error)
