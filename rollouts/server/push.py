"""What a Git server says of a push: from headers and a payload to repository and ref. Pure."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rollouts.api.meta import Object

_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")


class Refused(Exception):
    """The request is not a push that is acted on. `status` is the HTTP status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A push, as far as it matters here."""

    urls: tuple[str, ...]
    """The repository, in every spelling that the server gives."""
    refs: tuple[str, ...]
    """What moved: `refs/heads/main`, or the plain name; nothing means that anything may have."""
    default_branch: str = ""
    """Empty where the server does not say."""


def read_push(
    headers: Mapping[str, str], body: bytes, payload: Any, secrets: Mapping[str, str]
) -> Push | None:
    """Find the server by its headers, check its signature, and read the push; None for a ping.

    Gogs comes before GitHub, because Gitea and Forgejo send the headers of both.

    Args:
        headers: with names in lower case.
        body: as it came, for the signature.
        payload: the body as JSON.
        secrets: `webhook.github.secret` and its like; a server without one is believed, since the most that
            a push can do is to have a repository looked at.

    Raises:
        Refused: the signature is wrong, or the payload is no push.
    """
    if not isinstance(payload, dict):
        raise Refused(400, "the payload must be a JSON object")
    if "x-vss-activityid" in headers:
        raise Refused(400, "pushes of Azure DevOps are not supported yet; send {repoURL, ref} instead")
    if "x-gogs-event" in headers:
        _signed(secrets, "gogs", body, headers.get("x-gogs-signature", ""))
        return _github(payload, headers["x-gogs-event"])
    if "x-github-event" in headers:
        _signed(secrets, "github", body, headers.get("x-hub-signature-256", "").removeprefix("sha256="))
        return _github(payload, headers["x-github-event"])
    if "x-gitlab-event" in headers:
        _equal(secrets.get("webhook.gitlab.secret"), headers.get("x-gitlab-token", ""))
        return _gitlab(payload)
    if "x-hook-uuid" in headers:
        _equal(secrets.get("webhook.bitbucket.uuid"), headers["x-hook-uuid"])
        return _bitbucket(payload)
    if "x-event-key" in headers:
        _signed(secrets, "bitbucketserver", body, headers.get("x-hub-signature", "").removeprefix("sha256="))
        return None if headers["x-event-key"] == "diagnostics:ping" else _bitbucket_server(payload)
    return _plain(payload)


def concerns(push: Push, spec: Object) -> bool:
    """Whether a push may have moved what an Application's source is at."""
    source = spec.get("source") or {}
    url = str(source.get("repoURL") or "")
    if not url or canonical(url) not in {canonical(pushed) for pushed in push.urls}:
        return False
    moved = {ref.removeprefix("refs/heads/").removeprefix("refs/tags/") for ref in push.refs}
    target = str(source.get("targetRevision") or "HEAD")
    if not moved:
        return True
    if target == "HEAD":
        return not push.default_branch or push.default_branch in moved
    return target.removeprefix("refs/heads/").removeprefix("refs/tags/") in moved


def canonical(url: str) -> str:
    """A repository without what differs between its spellings: scheme, user, port, `.git`."""
    text = url.strip().lower().rstrip("/").removesuffix(".git")
    if "://" not in text:
        match = _SCP_LIKE.fullmatch(text)
        return f"{_host(match[1])}/{match[2].lstrip('/')}" if match else text
    try:
        parts = urlsplit(text)
    except ValueError:
        return text  # as somebody wrote it; it fits no Application's
    if parts.scheme == "file":
        return text
    return f"{_host(parts.hostname or '')}/{parts.path.lstrip('/')}"


def _host(name: str) -> str:
    """Servers offer SSH over port 443 under a name of its own."""
    return name.removeprefix("altssh.").removeprefix("ssh.")


def _github(payload: Object, event: str) -> Push | None:
    if event == "ping":
        return None
    if event != "push":
        raise Refused(400, f'event "{event[:40]}" is not acted on; send push events')
    repository = _object(payload, "repository")
    return _push(
        (repository.get(key) for key in ("clone_url", "html_url", "ssh_url", "git_url")),
        (payload.get("ref"),),
        repository.get("default_branch"),
    )


def _gitlab(payload: Object) -> Push:
    project = _object(payload, "project")
    return _push(
        (project.get(key) for key in ("git_http_url", "git_ssh_url", "web_url")),
        (payload.get("ref"),),
        project.get("default_branch"),
    )


def _bitbucket(payload: Object) -> Push:
    repository = _object(payload, "repository")
    changes = _mappings(_object(payload, "push").get("changes"))
    return _push(
        (_mapping(_mapping(repository.get("links")).get("html")).get("href"),),
        (_mapping(change.get("new") or change.get("old")).get("name") for change in changes),
        _mapping(repository.get("mainbranch")).get("name"),
    )


def _bitbucket_server(payload: Object) -> Push:
    links = _mapping(_object(payload, "repository").get("links"))
    return _push(
        (link.get("href") for link in _mappings(links.get("clone"))),
        (
            _mapping(change.get("ref")).get("id") or change.get("refId")
            for change in _mappings(payload.get("changes"))
        ),
        None,
    )


def _plain(payload: Object) -> Push:
    url = payload.get("repoURL")
    if not isinstance(url, str) or not url:
        raise Refused(400, "no Git server's headers, and no repoURL; send {repoURL, ref}")
    return _push((url,), (payload.get("ref"),), None)


def _push(urls: Any, refs: Any, default_branch: Any) -> Push:
    found = tuple(url for url in urls if isinstance(url, str) and url)
    if not found:
        raise Refused(400, "the payload names no repository")
    return Push(
        urls=found,
        refs=tuple(ref for ref in refs if isinstance(ref, str) and ref),
        default_branch=default_branch if isinstance(default_branch, str) else "",
    )


def _object(payload: Object, key: str) -> Object:
    value = payload.get(key)
    if not isinstance(value, dict):
        raise Refused(400, f"the payload has no {key}")
    return value


def _mapping(value: Any) -> Object:
    """A payload is whatever somebody sent: what is no mapping says nothing."""
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _signed(secrets: Mapping[str, str], server: str, body: bytes, signature: str) -> None:
    secret = secrets.get(f"webhook.{server}.secret")
    if not secret:
        return
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), _bytes(signature)):
        raise Refused(401, "the signature is missing or does not fit the secret")


def _equal(secret: str | None, given: str) -> None:
    if secret and not hmac.compare_digest(secret.encode(), _bytes(given)):
        raise Refused(401, "the token is missing or wrong")


def _bytes(header: str) -> bytes:
    """A header as it came: what is not UTF-8 arrives as surrogates."""
    return header.encode(errors="surrogateescape")
