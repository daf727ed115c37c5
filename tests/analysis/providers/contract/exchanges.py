"""Recorded exchanges: what a provider is to ask and what it is answered, and what can go wrong instead.

The same exchanges come over an httpx transport, in virtual time, or from a small server on loopback, for a
client that speaks on its own.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from analysis.providers.aws.signing import Keys, Signed, signature
from analysis.providers.http import MAX_BYTES

ELSEWHERE = "elsewhere.invalid"
"""The host to which the redirecting fault leads."""


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def carries(self, secret: str) -> bool:
        """Whether a secret is anywhere in it, in plain text or as basic authentication spells it."""
        decoded = b""
        authorization = self.headers.get("authorization", "")
        if authorization.startswith("Basic "):
            decoded = base64.b64decode(authorization.removeprefix("Basic "))
        query = str(parse_qs(urlsplit(self.url).query, keep_blank_values=True))
        text = f"{self.url} {query} {dict(self.headers)} {self.body!r} {decoded!r}"
        return secret in text


@dataclass(frozen=True)
class Answer:
    """What is answered, or what happens instead: `stall`, `drip`, `endless`, `refuse` or `cut`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    instead: str = ""


Fault = Callable[[Asked], Answer]
"""What goes wrong, by what was asked."""


def echoing(status: int, **headers: str) -> Fault:
    """An error whose page shows the whole request, as some servers and proxies do."""

    def answer(asked: Asked) -> Answer:
        body = f"{asked.method} {asked.url} {dict(asked.headers)} {asked.body.decode('utf-8', 'replace')}"
        return Answer(status, {"content-type": "text/plain", **headers}, body.encode())

    return answer


def betraying(status: int) -> Fault:
    """An error whose page begins with what the request carried: only its beginning is ever shown."""
    usual = (
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "content-length",
        "content-type",
    )

    def answer(asked: Asked) -> Answer:
        told = [text for name, text in asked.headers.items() if name.lower() not in usual]
        body = " ".join(told) or asked.body.decode("utf-8", "replace")
        return Answer(status, {"content-type": "text/plain"}, body.encode())

    return answer


def saying(body: str, content: str = "application/json", status: int = 200) -> Fault:
    """An answer of success that is none."""
    return lambda _: Answer(status, {"content-type": content}, body.encode())


def instead(what: str) -> Fault:
    return lambda _: Answer(instead=what)


FAULTS: dict[str, Fault] = {
    "400": echoing(400),
    "401": echoing(401),
    "403": echoing(403),
    "401 that shows the credentials": betraying(401),
    "500 that shows the credentials": betraying(500),
    "404": echoing(404),
    "429": echoing(429, **{"retry-after": "30"}),
    "500": echoing(500),
    "502": saying("<html><h1>502 Bad Gateway</h1></html>", "text/html", 502),
    "503": echoing(503),
    "an error without a body": saying("", status=500),
    "a page with 200": saying("<html><title>Sign in</title></html>", "text/html"),
    "malformed JSON": saying('{"data": {"result": [1, 2'),
    "JSON in another content type, malformed": saying("{'single': 'quotes'}", "text/plain"),
    "an empty body": saying(""),
    "bytes that are no text": lambda _: Answer(
        200, {"content-type": "application/json"}, b"\xff\xfe\x00\x80"
    ),
    "a huge answer": saying(json.dumps("x" * (MAX_BYTES + 1))),
    "an answer without end": instead("endless"),
    "JSON nested without end": saying("[" * 200_000),
    "a redirect to another host": lambda _: Answer(302, {"location": f"http://{ELSEWHERE}/"}),
    "a redirect to another host that keeps the body": lambda _: Answer(
        307, {"location": f"http://{ELSEWHERE}/"}
    ),
    "a redirect to itself": lambda asked: Answer(302, {"location": asked.url}),
    "no connection": instead("refuse"),
    "a connection that is cut": instead("cut"),
    "silence": instead("stall"),
    "a first byte, and silence": instead("drip"),
}
"""What must be an error, whatever was asked."""

SHAPES = ("null", "[]", "{}", '"text"', "7", "true", '{"data":null}', '{"errors":[]}', "[null]", "[[]]")
"""JSON that no API answers with: an error or no data, never a value."""


class Recorded:
    """Exchanges in their order. From `broken_at` on, `fault` answers."""

    def __init__(
        self, exchanges: list[dict[str, Any]], *, fault: Fault | None = None, broken_at: int = 0
    ) -> None:
        self._exchanges = exchanges
        self._fault = fault
        self._broken_at = broken_at
        self.asked: list[Asked] = []
        self.mismatches: list[str] = []

    @property
    def left(self) -> int:
        """How many exchanges have not taken place."""
        return len(self._exchanges) - len(self.asked)

    def answer(self, asked: Asked) -> Answer:
        place = len(self.asked)
        self.asked.append(asked)
        if self._fault is not None and place >= self._broken_at:
            return self._fault(asked)
        if place >= len(self._exchanges):
            self.mismatches.append(f"one request too many: {asked.method} {asked.url}")
            return Answer(599)
        exchange = self._exchanges[place]
        problems = list(_differences(exchange["request"], asked))
        if problems:
            self.mismatches.append(f"request {place + 1}: " + "; ".join(problems))
            return Answer(599)
        return recorded(exchange["response"])


def recorded(response: dict[str, Any]) -> Answer:
    """The answer that a case file holds: `json` or `body`, `status` 200 unless it says so."""
    if "json" in response:
        body, content = json.dumps(response["json"]).encode(), "application/json"
    else:
        body, content = str(response.get("body", "")).encode(), "text/plain"
    headers = {"content-type": content, **response.get("headers", {})}
    return Answer(response.get("status", 200), headers, body)


def _differences(wanted: dict[str, Any], asked: Asked) -> list[str]:
    """In what a request differs from the recorded one; headers may be more."""
    url, query = asked.url.split("?", 1) if "?" in asked.url else (asked.url, "")
    found: dict[str, Any] = {"method": asked.method, "url": url}
    expected: dict[str, Any] = {"method": wanted.get("method", "GET"), "url": wanted["url"]}
    found["query"] = {
        name: values[0] if len(values) == 1 else values for name, values in _form(query).items()
    }
    expected["query"] = {
        name: [*map(str, text)] if isinstance(text, list) else str(text)
        for name, text in wanted.get("query", {}).items()
    }
    for name, text in wanted.get("headers", {}).items():
        expected[f"header {name}"], found[f"header {name}"] = text, asked.headers.get(name.lower())
    if "basic" in wanted:
        pair = f"{wanted['basic']['username']}:{wanted['basic']['password']}"
        expected["header authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        found["header authorization"] = asked.headers.get("authorization")
    if "sigv4" in wanted:
        expected["signature"], found["signature"] = True, is_signed(asked, **wanted["sigv4"])
    if "json" in wanted:
        expected["json"], found["json"] = wanted["json"], _json(asked.body)
    if "form" in wanted:
        expected["form"] = {name: [str(text)] for name, text in wanted["form"].items()}
        found["form"] = _form(asked.body.decode())
    if "body" in wanted:
        expected["body"], found["body"] = wanted["body"], asked.body.decode()
    return [
        f"{part}: expected {text!r}, but was asked {found[part]!r}"
        for part, text in expected.items()
        if text != found[part]
    ]


def is_signed(asked: Asked, *, secret: str, service: str, region: str) -> bool:
    """Whether what arrived is what was signed, as AWS finds it out: by signing it once more."""
    given = asked.headers.get("authorization", "")
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d+)/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([\w;-]+), Signature=[0-9a-f]{64}",
        given,
    )
    if found is None or (found[3], found[4]) != (region, service):
        return False
    parts = urlsplit(asked.url)
    now = datetime.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    own = ("host", "x-amz-date", "x-amz-security-token")
    request = Signed(
        method=asked.method,
        host=asked.headers["host"],
        path=parts.path,
        query=parts.query,
        headers={name: asked.headers[name] for name in found[5].split(";") if name not in own},
        content=asked.body,
    )
    token = asked.headers.get("x-amz-security-token", "")
    keys = Keys(access_key_id=found[1], secret_access_key=secret, session_token=token)
    return signature(request, keys, region, service, now)["Authorization"] == given


def _form(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True, strict_parsing=bool(text))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


class Transport(httpx.AsyncBaseTransport):
    """The exchanges, instead of the network."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = Asked(request.method, str(request.url), dict(request.headers), await request.aread())
        assert request.extensions["timeout"]["connect"] is not None, "a request without a limit"
        answer = self._recorded.answer(asked)
        match answer.instead:
            case "refuse":
                raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
            case "stall":
                await asyncio.Event().wait()
            case "drip" | "cut" | "endless":
                return httpx.Response(200, content=_broken(answer.instead), request=request)
        headers = list(answer.headers.items())
        return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)


async def _broken(how: str) -> AsyncIterator[bytes]:
    yield b"{"
    if how == "cut":
        raise httpx.ReadError("reset by peer")
    if how == "drip":
        await asyncio.Event().wait()
    for _ in range(TOO_MUCH // len(CHUNK)):
        yield CHUNK
    raise AssertionError("the answer was read on and on")


CHUNK = b"x" * 65_536
TOO_MUCH = 16 * MAX_BYTES
"""Of an answer without end, more than anybody needs to see that it has none."""
