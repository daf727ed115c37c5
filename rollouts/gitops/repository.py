"""Repositories, mirrored. The `git` command does what touches the network; `rollouts.gitops.tree` reads.

One bare repository for each URL and Secret lies in the cache folder. It holds nothing that could not be
fetched again: a mirror that is damaged is thrown away.
"""

import asyncio
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.gitops import mirror, process
from rollouts.gitops.credentials import NONE, Credentials, environment

_SHA = re.compile(r"[0-9a-f]{40}")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,39}")
_SCP_LIKE = re.compile(r"[\w.-]+@[\w.-]+:(?!//)[\w./~-]+")
_PROTOCOLS = ("https", "ssh", "git", "file")
# What git itself refuses as a ref, and a leading dash, which would read as an option.
_BAD_REVISION = re.compile(r"^-|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock$|/$|^/|\.$")
_LONGEST_REVISION = 255


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that the mirror holds."""

    git_dir: Path
    sha: str

    @property
    def work(self) -> Path:
        """Where folders to work in are made; what is left there is removed at the next start."""
        return self.git_dir.parent.parent / "work"


class Repositories:
    """Finds and fetches commits; fetches of one repository at the same time become one."""

    def __init__(self, cache: Path, *, timeout: float = 60.0, git: str = "git") -> None:
        """Keep mirrors under `cache`; `timeout` is in seconds, for each conversation with a server."""
        self.cache = cache.resolve()
        self._timeout = timeout
        self._git = git
        self._locks: dict[Path, asyncio.Lock] = {}
        self._swept = False

    async def resolve(self, url: str, revision: str = "HEAD", credentials: Credentials = NONE) -> str:
        """The commit that a branch, a tag, `HEAD` or a commit's own name stands for right now.

        Raises:
            InvalidSpec: the URL or the revision cannot be one, or there is no such revision.
            Unavailable: the repository did not answer, or refused.
        """
        check_url(url)
        mirror.refuse_own(self.cache, url)
        check_revision(revision)
        if _SHA.fullmatch(revision):
            return revision
        name = revision or "HEAD"
        listing = await self._run(url, credentials, "ls-remote", "--quiet", "--", url)
        lines = (line.partition("\t") for line in listing.splitlines())
        refs = {ref: sha for sha, _, ref in lines if _SHA.fullmatch(sha)}
        if not refs:
            raise InvalidSpec(".spec.source.repoURL", f"repository {url} is empty; push a commit to it", url)
        candidates = (name, f"refs/heads/{name}", f"refs/tags/{name}^{{}}", f"refs/tags/{name}")
        for candidate in candidates:
            # `HEAD` is listed by its own name, others only as refs: a branch `v1` wins over a tag `v1`.
            if candidate in refs and (candidate == "HEAD" or candidate.startswith("refs/")):
                return refs[candidate]
        if _ABBREVIATED.fullmatch(name):
            return await self._complete(url, name, credentials)
        branches = sorted(ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/"))
        raise InvalidSpec(
            ".spec.source.targetRevision",
            f'"{name}" is neither a branch nor a tag nor a commit of {url}; its branches are '
            f"{', '.join(branches[:10])}",
            name,
        )

    async def fetch(self, url: str, sha: str, credentials: Credentials = NONE) -> Commit:
        """See that a commit is in the mirror.

        Raises:
            InvalidSpec: the repository has no such commit.
            Unavailable: the repository did not answer, or refused.
        """
        check_url(url)
        mirror.refuse_own(self.cache, url)
        git_dir = self._mirror(url, credentials)
        async with self._lock(git_dir):
            if not await self._has(git_dir, sha):
                await self._download_soundly(url, git_dir, credentials)
                if not await self._has(git_dir, sha) and not await self._fetch_one(
                    url, git_dir, sha, credentials
                ):
                    raise InvalidSpec(
                        ".spec.source.targetRevision", f"{url} has no commit {sha} on any branch or tag", sha
                    )
        return Commit(git_dir, sha)

    async def run_in(self, url: str, folder: Path, credentials: Credentials, *arguments: str) -> str:
        """Run `git` with the credentials of a repository, in a folder (the mirror, or a work tree of it)."""
        return await self._run(url, credentials, *arguments, cwd=folder)

    def at_work(self, commit: Commit) -> asyncio.Lock:
        """Held while something else than a fetch writes to the mirror of a commit."""
        return self._lock(commit.git_dir)

    async def forget(self, url: str, credentials: Credentials = NONE) -> None:
        """Throw a mirror away; the next fetch begins anew."""
        git_dir = self._mirror(url, credentials)
        async with self._lock(git_dir):
            await asyncio.to_thread(mirror.remove, git_dir)

    async def _download_soundly(self, url: str, git_dir: Path, credentials: Credentials) -> None:
        """Download; into a mirror made anew, if the one that is there is damaged."""
        await asyncio.to_thread(mirror.clear, git_dir, self._timeout)
        await asyncio.to_thread(mirror.sweep, self.cache)
        try:
            await self._download(url, git_dir, credentials)
        except mirror.DamagedMirror:
            await asyncio.to_thread(mirror.remove, git_dir)
            await self._download(url, git_dir, credentials)

    async def _download(self, url: str, git_dir: Path, credentials: Credentials) -> None:
        if not (git_dir / "HEAD").exists():
            git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            await self._run(url, credentials, "init", "--quiet", "--bare", "--", str(git_dir), cwd=self.cache)
        await self._run(
            url,
            credentials,
            "fetch",
            "--quiet",
            "--force",
            "--prune",
            "--no-tags",
            "--no-recurse-submodules",
            "--",
            url,
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
            cwd=git_dir,
        )

    async def _fetch_one(self, url: str, git_dir: Path, sha: str, credentials: Credentials) -> bool:
        """Ask for a commit that no ref reaches any more; servers may refuse."""
        try:
            await self._run(url, credentials, "fetch", "--quiet", "--no-tags", "--", url, sha, cwd=git_dir)
        except Unavailable:
            return False
        return await self._has(git_dir, sha)

    async def _complete(self, url: str, abbreviated: str, credentials: Credentials) -> str:
        git_dir = self._mirror(url, credentials)
        async with self._lock(git_dir):
            await self._download_soundly(url, git_dir, credentials)
        finished = await self._start(
            NONE,
            url,
            ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{abbreviated}^{{commit}}"),
            git_dir,
        )
        sha = finished.output.decode().strip()
        if finished.code or not _SHA.fullmatch(sha):
            raise InvalidSpec(
                ".spec.source.targetRevision",
                f'"{abbreviated}" is no branch, tag or single commit of {url}',
                abbreviated,
            )
        return sha

    async def _has(self, git_dir: Path, sha: str) -> bool:
        if not (git_dir / "HEAD").exists():
            return False
        finished = await self._start(NONE, "", ("cat-file", "-e", f"{sha}^{{commit}}"), git_dir)
        return finished.code == 0

    async def _run(self, url: str, credentials: Credentials, *arguments: str, cwd: Path | None = None) -> str:
        self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._swept:
            self._swept = True
            await asyncio.to_thread(mirror.sweep, self.cache)
        finished = await self._start(credentials, url, arguments, cwd or self.cache)
        if finished.code:
            kind = mirror.DamagedMirror if mirror.is_damage(finished.errors) else Unavailable
            raise kind(
                f"git {arguments[0]} {url}: {_cause(credentials.hide(finished.errors))}{_hint(credentials)}"
            )
        return finished.output.decode(errors="replace")

    async def _start(
        self, credentials: Credentials, url: str, arguments: tuple[str, ...], cwd: Path
    ) -> process.Finished:
        env = {
            **_environment(),
            **environment(credentials, url),
            # A mirror that is none any more must not be taken for the checkout that the cache may lie in.
            "GIT_CEILING_DIRECTORIES": str(self.cache.parent),
        }
        if not credentials.ssh_private_key:
            return await process.run([self._git, *arguments], cwd=cwd, env=env, timeout=self._timeout)
        key = self._key_file(credentials.ssh_private_key)
        env["GIT_SSH_COMMAND"] = f"ssh -i {shlex.quote(str(key))} -o IdentitiesOnly=yes -o BatchMode=yes"
        try:
            return await process.run([self._git, *arguments], cwd=cwd, env=env, timeout=self._timeout)
        finally:
            key.unlink(missing_ok=True)

    def _key_file(self, key: str) -> Path:
        folder = self.cache / "keys"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / os.urandom(12).hex()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key if key.endswith("\n") else f"{key}\n")
        return path.resolve()

    def _mirror(self, url: str, credentials: Credentials) -> Path:
        return mirror.mirror(self.cache, url, credentials.secret)

    def _lock(self, git_dir: Path) -> asyncio.Lock:
        return self._locks.setdefault(git_dir, asyncio.Lock())


def check_url(url: str) -> None:
    """Refuse a URL that `git` could take for something else, or that carries a password.

    Raises:
        InvalidSpec: says what is wrong with it.
    """
    field = ".spec.source.repoURL"
    if not url:
        raise InvalidSpec(field, "is required", url)
    if url.startswith("-") or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise InvalidSpec(field, f'"{url}" is no repository URL', url)
    if _SCP_LIKE.fullmatch(url):
        return
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidSpec(field, f'"{url}" is no repository URL: {error}', url) from error
    if parts.scheme not in _PROTOCOLS or "::" in url.partition("://")[0]:
        raise InvalidSpec(
            field,
            f'"{url}" must begin with {", ".join(f"{p}://" for p in _PROTOCOLS)} or be user@host:path',
            url,
        )
    if parts.password is not None:
        shown = url.replace(f":{parts.password}@", ":***@")
        raise InvalidSpec(
            field, f'"{shown}" holds a password; put it in a Secret labelled as a repository', shown
        )
    if not (parts.path.strip("/") if parts.scheme == "file" else parts.hostname):
        raise InvalidSpec(field, f'"{url}" names no {"folder" if parts.scheme == "file" else "host"}', url)
    if (parts.hostname or "").startswith("-") or (parts.username or "").startswith("-"):
        raise InvalidSpec(field, f'"{url}" is no repository URL', url)


def check_revision(revision: str) -> None:
    """Refuse a revision that cannot be a ref; one that begins with a dash would read as an option.

    Raises:
        InvalidSpec: names the revision.
    """
    if len(revision) > _LONGEST_REVISION or _BAD_REVISION.search(revision):
        raise InvalidSpec(
            ".spec.source.targetRevision",
            f'"{revision[:80]}" cannot be the name of a branch, a tag or a commit',
            revision[:80],
        )


def _environment() -> Mapping[str, str]:
    """Nothing of the user's own configuration, no question on a terminal, no protocol but the four."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "SSL_CERT_FILE", "SSH_AUTH_SOCK")
        if name in os.environ
    }
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {
        **kept,
        **proxies,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": ":".join(_PROTOCOLS),
        "GIT_LFS_SKIP_SMUDGE": "1",
        # Of the commits that revert a rejected revision.
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Rollouts"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "rollouts@localhost"),
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    }


def _cause(errors: str) -> str:
    """The line of git's complaint that says why."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    for line in lines:
        if line.startswith("! ["):  # which ref was refused, and why; the last line only says that one was
            return line.removeprefix("! ")
    for line in lines:
        if line.startswith(("fatal:", "error:", "ERROR:")):
            return line.partition(":")[2].strip()
    return lines[-1] if lines else "no reason given"


def _hint(credentials: Credentials) -> str:
    return f" (with the credentials of Secret {credentials.secret})" if credentials.secret else ""
