"""OAuth 2.0 client credentials (RFC 6749, 4.4): a token for a provider's own requests."""

from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx

from analysis.providers.http import HttpFailed, Request, basic, fetch_json
from rollouts.api.errors import Unavailable
from rollouts.api.providers import OAuth2Config

_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class TokenRefused(Unavailable):
    """There is no token; the message says why and holds no credentials."""


async def token(
    wanted: OAuth2Config, purpose: Request, transport: httpx.AsyncBaseTransport | None = None
) -> str:
    """A new token.

    The client's credentials go into the header, and where the server refuses that, into the form: some know
    only one of the two, and upstream tries both.

    Args:
        wanted: Where to get it, and with which credentials.
        purpose: The request that it is for, whose limits hold here too.
        transport: Instead of the network.

    Raises:
        TokenRefused: the token server is down, slow, or refuses.
    """
    form = {"grant_type": "client_credentials", "scope": " ".join(wanted.scopes)}
    # RFC 6749, 2.3.1: encoded as in a form before they become a user name and a password.
    header = basic(quote_plus(wanted.client_id), quote_plus(wanted.client_secret))
    try:
        try:
            answer = await _ask(wanted, purpose, form, {"Authorization": header}, transport)
        except HttpFailed as failure:
            if failure.status not in (400, 401):
                raise
            in_form = {**form, "client_id": wanted.client_id, "client_secret": wanted.client_secret}
            answer = await _ask(wanted, purpose, in_form, {}, transport)
    except HttpFailed as failure:
        raise TokenRefused(_reason(failure)) from None
    found = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found:
        raise TokenRefused("the token server is of no use: its answer has no access_token")
    return found


async def _ask(
    wanted: OAuth2Config,
    purpose: Request,
    form: dict[str, str],
    headers: dict[str, str],
    transport: httpx.AsyncBaseTransport | None,
) -> Any:
    request = Request(
        url=wanted.token_url,
        method="POST",
        headers={**_FORM, **headers},
        content=urlencode({name: text for name, text in form.items() if text}).encode(),
        timeout=purpose.timeout,
        insecure=purpose.insecure,
        secrets=(wanted.client_secret,),
    )
    return await fetch_json(request, transport)


def _reason(failure: HttpFailed) -> str:
    """Why there is no token, without what the server said: that may well be one."""
    match failure.outcome:
        case "http_error":
            return f"the token server answered {failure.status}"
        case "response_error":
            return "the token server is of no use: its answer is too long, or not JSON"
        case _:
            return f"the token server is of no use: {failure}"
