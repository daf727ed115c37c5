"""`authentication` of a metric, put into a request: basic, or a token by OAuth 2."""

from dataclasses import replace

import httpx

from analysis.providers.http import Request, basic
from analysis.providers.oauth import token
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import Authentication


async def authenticated(
    request: Request, authentication: Authentication, transport: httpx.AsyncBaseTransport | None = None
) -> Request:
    """The request with the credentials that the metric asks for.

    Raises:
        TokenRefused: there is no token.
        InvalidSpec: AWS signatures are asked for, which are not made.
    """
    wanted = authentication
    refuse_signatures(wanted)
    if wanted.oauth2.token_url:
        bearer = await token(wanted.oauth2, request, transport)
        return request.with_headers({"Authorization": f"Bearer {bearer}"})
    if wanted.basic_auth is not None:
        password = wanted.basic_auth.password
        header = {"Authorization": basic(wanted.basic_auth.username, password)}
        return replace(request, secrets=(*request.secrets, password)).with_headers(header)
    return request


def refuse_signatures(authentication: Authentication) -> None:
    """See that nothing is asked for that is not done.

    Raises:
        InvalidSpec: AWS signatures are.
    """
    if authentication.sigv4.region or authentication.sigv4.profile or authentication.sigv4.role_arn:
        raise InvalidSpec(
            "authentication.sigv4", "is not supported; put a signing proxy before the server, or use headers"
        )
