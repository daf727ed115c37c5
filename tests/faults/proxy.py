"""The faults on the wire: an HTTP server on loopback between a controller process and any API server.

Behind it is a transport: of an API server in this process, or of one elsewhere over HTTPS. What befalls a
request is chosen as in `tests.faults.transport`; here connections are really reset, and answers really cut.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import yaml
from aiohttp import web

from rollouts.api.meta import Object
from rollouts.kube.errors import ApiError, Unreachable
from rollouts.kube.transport import Request, Response, Transport
from tests.faults.model import (
    Answer,
    Choose,
    Fault,
    Page,
    ResetAfter,
    ResetBefore,
    Slow,
    SlowAnswer,
    Truncated,
    WatchCut,
    WatchGone,
    WatchLate,
    WatchStalls,
    is_watch,
    is_write,
    status,
)
from tests.faults.transport import late

_FOREVER = 1e9
"""Seconds."""
_TRICKLE = 20
"""Parts in which a slow answer arrives."""


class _Broken(Exception):
    """The connection is to be reset."""


class Proxy:
    """An API server as a controller sees it, on a port that stays the same over `down` and `up`.

    Args:
        inner: where requests go; may be exchanged.
        choose: what befalls them; may be exchanged.
        token: the only one that is let in; may be exchanged.
    """

    def __init__(self, inner: Transport, choose: Choose = lambda _: None, *, token: str = "token-1") -> None:
        self.inner = inner
        self.choose = choose
        self.token = token
        self.requests: list[Request] = []
        """All that arrived, oldest first."""
        self.met: list[tuple[Request, Fault]] = []
        """What befell which request."""
        self.taken: Callable[[Request], None] = lambda _: None
        """Told of each write that the server has taken."""
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._connections: set[asyncio.BaseTransport] = set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    @property
    def writes(self) -> list[Request]:
        """The writes that arrived, leases left out."""
        return [each for each in self.requests if is_write(each) and "/leases" not in each.path]

    async def up(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Break all connections and refuse new ones."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        self.cut()
        await runner.cleanup()

    def cut(self) -> None:
        """Break all connections; new ones are welcome."""
        for connection in list(self._connections):
            _reset(connection)

    def kubeconfig(self, folder: Path, *, token_file: Path | None = None, namespace: str = "default") -> Path:
        """How to reach it, as a file."""
        user = {"tokenFile": str(token_file)} if token_file is not None else {"token": self.token}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "me", "user": user}],
            "contexts": [
                {"name": "proxy", "context": {"cluster": "proxy", "user": "me", "namespace": namespace}}
            ],
        }
        path = folder / f"kubeconfig-{self.port}"
        path.write_text(yaml.safe_dump(body))
        return path

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        assert http.transport is not None
        self._connections.add(http.transport)
        try:
            if http.headers.get("authorization", "") != f"Bearer {self.token}":
                return _answer(Response(code=401, body=status(Answer(code=401))))
            request = await _read(http)
            self.requests.append(request)
            fault = self.choose(request)
            if fault is not None:
                self.met.append((request, fault))
            if is_watch(request):
                return await self._watch(http, request, fault)
            return await self._request(http, request, fault)
        except _Broken:
            _reset(http.transport)
            return web.Response()  # to nobody
        except Unreachable as error:
            return web.Response(status=502, text=f"the proxy: {error}")
        finally:
            self._connections.discard(http.transport)

    async def _request(self, http: web.Request, request: Request, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case Answer():
                headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
                return _answer(Response(code=fault.code, body=status(fault), headers=headers))
            case Page():
                headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
                return web.Response(
                    status=fault.code, text=fault.text, content_type="text/html", headers=headers
                )
            case ResetBefore():
                raise _Broken
            case Slow(seconds):
                await asyncio.sleep(seconds)
            case _:
                pass
        answer = await self.inner.request(request)
        if is_write(request) and answer.code < 300:
            self.taken(request)
        match fault:
            case ResetAfter():
                raise _Broken
            case Truncated():
                body = orjson.dumps(answer.body)
                return web.Response(
                    status=answer.code, body=body[: len(body) // 2], content_type="application/json"
                )
            case SlowAnswer(seconds):
                return await _trickle(http, answer, seconds)
            case _:
                return _answer(answer)

    async def _watch(self, http: web.Request, request: Request, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case Answer() | Page():
                return await self._request(http, request, fault)
            case ResetBefore() | ResetAfter() | Truncated():
                raise _Broken
            case Slow(seconds) | SlowAnswer(seconds):
                await asyncio.sleep(seconds)
            case _:
                pass
        events = self.inner.stream(request)
        if isinstance(fault, WatchLate):
            events = late(events, fault.seconds)
        try:
            async with aclosing(events):
                return await self._pass_on(http, events, fault)
        except ApiError as error:
            return _answer(Response(code=error.code, body=error.status))

    async def _pass_on(
        self, http: web.Request, events: AsyncGenerator[Object, None], fault: Fault | None
    ) -> web.StreamResponse:
        left = fault.after if isinstance(fault, WatchGone | WatchCut | WatchStalls) else -1
        answer = web.StreamResponse(headers={"content-type": "application/json"})
        if left != 0:
            # The first event may be a refusal, which has a code of its own.
            first = await anext(events, None)
            await answer.prepare(http)
            if first is not None:
                await answer.write(orjson.dumps(first) + b"\n")
            left -= 1
        else:
            await answer.prepare(http)
        while left != 0 and (event := await anext(events, None)) is not None:
            await answer.write(orjson.dumps(event) + b"\n")
            left -= 1
        match fault:
            case WatchGone():
                gone = {"type": "ERROR", "object": status(Answer(code=410))}
                await answer.write(orjson.dumps(gone) + b"\n")
            case WatchCut():
                raise _Broken
            case WatchStalls() if left == 0:
                await asyncio.sleep(_FOREVER)
            case _:
                pass
        return answer


async def _read(http: web.Request) -> Request:
    data = await http.read()
    headers = {name.lower(): value for name, value in http.headers.items()}
    kept = {name: headers[name] for name in ("content-type", "accept") if name in headers}
    return Request(
        method=http.method,
        path=http.rel_url.raw_path,
        query=dict(http.query),
        headers=kept,
        body=json.loads(data) if data else None,
    )


def _answer(answer: Response) -> web.Response:
    headers = {name: value for name, value in answer.headers.items() if name in ("retry-after", "warning")}
    if isinstance(answer.body, str):
        return web.Response(status=answer.code, text=answer.body, headers=headers)
    body = orjson.dumps(answer.body)
    return web.Response(status=answer.code, body=body, content_type="application/json", headers=headers)


async def _trickle(http: web.Request, answer: Response, seconds: float) -> web.StreamResponse:
    """The answer in small parts, the first of them at once."""
    body = orjson.dumps(answer.body)
    slow = web.StreamResponse(status=answer.code, headers={"content-type": "application/json"})
    slow.content_length = len(body)
    await slow.prepare(http)
    size = max(1, len(body) // _TRICKLE)
    for at in range(0, len(body), size):
        await slow.write(body[at : at + size])
        await asyncio.sleep(seconds / _TRICKLE)
    return slow


def _reset(connection: Any) -> None:
    """End a connection with RST, as a process that died or a firewall does."""
    sock: socket.socket | None = connection.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.abort()
