"""An access token of Google Cloud: by the key of a service account, or by the machine's own account."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from analysis.providers.http import HttpFailed, Request, fetch_json
from analysis.providers.oneshot import Failed

METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
"""Answers on nodes of Google Cloud, also for pods with a workload identity."""
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = timedelta(hours=1)
"""The longest that is allowed; the token is used once."""


async def access_token(
    key: str, scope: str, now: datetime, transport: httpx.AsyncBaseTransport | None = None
) -> str:
    """A new token.

    Args:
        key: A service account's key in JSON, as Google hands it out; none for the machine's own account.
        scope: What the token is for.
        now: The time.
        transport: Instead of the network.

    Raises:
        Failed: the key is none, or there is no token.
    """
    request = (
        _asking(key, scope, now) if key else Request(url=METADATA, headers={"Metadata-Flavor": "Google"})
    )
    try:
        answer = await fetch_json(request, transport)
    except HttpFailed as failure:
        hint = "" if key else "; outside Google Cloud name a Secret with serviceAccountKey in secretRef"
        what = f"answered {failure.status}" if failure.outcome == "http_error" else str(failure)
        raise Failed(f"the token server of Google Cloud: {what}{hint}") from None
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise Failed("the token server of Google Cloud: the answer has no access_token")
    return token


def _asking(key: str, scope: str, now: datetime) -> Request:
    """The request with a signed assertion (RFC 7523) in place of a password."""
    # Imported here: it takes 8 MB, of a controller that has next to never such a key.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    try:
        account = json.loads(key)
        issuer, pem = str(account["client_email"]), str(account["private_key"])
        target = str(account.get("token_uri") or TOKEN_URI)
        private = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm, RecursionError):
        private = None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Failed("serviceAccountKey is no key of a service account in JSON; get a new one")
    start = int(now.timestamp())
    claims = {
        "iss": issuer,
        "scope": scope,
        "aud": target,
        "iat": start,
        "exp": start + int(_LIFE.total_seconds()),
    }
    header = {"alg": "RS256", "typ": "JWT", "kid": str(account.get("private_key_id") or "")}
    signed = f"{_part(header)}.{_part(claims)}"
    signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assertion = f"{signed}.{_encoded(signature)}"
    return Request(
        method="POST",
        url=target,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        content=urlencode({"grant_type": _GRANT, "assertion": assertion}).encode(),
        secrets=(pem, assertion),
    )


def _part(claims: dict[str, Any]) -> str:
    return _encoded(json.dumps(claims, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
