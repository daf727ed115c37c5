"""The API over HTTP, on one aiohttp session.

JSON goes through orjson. Answers are asked for uncompressed: on a cluster's network decompression costs more
than it saves.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from rollouts.api.meta import Object
from rollouts.kube import config
from rollouts.kube.client import Client
from rollouts.kube.errors import Unreachable, from_status
from rollouts.kube.traffic import Traffic, call_of
from rollouts.kube.transport import Request, Response

_PATIENCE = 30.0
"""Seconds that an answer may take."""
_TRIES = 3
"""How often a request is sent that the server puts off with Retry-After."""
_LONGEST_WAIT = 10.0
"""Seconds of Retry-After that are waited for here; a longer wait is the caller's affair."""


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
        try:
            async with self._open(
                request,
                None,
                aiohttp.ClientTimeout(total=None, sock_connect=_PATIENCE),
                await self._headers(request),
            ) as answer:
                self._traffic.answers[call, answer.status] += 1
                if answer.status >= 400:
                    status = _json_or_text(await answer.read())
                    raise from_status(answer.status, _as_status(status), f"watch {request.path}")
                rest = b""
                try:
                    async for chunk in answer.content.iter_any():
                        self._traffic.received[call] += len(chunk)
                        *lines, rest = (rest + chunk).split(b"\n")
                        for line in lines:
                            if line:
                                yield orjson.loads(line)
                finally:
                    _hang_up(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"{self.endpoint.server} sent a watch event that is no JSON") from error

    async def close(self) -> None:
        await self._session.close()

    async def _send(self, request: Request) -> Response:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        body = None if request.body is None else orjson.dumps(request.body)
        try:
            async with self._open(request, body, timeout, await self._headers(request)) as answer:
                data = await answer.read()
                self._count(request, answer.status, len(body or b""), len(data))
                found = (
                    _json_or_text(data)
                    if answer.content_type == "application/json"
                    else data.decode("utf-8", "replace")
                )
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(code=answer.status, body=found, headers=headers)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    def _count(self, request: Request, code: int, sent: int, received: int) -> None:
        call = call_of(request)
        self._traffic.answers[call, code] += 1
        self._traffic.sent[call] += sent
        self._traffic.received[call] += received

    def _open(
        self, request: Request, body: bytes | None, timeout: aiohttp.ClientTimeout, headers: Mapping[str, str]
    ) -> Any:
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

    async def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "accept-encoding": "identity",
            **request.headers,
        }
        if authorization := await self.endpoint.credentials():
            headers["authorization"] = authorization
        return headers

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


def open_client(endpoint: config.Endpoint, traffic: Traffic | None = None) -> Client:
    """A client of an API server that is already known; `traffic` counts what it asks."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64, limit_per_host=0))
    return Client(HttpTransport(endpoint, session, traffic))


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
    try:
        wait = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return wait if 0 <= wait <= _LONGEST_WAIT else None


def _json_or_text(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode("utf-8", "replace")


def _as_status(body: Any) -> Object:
    return body if isinstance(body, dict) else {"message": str(body)[:500]}
