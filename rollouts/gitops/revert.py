"""Commits the revert of a rejected revision and pushes it, where an Application asks for it.

Never by force, and only while the rejected commit is the newest of its branch: what somebody committed
after it may be the cure.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.gitops.credentials import Credentials
from rollouts.gitops.repository import Commit, Repositories, check_revision, check_url

ON_REJECT = "rollouts.argoproj.io/on-reject"
"""Additive annotation of an Application; `revert` asks for this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A commit to revert, and where."""

    url: str
    target: str
    """The Application's targetRevision; it must be a branch, or `HEAD`."""
    revision: str
    why: str
    """Goes into the commit message."""


async def revert(repositories: Repositories, rejected: Rejected, credentials: Credentials) -> str:
    """Revert a commit on its branch and push; the credentials must allow it.

    Returns:
        The new commit.

    Raises:
        InvalidSpec: the commit cannot be reverted here; says why and what to do.
        Unavailable: the repository did not answer or refused the push.
    """
    check_url(rejected.url)
    check_revision(rejected.target)
    branch = await _branch(repositories, rejected, credentials)
    commit = await repositories.fetch(rejected.url, rejected.revision, credentials)
    async with repositories.at_work(commit):
        return await _reverted(repositories, rejected, commit, branch, credentials)


async def _reverted(
    repositories: Repositories, rejected: Rejected, commit: Commit, branch: str, credentials: Credentials
) -> str:
    commit.work.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="revert-", dir=commit.work)).resolve()
    tree = folder / "tree"

    async def in_mirror(*arguments: str) -> str:
        return await repositories.run_in(rejected.url, commit.git_dir, credentials, *arguments)

    async def in_tree(*arguments: str) -> str:
        return (await repositories.run_in(rejected.url, tree, credentials, *arguments)).strip()

    try:
        await in_mirror("worktree", "add", "--quiet", "--detach", "--", str(tree), rejected.revision)
        new = await _commit(in_tree, rejected)
        # Without force: the server refuses it if anybody was faster.
        await in_tree("push", "--quiet", "--", rejected.url, f"{new}:refs/heads/{branch}")
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await in_mirror("worktree", "prune")
    return new


async def _branch(repositories: Repositories, rejected: Rejected, credentials: Credentials) -> str:
    """The branch that the rejected commit is the newest of."""
    name = (rejected.target or "HEAD").removeprefix("refs/heads/")
    listing = await repositories.run_in(
        rejected.url, repositories.cache, credentials, "ls-remote", "--quiet", "--symref", "--", rejected.url
    )
    refs: dict[str, str] = {}
    for line in listing.splitlines():
        value, _, ref = line.partition("\t")
        if not value.startswith("ref: "):
            refs[ref] = value
        elif name == ref == "HEAD":
            name = value.removeprefix("ref: refs/heads/")
    at = refs.get(f"refs/heads/{name}")
    short = rejected.revision[:7]
    if at is None:
        raise InvalidSpec(
            ".spec.source.targetRevision",
            f'"{rejected.target}" is no branch, and only a branch can be reverted; revert {short} by hand',
            rejected.target,
        )
    if at != rejected.revision:
        raise InvalidSpec(
            f'.metadata.annotations["{ON_REJECT}"]',
            f"branch {name} has moved on to {at[:7]}; revert {short} by hand if that is still needed",
            at,
        )
    return name


async def _commit(git: Callable[..., Awaitable[str]], rejected: Rejected) -> str:
    short = rejected.revision[:7]
    parents = (await git("rev-list", "--parents", "-n", "1", rejected.revision)).split()[1:]
    if not parents:
        raise InvalidSpec(".spec.source", f"{short} is the first commit; there is nothing to go back to")
    main_line = ("-m", "1") if len(parents) > 1 else ()
    try:
        await git("revert", "--no-edit", *main_line, rejected.revision)
        message = await git("log", "-1", "--format=%B")
        await git("commit", "--quiet", "--amend", "-m", f"{message}\n\nRejected: {rejected.why}")
    except Unavailable as error:
        raise InvalidSpec(
            ".spec.source", f"{short} cannot be reverted by itself ({error}); revert it by hand"
        ) from error
    return await git("rev-parse", "HEAD")
