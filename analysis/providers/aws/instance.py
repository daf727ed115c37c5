"""Credentials that AWS hands to containers, pods (EKS Pod Identity) and machines, from an address near by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from analysis.providers.aws.signing import Keys
from analysis.providers.http import HttpFailed, Request, fetch, fetch_json
from rollouts.api.errors import Unavailable

ECS = "http://169.254.170.2"
IMDS = "http://169.254.169.254"
TIMEOUT = 2.0
"""Seconds: these addresses are near, or nobody is there."""

_NEAR = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost", "127.0.0.1", "::1"})
"""Hosts that get the container's token without TLS, as in AWS's own tools."""


class NoneGiven(Unavailable):
    """The surroundings give no credentials; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the controller runs."""

    environ: Mapping[str, str]
    transport: httpx.AsyncBaseTransport | None = None

    async def container(self) -> Keys | None:
        """What the container is given; None where the environment names no address.

        Raises:
            NoneGiven: the address does not answer with credentials, or must not be asked.
        """
        relative = self.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        full = self.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not relative and not full:
            return None
        url = f"{ECS}{relative}" if relative else str(full)
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _NEAR:
            raise NoneGiven(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI: must be https, or an address of the machine itself"
            )
        token = self._container_token()
        request = Request(
            url=url, timeout=TIMEOUT, direct=True, headers={"Authorization": token} if token else {}
        )
        return await self._keys(request)

    def _container_token(self) -> str:
        path = self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if not path:
            return self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as failure:
            raise NoneGiven(f"{path} cannot be read: {type(failure).__name__}") from None

    async def machine(self) -> Keys | None:
        """What the machine's role gives (IMDSv2); None where it is turned off, or no such machine answers.

        Raises:
            NoneGiven: the machine answers, and has no role.
        """
        if self.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        base = self.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", IMDS).rstrip("/")
        asked = Request(
            url=f"{base}/latest/api/token",
            method="PUT",
            headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
            timeout=TIMEOUT,
            direct=True,
        )
        try:
            token = (await fetch(asked, self.transport)).decode("ascii", "replace").strip()
        except HttpFailed:
            return None
        roles = f"{base}/latest/meta-data/iam/security-credentials/"
        headers = {"X-aws-ec2-metadata-token": token}
        request = Request(url=roles, headers=headers, timeout=TIMEOUT, direct=True)
        try:
            named = (await fetch(request, self.transport)).decode("ascii", "replace").split()
        except HttpFailed as failure:
            raise NoneGiven(f"the machine has no role: {failure}") from None
        if not named:
            raise NoneGiven("the machine has no role")
        return await self._keys(
            Request(url=f"{roles}{named[0]}", headers=headers, timeout=TIMEOUT, direct=True)
        )

    async def _keys(self, request: Request) -> Keys:
        try:
            # Not the message of a failure to read it: that quotes what may well be keys.
            found = await fetch_json(request, self.transport)
        except HttpFailed as failure:
            reason = "its answer is not JSON" if failure.outcome == "response_error" else str(failure)
            raise NoneGiven(f"no credentials from {request.url}: {reason}") from None
        texts = [found.get(key) if isinstance(found, dict) else None for key in _FIELDS]
        if not all(isinstance(text, str) and text for text in texts):
            raise NoneGiven(f"no credentials from {request.url}: it names none")
        key_id, secret, token = map(str, texts)
        return Keys(access_key_id=key_id, secret_access_key=secret, session_token=token)


_FIELDS = ("AccessKeyId", "SecretAccessKey", "Token")
