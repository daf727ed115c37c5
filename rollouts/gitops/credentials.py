"""Which Secret opens which repository, and how `git` is told without a word on its command line. Pure."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object

SECRET_TYPE = "argocd.argoproj.io/secret-type"  # noqa: S105 - the name of a label
_ACTED_ON = frozenset(
    {"type", "url", "name", "project", "username", "password", "bearerToken", "sshPrivateKey"}
)
_REFUSED = frozenset(
    {
        "tlsClientCertData",
        "tlsClientCertKey",
        "githubAppID",
        "githubAppPrivateKey",
        "gcpServiceAccountKey",
        "proxy",
        "insecure",
        "enableLfs",
        "enableOCI",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What opens a repository. Printing it shows none of it."""

    secret: str = ""
    """Namespace and name of the Secret, for messages."""
    username: str = ""
    password: str = ""
    bearer_token: str = ""
    ssh_private_key: str = ""

    def __repr__(self) -> str:
        return f"Credentials(secret={self.secret!r})"

    def hide(self, text: str) -> str:
        """`text` without any secret that a program may have echoed."""
        for secret in (self.password, self.bearer_token):
            if secret:
                text = text.replace(secret, "***")
        return text


NONE = Credentials()


def find(secrets: Iterable[Object], url: str, project: str = "") -> Credentials:
    """The credentials of a repository: its own Secret, else the longest `repo-creds` prefix of its URL.

    Args:
        secrets: Secrets that carry the label `argocd.argoproj.io/secret-type`.
        url: the repository.
        project: a Secret that names a project serves that project alone.

    Raises:
        InvalidSpec: the Secret that fits asks for something that is not supported; names the key.
    """
    best: tuple[int, Object, dict[str, str]] | None = None
    wanted = normalized(url)
    for secret in secrets:
        data = _decoded(secret)
        if data.get("project") and data["project"] != project:
            continue
        kind = (secret["metadata"].get("labels") or {}).get(SECRET_TYPE)
        own = normalized(data.get("url", ""))
        if kind == "repository" and own == wanted:
            rank = 1 << 20
        elif kind == "repo-creds" and own and _begins(wanted, own):
            rank = len(own)
        else:
            continue
        if best is None or rank > best[0]:
            best = (rank, secret, data)
    if best is None:
        return NONE
    _, secret, data = best
    metadata = secret["metadata"]
    name = f"{metadata.get('namespace', '')}/{metadata['name']}"
    for key in sorted(_REFUSED & data.keys()):
        if data[key] not in ("", "false"):
            raise InvalidSpec(
                f"Secret {name} .data.{key}",
                f"is not supported yet; use {', '.join(sorted(_ACTED_ON - {'type', 'name', 'project'}))}",
            )
    if data.get("type", "git") != "git":
        raise InvalidSpec(f"Secret {name} .data.type", 'only "git" repositories are supported', data["type"])
    return Credentials(
        secret=name,
        username=data.get("username", ""),
        password=data.get("password", ""),
        bearer_token=data.get("bearerToken", ""),
        ssh_private_key=data.get("sshPrivateKey", ""),
    )


def environment(credentials: Credentials, url: str) -> dict[str, str]:
    """The environment in which `git` finds the user and the password, or the token.

    `git` reads configuration from GIT_CONFIG_*, and an extra header scoped to the URL carries the secret:
    unlike an argument it does not show in the process list, and unlike a URL not in an error message.
    Redirects are not followed, so that the header reaches nobody else.
    """
    # A pack is kept as it came: unpacking a large file would compress it once more.
    settings = {
        "http.followRedirects": "false",
        "fetch.unpackLimit": "1",
        # Nothing is at work on a mirror after the command that we wait for.
        "gc.autoDetach": "false",
        "maintenance.autoDetach": "false",
    }
    if not url.startswith("https://"):
        credentials = NONE
    if credentials.bearer_token:
        settings[f"http.{url}.extraHeader"] = f"Authorization: Bearer {credentials.bearer_token}"
    elif credentials.password:
        pair = f"{credentials.username or 'git'}:{credentials.password}"
        settings[f"http.{url}.extraHeader"] = (
            f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
        )
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def normalized(url: str) -> str:
    """A URL as it is compared: lower case, no trailing slash, no `.git`."""
    return url.strip().rstrip("/").removesuffix(".git").lower()


def _begins(url: str, prefix: str) -> bool:
    """Whether a URL begins with a prefix, on the very server of it and not on one that is named alike."""
    if not url.startswith(prefix):
        return False
    scheme, separator, rest = prefix.partition("://")
    whole = "/" in rest if separator else ":" in scheme
    return whole or url[len(prefix) : len(prefix) + 1] in ("", "/", ":" if not separator else "/")


def _decoded(secret: Object) -> dict[str, str]:
    data: Mapping[str, str] = secret.get("data") or {}
    decoded = dict(secret.get("stringData") or {})
    for key, value in data.items():
        try:
            decoded[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue  # not text: no key of ours is anything else
    return decoded
