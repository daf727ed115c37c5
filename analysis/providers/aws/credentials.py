"""Whose credentials sign a request: the order in which AWS's own tools look, each time anew, none kept."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from analysis.providers.answers import Clock
from analysis.providers.aws.endpoints import service_and_region
from analysis.providers.aws.instance import Surroundings
from analysis.providers.aws.profiles import ProfileUnusable, profile
from analysis.providers.aws.signing import Keys, signed
from analysis.providers.aws.sts import Sts
from analysis.providers.http import Request
from rollouts.api.errors import Unavailable
from rollouts.api.providers import Sigv4Config

_MAX_CHAIN = 5
"""Profiles that name each other as their source."""


class NoCredentials(Unavailable):
    """There is nothing to sign with; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one service in one region, with the credentials of this moment."""

    keys: Keys
    region: str
    service: str
    clock: Clock

    def __call__(self, request: Request) -> Request:
        """The request, signed: nothing that is signed may change any more."""
        return signed(request, self.keys, self.region, self.service, self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """Finds what the controller may sign with."""

    clock: Clock
    environ: Mapping[str, str] | None = None
    transport: httpx.AsyncBaseTransport | None = None

    async def signer(self, wanted: Sigv4Config, url: str, service: str = "") -> Signer:
        """What signs requests to a server.

        Args:
            wanted: Region, profile and role, each of them where the metric names one.
            url: Of the server; its host may tell service and region.
            service: The name that the signature names; by default what the host says.

        Raises:
            NoCredentials: there are none, or no region or service is known.
            Unavailable: what is named as their source does not give them.
        """
        said_service, said_region = service_and_region(urlsplit(url).hostname or "")
        service = service or said_service
        if not service:
            raise NoCredentials(
                "authentication.sigv4: the host does not tell which AWS service it is; "
                "use an address under amazonaws.com"
            )
        region = wanted.region or said_region or self.region(wanted.profile)
        return Signer(await self.keys(wanted, region), region, service, self.clock)

    def region(self, named: str = "") -> str:
        """The region of the environment, or of the profile.

        Raises:
            NoCredentials: neither names one.
            ProfileUnusable: the profile cannot be read.
        """
        environ = self._environ
        if found := environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"):
            return found
        settings = profile(environ, named or environ.get("AWS_PROFILE") or "default") or {}
        if found := settings.get("region"):
            return found
        raise NoCredentials(
            "no AWS region is known: set AWS_REGION for the controller, or authentication.sigv4.region in a "
            "metric that has it"
        )

    async def keys(self, wanted: Sigv4Config, region: str) -> Keys:
        """The keys to sign with.

        Raises:
            NoCredentials: there are none.
            Unavailable: what is named as their source does not give them.
        """
        named = wanted.profile or self._environ.get("AWS_PROFILE", "")
        keys = await self._of_profile(named, region) if named else await self._of_surroundings(region)
        return await self._sts(region).assume(keys, wanted.role_arn) if wanted.role_arn else keys

    async def _of_surroundings(self, region: str) -> Keys:
        if keys := _static(self._environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            return keys
        token_file = self._environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if token_file:
            return await self._web_identity(token_file, self._environ.get("AWS_ROLE_ARN", ""), region)
        if profile(self._environ, "default"):
            return await self._of_profile("default", region)
        around = self._around()
        keys = await around.container() or await around.machine()
        if keys is None:
            raise NoCredentials(
                "no AWS credentials: give the controller a role (AWS_ROLE_ARN and "
                "AWS_WEB_IDENTITY_TOKEN_FILE, Pod Identity, or the machine's), or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY"
            )
        return keys

    async def _of_profile(self, name: str, region: str, depth: int = 0) -> Keys:
        settings = profile(self._environ, name)
        if settings is None:
            raise ProfileUnusable(f'AWS profile "{name}" is in neither of the shared files; add it')
        if depth > _MAX_CHAIN:
            raise ProfileUnusable(f'AWS profile "{name}" is its own source_profile; name another')
        own = _static(settings, "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        role = settings.get("role_arn", "")
        if token_file := settings.get("web_identity_token_file"):
            return await self._web_identity(token_file, role, region)
        if not role:
            if own is None:
                raise ProfileUnusable(f'AWS profile "{name}" holds no keys and no role_arn; add them')
            return own
        source = settings.get("source_profile", "")
        if source == name and own is not None:
            base = own
        elif source:
            base = await self._of_profile(source, region, depth + 1)
        else:
            base = await self._of_source(name, settings.get("credential_source", ""))
        return await self._sts(region).assume(base, role, settings.get("external_id", ""))

    async def _of_source(self, name: str, source: str) -> Keys:
        keys: Keys | None = None
        match source:
            case "Environment":
                keys = _static(
                    self._environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
                )
            case "EcsContainer":
                keys = await self._around().container()
            case "Ec2InstanceMetadata":
                keys = await self._around().machine()
        if keys is None:
            raise ProfileUnusable(
                f'AWS profile "{name}": role_arn needs source_profile, or a credential_source that has '
                f'credentials; got "{source}"'
            )
        return keys

    async def _web_identity(self, token_file: str, role: str, region: str) -> Keys:
        if not role:
            raise NoCredentials("AWS_WEB_IDENTITY_TOKEN_FILE is set, but not AWS_ROLE_ARN; set both")
        try:
            token = Path(token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as failure:
            raise NoCredentials(
                f"AWS_WEB_IDENTITY_TOKEN_FILE: {token_file} cannot be read: {type(failure).__name__}"
            ) from None
        return await self._sts(region).assume_with_web_identity(token, role)

    def _sts(self, region: str) -> Sts:
        return Sts(region=region, environ=self._environ, now=self.clock(), transport=self.transport)

    def _around(self) -> Surroundings:
        return Surroundings(environ=self._environ, transport=self.transport)

    @property
    def _environ(self) -> Mapping[str, str]:
        return os.environ if self.environ is None else self.environ


def _static(settings: Mapping[str, str], key_id: str, secret: str, token: str) -> Keys | None:
    if not settings.get(key_id) or not settings.get(secret):
        return None
    return Keys(
        access_key_id=settings[key_id],
        secret_access_key=settings[secret],
        session_token=settings.get(token, ""),
    )
