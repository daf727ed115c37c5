"""The API over HTTP, on one aiohttp session.

JSON goes through orjson. Answers are asked for uncompressed: on a cluster's network decompression costs more
than it saves.
"""

import asyncio
import math
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter

from rollouts.api.meta import Object
from rollouts.kube import config
from rollouts.kube.answers import refusal, retry_after
from rollouts.kube.client import Client
from rollouts.kube.errors import Unreachable, Unreadable
from rollouts.kube.traffic import Traffic, call_of
from rollouts.kube.transport import Request, Response

_PATIENCE = 30.0
"""Seconds that an answer may take."""
_TRIES = 3
"""How often a request is sent that the server puts off with Retry-After."""
_LONGEST_WAIT = 10.0
"""Seconds of Retry-After that are waited for here; a longer wait is the caller's affair."""
_LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of a watch event. The API server takes objects of 3 MiB at most; a longer line is none of its own."""


class HttpTransport:
    """Requests and watch streams to one API server."""

    def __init__(
        self, endpoint: config.Endpoint, session: aiohttp.ClientSession, traffic: Traffic | None = None
    ) -> None:
        self.endpoint = endpoint
        self._session = session
        self._traffic = traffic or Traffic()

    async def request(self, request: Request) -> Response:
        for attempt in range(1, _TRIES + 1):
            answer = await self._send(request)
            wait = _put_off(request, answer)
            if wait is None or attempt == _TRIES:
                break
            await asyncio.sleep(wait)
        return answer

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        """As the protocol says; how long silence may last is for the reader to decide."""
        call = call_of(request)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_PATIENCE)
        authorization = await self.endpoint.credentials()
        try:
            for _ in range(2):
                async with self._open(request, timeout, authorization) as answer:
                    self._traffic.answers[call, answer.status] += 1
                    if answer.status == 401 and (other := await self._other(authorization)):
                        authorization = other
                        continue
                    if answer.status >= 400:
                        body = _json_or_text(await answer.read())
                        raise refusal(answer.status, body, _lower(answer.headers), f"watch {request.path}")
                    lines = _Lines()
                    try:
                        async for chunk in answer.content.iter_any():
                            self._traffic.received[call] += len(chunk)
                            for line in lines.of(chunk):
                                yield orjson.loads(line)
                        lines.end()
                    finally:
                        _hang_up(answer)
                    return
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error
        except orjson.JSONDecodeError as error:
            raise Unreadable(f"{self.endpoint.server} sent a watch event that is no JSON") from error

    async def close(self) -> None:
        await self._session.close()

    async def _send(self, request: Request) -> Response:
        authorization = await self.endpoint.credentials()
        answer = await self._once(request, authorization)
        # A request that was not let in has not been looked at: it may be sent again.
        if answer.code == 401 and (other := await self._other(authorization)):
            answer = await self._once(request, other)
        return answer

    async def _once(self, request: Request, authorization: str) -> Response:
        body = _Body(orjson.dumps(request.body), request.before_sending) if request.body is not None else None
        if request.before_sending is not None:
            request.before_sending()
        try:
            timeout = aiohttp.ClientTimeout(total=_PATIENCE)
            async with self._open(request, timeout, authorization, body) as answer:
                data = await answer.read()
                self._count(request, answer.status, body.size or 0 if body is not None else 0, len(data))
                is_json = answer.content_type == "application/json"
                found = _json_or_text(data) if is_json else data.decode("utf-8", "replace")
                return Response(code=answer.status, body=found, headers=_lower(answer.headers))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if body is not None and body.kept_back is not None:
                raise body.kept_back from error
            raise self._unreachable(error) from error

    def _count(self, request: Request, code: int, sent: int, received: int) -> None:
        call = call_of(request)
        self._traffic.answers[call, code] += 1
        self._traffic.sent[call] += sent
        self._traffic.received[call] += received

    async def _other(self, refused: str) -> str:
        """Another credential than the one that the server has refused; empty where there is none."""
        found = await self.endpoint.credentials(refused=refused)
        return found if found != refused else ""

    def _open(
        self,
        request: Request,
        timeout: aiohttp.ClientTimeout,
        authorization: str,
        body: "_Body | None" = None,
    ) -> Any:
        headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "accept-encoding": "identity",
            **request.headers,
        }
        if authorization:
            headers["authorization"] = authorization
        return self._session.request(
            request.method,
            self.endpoint.server + request.path,
            params=dict(request.query),
            data=body,
            headers=headers,
            timeout=timeout,
            proxy=self.endpoint.proxy,
            ssl=self.endpoint.tls or True,
            server_hostname=self.endpoint.server_name,
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        why = str(error) or type(error).__name__
        return Unreachable(f"no answer from the API server {self.endpoint.server}: {why}")


async def connect(kubeconfig: str | Path | None = None, context: str | None = None) -> Client:
    """Connect as kubectl would: the named file, $KUBECONFIG, ~/.kube/config, or the pod's own account.

    The session belongs to the running event loop; close the client when done.

    Raises:
        ConfigError: nothing usable is configured; the message says what was tried.
    """
    return open_client(await config.load(kubeconfig, context))


def open_client(
    endpoint: config.Endpoint, traffic: Traffic | None = None, *, unacknowledged: float = 0.0
) -> Client:
    """A client of an API server that is already known.

    Args:
        endpoint: the API server.
        traffic: counts what is asked.
        unacknowledged: seconds for which the kernel goes on sending what the other side has not confirmed;
            then the connection counts as broken. 0 for the system's own limit, which is some fifteen minutes.
    """

    def make(address: aiohttp.AddrInfoType) -> socket.socket:
        made = socket.socket(*address[:3])
        if unacknowledged and hasattr(socket, "TCP_USER_TIMEOUT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, math.ceil(unacknowledged * 1000))
        return made

    connector = aiohttp.TCPConnector(limit=64, limit_per_host=0, socket_factory=make)
    return Client(HttpTransport(endpoint, aiohttp.ClientSession(connector=connector), traffic))


class _Body(aiohttp.BytesPayload):
    """The bytes of a request. They, and the headers with them, ask for leave right before they go out."""

    def __init__(self, data: bytes, before_sending: Callable[[], None] | None) -> None:
        super().__init__(data, content_type="application/json")
        self.kept_back: Exception | None = None
        """Why they did not go."""
        self._before_sending = before_sending

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._before_sending is not None:
            try:
                self._before_sending()
            except Exception as error:
                self.kept_back = error
                raise
        await super().write_with_length(writer, content_length)


class _Lines:
    """Cuts a stream of bytes into lines, looking at each byte once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def of(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that end in this chunk.

        Raises:
            Unreadable: a line is longer than any event.
        """
        first, *more = chunk.split(b"\n")
        self._keep(first)
        for part in more:
            if self._size:
                yield b"".join(self._parts)
            self._parts, self._size = [], 0
            self._keep(part)

    def end(self) -> None:
        """The stream has ended.

        Raises:
            Unreadable: in the middle of a line.
        """
        if self._size:
            raise Unreadable(f"a watch that ended in the middle of an event: {b''.join(self._parts)[:100]!r}")

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)
        if self._size > _LONGEST_EVENT:
            raise Unreadable(f"a watch event of more than {_LONGEST_EVENT >> 20} MiB")


def _hang_up(answer: aiohttp.ClientResponse) -> None:
    """End a connection now: who leaves a watch does not wait until the server has said goodbye, too."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


def _put_off(request: Request, answer: Response) -> float | None:
    """Seconds after which the server wants to see the request again, if it says so.

    An eviction is left out: there 429 is a disruption budget's answer, and the caller's to judge.
    """
    if answer.code not in (429, 503) or request.path.endswith("/eviction"):
        return None
    wait = retry_after(answer.headers)
    return wait if wait is not None and wait <= _LONGEST_WAIT else None


def _lower(headers: Any) -> dict[str, str]:
    """Headers by name; what is told in several lines of one name (Warning) is one list."""
    return {name.lower(): ", ".join(headers.getall(name)) for name in headers}


def _json_or_text(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode("utf-8", "replace")
