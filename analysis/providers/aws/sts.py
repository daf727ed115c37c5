"""AWS Security Token Service: the keys of a role, for other keys or for a web identity.

https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import httpx

from analysis.providers.aws.endpoints import endpoint
from analysis.providers.aws.signing import Keys, signed
from analysis.providers.http import HttpFailed, Request, fetch
from rollouts.api.errors import Unavailable

SESSION = "rollouts-analysis"
"""The name of a session, which CloudTrail shows; AWS_ROLE_SESSION_NAME takes its place."""


class RoleRefused(Unavailable):
    """There are no keys of the role; the message says why and holds no credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sts:
    """The service in a region."""

    region: str
    environ: Mapping[str, str]
    now: datetime
    transport: httpx.AsyncBaseTransport | None = None

    async def assume(self, keys: Keys, role_arn: str, external_id: str = "") -> Keys:
        """The keys of a role that the holder of other keys may assume.

        Raises:
            RoleRefused: there are none.
        """
        form = self._form("AssumeRole", role_arn) | ({"ExternalId": external_id} if external_id else {})
        request = signed(self._request(form, keys.hidden()), keys, self.region, "sts", self.now)
        return await self._ask(request, role_arn)

    async def assume_with_web_identity(self, token: str, role_arn: str) -> Keys:
        """The keys of a role, for a token that a cluster gave a pod.

        Raises:
            RoleRefused: there are none.
        """
        form = self._form("AssumeRoleWithWebIdentity", role_arn) | {"WebIdentityToken": token}
        return await self._ask(self._request(form, (token,)), role_arn)

    def _form(self, action: str, role_arn: str) -> dict[str, str]:
        session = self.environ.get("AWS_ROLE_SESSION_NAME") or SESSION
        return {"Action": action, "Version": "2011-06-15", "RoleArn": role_arn, "RoleSessionName": session}

    def _request(self, form: Mapping[str, str], secrets: tuple[str, ...]) -> Request:
        return Request(
            url=endpoint("sts", "sts", self.region, self.environ) + "/",
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            content=urlencode(form).encode(),
            secrets=secrets,
        )

    async def _ask(self, request: Request, role_arn: str) -> Keys:
        try:
            answer = (await fetch(request, self.transport)).decode("utf-8", "replace")
        except HttpFailed as failure:
            said = _element(failure.detail, "Code"), _element(failure.detail, "Message")
            reason = f"{said[0]}: {said[1]}" if all(said) else str(failure)
            raise RoleRefused(f"AWS role {role_arn} cannot be assumed: {reason}") from None
        keys = Keys(
            access_key_id=_element(answer, "AccessKeyId"),
            secret_access_key=_element(answer, "SecretAccessKey"),
            session_token=_element(answer, "SessionToken"),
        )
        if not (keys.access_key_id and keys.secret_access_key and keys.session_token):
            raise RoleRefused(
                f"AWS role {role_arn} cannot be assumed: the answer of {request.url} has no keys"
            )
        return keys


def _element(xml: str, name: str) -> str:
    """The text of an element. It holds no markup and no entities, so that no parser needs to be trusted."""
    found = re.search(rf"<{name}>\s*([^<&]*?)\s*</{name}>", xml)
    return found[1] if found else ""
