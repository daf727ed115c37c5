"""The in-memory API over HTTPS: TLS, a bearer token, loopback; and watches as lines of JSON."""

import hmac
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from aiohttp import ClientConnectionResetError, web

from rollouts.api.meta import Object
from rollouts.embedded.api import certificates, kubeconfig
from rollouts.embedded.api.encoding import decode, is_known, too_large
from rollouts.embedded.api.server import ApiServer
from rollouts.embedded.api.status import Refusal
from rollouts.kube.transport import Request, Response

BODY_LIMIT = 3 * 1024 * 1024
SHUTDOWN_SECONDS = 2.0
_OPEN_TO_ALL = frozenset({"/healthz", "/livez", "/readyz", "/version"})
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A server that is up; also an async context manager that takes it down."""

    url: str
    token: str
    ca: bytes
    """PEM of the authority that clients trust."""
    _server: ApiServer
    _runner: web.AppRunner

    @property
    def kubeconfig(self) -> Object:
        """What a client needs to come in."""
        return kubeconfig.kubeconfig(self.url, self.ca, self.token)

    async def close(self) -> None:
        """End the watches in good order, then the connections."""
        self._server.close()
        await self._runner.cleanup()

    async def __aenter__(self) -> "Serving":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def serve(
    server: ApiServer,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    kubeconfig_path: Path | None = None,
) -> Serving:
    """Serve an API over HTTPS.

    Args:
        server: the API.
        host: the address to listen on; loopback unless told otherwise.
        port: 0 takes a free one.
        token: what clients must show; empty makes one up.
        kubeconfig_path: where to write a kubeconfig, for its owner's eyes only; None writes none.

    Raises:
        OSError: the address is taken, or the file cannot be written.
    """
    token = token or secrets.token_urlsafe(32)
    identity = certificates.make(dict.fromkeys((host, "127.0.0.1", "localhost", "::1")))
    app = web.Application(client_max_size=BODY_LIMIT)
    app.router.add_route("*", "/{path:.*}", _handler(server, token))
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
        await web.SockSite(runner, listener, ssl_context=certificates.server_context(identity)).start()
    except OSError:
        await runner.cleanup()
        raise
    shown = f"[{host}]" if ":" in host else host
    url = f"https://{shown}:{listener.getsockname()[1]}"
    serving = Serving(url=url, token=token, ca=identity.ca, _server=server, _runner=runner)
    if kubeconfig_path is not None:
        kubeconfig.write(kubeconfig_path, serving.kubeconfig)
    return serving


def _handler(server: ApiServer, token: str) -> _Handler:
    expected = f"Bearer {token}".encode()

    async def handle(incoming: web.Request) -> web.StreamResponse:
        path = incoming.rel_url.raw_path
        shown = incoming.headers.get("authorization", "").encode(errors="surrogateescape")
        try:
            if path.rstrip("/") not in _OPEN_TO_ALL and not hmac.compare_digest(shown, expected):
                raise Refusal(401, "Unauthorized", "Unauthorized")
            request = await _read(incoming, path)
            if server.is_watch(request):
                return await _watch(incoming, server.watch(request), request)
        except Refusal as refusal:
            return _written(Response(code=refusal.code, body=refusal.body))
        return _written(await server.handle(request))

    return handle


async def _read(incoming: web.Request, path: str) -> Request:
    try:
        raw = await incoming.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large(BODY_LIMIT) from error
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    headers.pop("authorization", None)
    accept = headers.get("accept", "")
    if accept and not any(word in accept for word in ("json", "*/*", "text", "application/*", "openapi")):
        message = f"only application/json is served, not {accept}"
        raise Refusal(406, "NotAcceptable", message)
    return Request(
        method=incoming.method,
        path=path,
        query=dict(incoming.query),
        headers=headers,
        body=_body(incoming.method, headers.get("content-type", ""), raw),
    )


def _body(method: str, content_type: str, raw: bytes) -> Any:
    """What a body says. A patch of an unknown type is left to who knows what the kind takes."""
    if method == "PATCH" and not is_known(content_type):
        return None
    return decode(content_type, raw)


def _written(answer: Response) -> web.Response:
    if isinstance(answer.body, str | bytes):
        raw = answer.body.encode() if isinstance(answer.body, str) else answer.body
        headers = {"content-type": "text/plain; charset=utf-8", **answer.headers}
        return web.Response(status=answer.code, body=raw, headers=headers)
    headers = {"content-type": "application/json", **answer.headers}
    return web.Response(status=answer.code, body=_json(answer.body), headers=headers)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


async def _watch(
    incoming: web.Request, events: AsyncGenerator[Object, None], request: Request
) -> web.StreamResponse:
    """Write events as they come; when the client leaves, aiohttp cancels us here."""
    accept = request.headers.get("accept", "")
    table = "as=Table" in accept
    content = "application/json;as=Table;v=v1;g=meta.k8s.io" if table else "application/json"
    outgoing = web.StreamResponse(headers={"content-type": content, "cache-control": "no-cache, private"})
    try:
        await outgoing.prepare(incoming)
        async for event in events:
            await outgoing.write(_json(event))
        await outgoing.write_eof()
    except (ClientConnectionResetError, ConnectionResetError):
        # The watcher left while we wrote: nobody is there to be told.
        pass
    finally:
        await events.aclose()
    return outgoing
