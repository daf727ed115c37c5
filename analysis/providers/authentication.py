"""`authentication` of a metric, put into a request: basic, a token by OAuth 2, or an AWS signature."""

from dataclasses import replace

import httpx

from analysis.providers.aws.credentials import Aws
from analysis.providers.http import Request, basic
from analysis.providers.oauth import token
from rollouts.api.providers import Authentication, Sigv4Config


async def authenticated(
    request: Request,
    authentication: Authentication,
    aws: Aws,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Request:
    """The request, complete, with the credentials that the metric asks for.

    Raises:
        TokenRefused: there is no token.
        Unavailable: there is nothing to sign with.
    """
    if authentication.sigv4 != Sigv4Config():
        return (await aws.signer(authentication.sigv4, request.url))(request)
    if authentication.oauth2.token_url:
        bearer = await token(authentication.oauth2, request, transport)
        return request.with_headers({"Authorization": f"Bearer {bearer}"})
    if authentication.basic_auth is not None:
        username, password = authentication.basic_auth.username, authentication.basic_auth.password
        header = {"Authorization": basic(username, password)}
        return replace(request, secrets=(*request.secrets, password)).with_headers(header)
    return request
