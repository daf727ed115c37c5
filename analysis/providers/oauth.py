"""OAuth 2.0 client credentials (RFC 6749, 4.4): a token for a provider's own requests."""

import asyncio

import httpx

from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.providers import Authentication


class TokenRefused(Unavailable):
    """There is no token; the message says why and holds no credentials."""


def refuse_unsupported(authentication: Authentication) -> None:
    """See that nothing is asked for that is not done.

    Raises:
        InvalidSpec: AWS signatures are.
    """
    if authentication.sigv4.region or authentication.sigv4.profile or authentication.sigv4.role_arn:
        raise InvalidSpec(
            "authentication.sigv4", "is not supported; put a signing proxy before the server, or use headers"
        )


async def bearer(authentication: Authentication, client: httpx.AsyncClient, timeout: float) -> str:
    """A token, or nothing where none is asked for.

    Raises:
        TokenRefused: the token server is down, slow, or refuses.
    """
    wanted = authentication.oauth2
    if not wanted.token_url:
        return ""
    form = {"grant_type": "client_credentials", "scope": " ".join(wanted.scopes)}
    try:
        async with asyncio.timeout(timeout):
            answer = await client.post(
                wanted.token_url,
                data={name: value for name, value in form.items() if value},
                auth=(wanted.client_id, wanted.client_secret),
            )
        token = answer.json()["access_token"] if answer.is_success else ""
    except (TimeoutError, httpx.TimeoutException):
        raise TokenRefused(f"the token server gave no answer within {timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as failure:
        raise TokenRefused(f"the token server is of no use: {type(failure).__name__}") from None
    if not answer.is_success:
        raise TokenRefused(f"the token server answered {answer.status_code}")
    return str(token)
