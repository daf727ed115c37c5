"""`provider.web`: a value out of the answer to an HTTP request."""

import asyncio
import json
from typing import Any

import httpx

from analysis import jsonpath
from analysis.providers.answers import Clock, error, hide, hush, value, without_credentials
from analysis.providers.oauth import bearer, refuse_unsupported
from analysis.providers.tls import context
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.providers import WebMetric

TIMEOUT = 10
"""Seconds, unless the metric says otherwise."""
MAX_TIMEOUT = 300
MAX_BYTES = 1 << 20
"""Of an answer."""
MAX_REDIRECTS = 5
_METHODS = ("GET", "POST", "PUT")


class _Failed(Unavailable):
    """There is no usable answer; the message says why."""


class WebProvider:
    """JSON is measured as the part that `jsonPath` picks, any other answer as a string."""

    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        hush("httpx", "httpcore")
        self._clock = clock
        self._transport = transport

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = self._clock()
        spec = metric.provider.web
        if spec is None:
            raise InvalidSpec(".provider.web", "is missing")
        try:
            path = jsonpath.parse(spec.json_path)
            refuse_unsupported(spec.authentication)
            result = _pick(await self._fetch(spec), path, spec.json_path)
        except (Unavailable, InvalidSpec) as failure:
            where = f"{spec.method or 'GET'} {without_credentials(spec.url)}"
            return error(started, self._clock(), hide(f"{where}: {failure}", _credentials(spec)))
        return value(started, self._clock(), result)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        return error(previous.started_at or self._clock(), self._clock(), "a request is never under way")

    async def _fetch(self, spec: WebMetric) -> bytes:
        timeout = min(spec.timeout_seconds or TIMEOUT, MAX_TIMEOUT)
        client = httpx.AsyncClient(
            transport=self._transport, verify=context(spec.insecure), timeout=timeout, follow_redirects=False
        )
        try:
            async with asyncio.timeout(timeout), client:
                request = _request(client, spec)
                if token := await bearer(spec.authentication, client, timeout):
                    request.headers["Authorization"] = f"Bearer {token}"
                return await _send(client, request, _basic(spec), guarded=_guarded(spec))
        except (TimeoutError, httpx.TimeoutException):
            raise _Failed(f"no answer within {timeout} s") from None
        except httpx.ConnectError as failure:
            raise _Failed(
                "cannot connect" + (": refused" if "refused" in str(failure).lower() else "")
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise _Failed(f"the request failed: {type(failure).__name__}") from None


def _basic(spec: WebMetric) -> httpx.BasicAuth | None:
    basic = spec.authentication.basic_auth
    return httpx.BasicAuth(basic.username, basic.password) if basic else None


def _request(client: httpx.AsyncClient, spec: WebMetric) -> httpx.Request:
    method = (spec.method or "GET").upper()
    if method not in _METHODS:
        raise InvalidSpec("method", f'"{spec.method}" is not supported; use {", ".join(_METHODS)}', method)
    if spec.body and spec.json_body is not None:
        raise InvalidSpec("jsonBody", "use either Body or JSONBody; both cannot exists for WebMetric payload")
    if method == "GET" and (spec.body or spec.json_body is not None):
        raise InvalidSpec("body", "Body can only be used with POST or PUT WebMetric Method types")
    headers = [(header.key, header.value) for header in spec.headers]
    try:
        return client.build_request(
            method,
            spec.url,
            headers=headers,
            content=spec.body.encode() if spec.body else None,
            json=spec.json_body,
        )
    except (ValueError, TypeError) as failure:
        raise InvalidSpec("headers", f"the request cannot be made: {type(failure).__name__}") from None


def _guarded(spec: WebMetric) -> bool:
    """Whether the request carries what another host must not see."""
    authentication = spec.authentication
    secret = authentication.oauth2.token_url or authentication.basic_auth or httpx.URL(spec.url).userinfo
    return bool(spec.headers or spec.body or secret) or spec.json_body is not None


async def _send(
    client: httpx.AsyncClient, request: httpx.Request, auth: httpx.BasicAuth | None, *, guarded: bool
) -> bytes:
    """Send, and follow redirects: to another host only with nothing to hide."""
    origin = _origin(request.url)
    for _ in range(MAX_REDIRECTS + 1):
        answer = await client.send(request, auth=auth, stream=True)
        try:
            if answer.next_request is None:
                return await _read(answer)
            if guarded and _origin(answer.next_request.url) != origin:
                target = without_credentials(str(answer.next_request.url))
                raise _Failed(
                    f"answered {answer.status_code} to {target}; headers, credentials and bodies are not "
                    "sent to another host: put its URL into the metric"
                )
            request = answer.next_request
        finally:
            await answer.aclose()
    raise _Failed(f"redirected more than {MAX_REDIRECTS} times")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _read(answer: httpx.Response) -> bytes:
    content = b""
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > MAX_BYTES:
            raise _Failed(f"the answer has more than {MAX_BYTES} bytes")
    if not answer.is_success:
        excerpt = _excerpt(content)
        raise _Failed(
            f"received non 2xx response code: {answer.status_code}" + (f' "{excerpt}"' if excerpt else "")
        )
    return content


def _pick(content: bytes, path: jsonpath.Path, text: str) -> Any:
    """The value in an answer. What is not JSON is a string, which only the whole path can pick."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        if path:
            raise _Failed(
                f'the answer is not JSON, so that jsonPath "{text}" leads nowhere: "{_excerpt(content)}"'
            ) from None
        return content.decode("utf-8", "replace")
    try:
        return jsonpath.find(path, data)
    except KeyError as missing:
        raise _Failed(f'jsonPath "{text}": {missing.args[0]}') from None


def _excerpt(content: bytes) -> str:
    return " ".join(content[:200].decode("utf-8", "replace").split())


def _credentials(spec: WebMetric) -> tuple[str, ...]:
    basic = spec.authentication.basic_auth
    return (
        *(header.value for header in spec.headers),
        basic.password if basic else "",
        spec.authentication.oauth2.client_secret,
    )
