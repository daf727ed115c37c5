"""AWS Signature Version 4, in headers.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, tested with the
vectors that AWS publishes.
"""

import hashlib
import hmac
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import httpx

from analysis.providers.http import Request

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Credentials of AWS."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    """Of temporary credentials."""

    def hidden(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(filter(None, (self.secret_access_key, self.session_token)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The parts of a request that a signature covers, as they go over the wire."""

    method: str
    host: str
    """With its port, if that is not the scheme's own."""
    path: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """The further headers to cover."""
    content: bytes = b""


def signature(request: Signed, keys: Keys, region: str, service: str, now: datetime) -> dict[str, str]:
    """The headers that sign a request."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": stamp}
    if keys.session_token:
        added["X-Amz-Security-Token"] = keys.session_token
    covered = {
        name.lower(): re.sub(" +", " ", text.strip())
        for name, text in {**request.headers, "host": request.host, **added}.items()
    }
    names = ";".join(sorted(covered))
    canonical = "\n".join(
        (
            request.method,
            _path(request.path),
            _query(request.query),
            *(f"{name}:{covered[name]}" for name in sorted(covered)),
            "",
            names,
            hashlib.sha256(request.content).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signed = _hmac(key, text).hex()
    credential = f"Credential={keys.access_key_id}/{scope}"
    added["Authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signed}"
    return added


def signed(request: Request, keys: Keys, region: str, service: str, now: datetime) -> Request:
    """The request with the headers that sign it; the keys are never shown."""
    url = httpx.URL(request.url)
    path, _, query = url.raw_path.decode().partition("?")
    covered = {
        name: text
        for name, text in request.headers.items()
        if name.lower() == "content-type" or name.lower().startswith("x-amz-")
    }
    parts = Signed(
        method=request.method,
        host=url.netloc.decode(),
        path=path,
        query=query,
        headers=covered,
        content=request.content,
    )
    return replace(request, secrets=(*request.secrets, *keys.hidden())).with_headers(
        signature(parts, keys, region, service, now)
    )


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _path(path: str) -> str:
    """The path without dots and empty parts, encoded once more than on the wire."""
    plain = posixpath.normpath(re.sub("/+", "/", f"/{path}"))
    if path.endswith("/") and plain != "/":
        plain += "/"
    return quote(plain, safe="/-_.~")


def _query(query: str) -> str:
    """The query in the order of its names, every character encoded that can be."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join(
        f"{name}={text}" for name, text in sorted((_encoded(n), _encoded(t)) for n, _, t in pairs)
    )


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")
