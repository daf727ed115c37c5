"""One HTTP request to a metrics server: bounded in time and size, careful with what it carries.

Not for: who is asked for what, and what the answer means. A request is data, so that `authentication` and
`aws` can add to it; nothing that it carries is ever shown, and none of it goes to another host.
"""

import asyncio
import base64
import json
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx

from analysis.providers.answers import hide, hush, without_credentials
from analysis.providers.tls import context
from rollouts.api.errors import InvalidSpec, Unavailable

TIMEOUT = 10.0
"""Seconds, unless a provider or a metric says otherwise."""
MAX_TIMEOUT = 300.0
"""Seconds; a longer one would only pile up measurements."""
MAX_BYTES = 1 << 20
"""Of an answer."""
MAX_DETAIL = 4096
"""Bytes of an error's body that a provider may look at."""
MAX_REDIRECTS = 5

_PUBLIC = frozenset({"accept", "content-type", "user-agent"})
"""Headers whose values are no secret, so that hiding them would only blur a message."""

Outcome = Literal["transport_error", "timeout", "http_error", "response_error"]


class HttpFailed(Unavailable):
    """There is no usable answer; the message says why and holds no credentials.

    `status` is the code of the answer, 0 where none came; `detail` is what the answer began with.
    """

    def __init__(self, message: str, outcome: Outcome, status: int = 0, detail: str = "") -> None:
        self.outcome = outcome
        self.status = status
        self.detail = detail
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask."""

    url: str
    """With its query; `with_query` adds one."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    timeout: float = TIMEOUT
    """Seconds for the whole answer, MAX_TIMEOUT at most."""
    insecure: bool = False
    """Take any TLS certificate."""
    direct: bool = False
    """Past any proxy that the environment names."""
    secrets: tuple[str, ...] = ()
    """What must not be shown, beside the values of the headers."""

    def credentials(self) -> tuple[str, ...]:
        """What must never be shown."""
        values = [value for name, value in self.headers.items() if name.lower() not in _PUBLIC]
        # A server that echoes a header may leave out its scheme: `Bearer` and such.
        bare = [value.split(" ", 1)[1] for value in values if " " in value]
        return (*values, *bare, *self.secrets, *_userinfo(self.url))

    def with_headers(self, headers: Mapping[str, str]) -> "Request":
        """This request with more headers; one that is there already is replaced."""
        names = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in names}
        return replace(self, headers={**kept, **headers})


def basic(username: str, password: str) -> str:
    """The header of basic authentication (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _userinfo(url: str) -> tuple[str, ...]:
    """A user's password in a URL, as it stands and as it is sent."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    if not parts.password:
        return ()
    username, password = unquote(parts.username or ""), unquote(parts.password)
    return parts.password, password, basic(username, password).removeprefix("Basic ")


def with_query(url: str, query: Mapping[str, str]) -> str:
    """The URL with a query added; a space is `%20`, which every server and every signature understands."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query, quote_via=quote)}"


def json_content(body: Any) -> bytes:
    """A body in JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


async def fetch(request: Request, transport: httpx.AsyncBaseTransport | None = None) -> bytes:
    """The body of a successful answer.

    Args:
        request: What to ask.
        transport: Instead of the network.

    Raises:
        HttpFailed: the server is down, slow, answers with an error or with too much, or leads elsewhere.
        InvalidSpec: this is no request.
    """
    hush("httpx", "httpcore")
    try:
        return await _fetch(request, transport)
    except HttpFailed as failure:
        where = f"{request.method} {without_credentials(request.url)}"
        hidden = request.credentials()
        raise HttpFailed(
            hide(f"{where}: {failure}", hidden),
            failure.outcome,
            failure.status,
            hide(failure.detail, hidden),
        ) from None


async def fetch_json(request: Request, transport: httpx.AsyncBaseTransport | None = None) -> Any:
    """The body of a successful answer in JSON, whatever content type it claims.

    Raises:
        HttpFailed: as fetch, and when the body is something else.
        InvalidSpec: this is no request.
    """
    content = await fetch(request, transport)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        where = f"{request.method} {without_credentials(request.url)}"
        detail = excerpt(content, request.credentials())
        raise HttpFailed(
            f'{where}: the answer is not JSON: "{detail}"', "response_error", 200, detail
        ) from None


def excerpt(content: bytes, hidden: Iterable[str], length: int = 200) -> str:
    """The beginning of a body, on one line, without the credentials.

    They are hidden before the rest is cut off: half of a secret would not be known as one.
    """
    text = hide(content.decode("utf-8", "replace"), hidden)
    return " ".join(text.split())[:length]


async def _fetch(request: Request, transport: httpx.AsyncBaseTransport | None) -> bytes:
    timeout = min(request.timeout, MAX_TIMEOUT)
    client = httpx.AsyncClient(
        transport=transport,
        verify=context(request.insecure),
        timeout=timeout,
        follow_redirects=False,
        trust_env=not request.direct,
        headers={"Accept-Encoding": "gzip"},
    )
    try:
        async with asyncio.timeout(timeout), client:
            return await _send(client, _built(client, request), request)
    except (TimeoutError, httpx.TimeoutException):
        raise HttpFailed(f"no answer within {timeout:g} s", "timeout") from None
    except httpx.ConnectError as failure:
        raise HttpFailed(f"cannot connect{_why(failure)}", "transport_error") from None
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise HttpFailed(f"the request failed: {type(failure).__name__}", "transport_error") from None


def _why(failure: BaseException | None) -> str:
    """What lies under a failure to connect: several layers wrap it, in words of their own."""
    while failure is not None:
        match failure:
            case ConnectionRefusedError():
                return ": refused"
            case socket.gaierror():
                return ": the name of the host is not known"
            case ssl.SSLError():
                return ": the TLS certificate cannot be verified"
        failure = failure.__cause__ or failure.__context__
    return ""


def _built(client: httpx.AsyncClient, request: Request) -> httpx.Request:
    try:
        return client.build_request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content or None,
        )
    except (ValueError, TypeError) as failure:
        raise InvalidSpec("headers", f"the request cannot be made: {type(failure).__name__}") from None


def _guarded(request: Request) -> bool:
    """Whether the request carries what another host must not see."""
    return bool(request.headers or request.content or request.secrets or httpx.URL(request.url).userinfo)


async def _send(client: httpx.AsyncClient, request: httpx.Request, wanted: Request) -> bytes:
    """Send, and follow redirects: to another host only with nothing to hide."""
    origin, guarded = _origin(request.url), _guarded(wanted)
    for _ in range(MAX_REDIRECTS + 1):
        answer = await client.send(request, stream=True)
        try:
            if answer.next_request is None:
                return await _read(answer, wanted.credentials())
            if guarded and _origin(answer.next_request.url) != origin:
                target = without_credentials(str(answer.next_request.url))
                raise HttpFailed(
                    f"answered {answer.status_code} to {target}; headers, credentials and bodies are not "
                    "sent to another host: put its URL into the metric",
                    "http_error",
                    answer.status_code,
                )
            request = answer.next_request
        finally:
            await answer.aclose()
    raise HttpFailed(f"redirected more than {MAX_REDIRECTS} times", "http_error", answer.status_code)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _read(answer: httpx.Response, hidden: tuple[str, ...]) -> bytes:
    content = b""
    # As it comes over the wire: decoded in its pieces, a small one could become a thousand times as much.
    stream = aiter(cast("AsyncGenerator[bytes, None]", answer.stream))
    async with aclosing(cast("AsyncGenerator[bytes, None]", stream)) as parts:
        async for part in parts:
            content += part
            if len(content) > MAX_BYTES:
                raise _too_long(answer)
    content = _decoded(content, answer)
    if not answer.is_success:
        detail = excerpt(content, hidden)
        said = f"received non 2xx response code: {answer.status_code}" + (f' "{detail}"' if detail else "")
        raise HttpFailed(said, "http_error", answer.status_code, excerpt(content, hidden, MAX_DETAIL))
    return content


def _decoded(content: bytes, answer: httpx.Response) -> bytes:
    """The body without its encoding, of which only gzip was offered."""
    encoding = answer.headers.get("content-encoding", "identity").lower()
    if encoding in ("", "identity") or not content:
        return content
    if encoding not in ("gzip", "x-gzip"):
        message = f'the answer is encoded as "{encoding[:40]}", which was not asked for'
        raise HttpFailed(message, "response_error", answer.status_code)
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(content, MAX_BYTES + 1)
    except zlib.error:
        message = "the answer is not in the encoding gzip, as it claims"
        raise HttpFailed(message, "response_error", answer.status_code) from None
    if len(plain) > MAX_BYTES:
        raise _too_long(answer)
    if not unpacking.eof:
        raise HttpFailed(
            "the answer, in the encoding gzip, is cut short", "response_error", answer.status_code
        )
    return plain


def _too_long(answer: httpx.Response) -> HttpFailed:
    return HttpFailed(f"the answer has more than {MAX_BYTES} bytes", "response_error", answer.status_code)
