"""The Git repository of the demo, and the commits that a CI job would make to it."""

import asyncio
import shutil
import time
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from rollouts.api.errors import Unavailable
from rollouts.gitops.images import set_image

# The demo's own identity, so that it neither needs nor reads a user's Git configuration.
_IDENTITY = {
    "GIT_AUTHOR_NAME": "CI",
    "GIT_AUTHOR_EMAIL": "ci@example.com",
    "GIT_COMMITTER_NAME": "CI",
    "GIT_COMMITTER_EMAIL": "ci@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """A pushed commit and when it was pushed, in seconds of the monotonic clock."""

    revision: str
    pushed: float


@dataclass(frozen=True, slots=True)
class Repository:
    """A bare repository, and the clone in which CI works."""

    bare: Path
    clone: Path

    @property
    def url(self) -> str:
        """What an Application's `repoURL` says."""
        return self.bare.resolve().as_uri()

    @staticmethod
    async def create(folder: Path) -> "Repository":
        """Make the repository with the three applications in it, anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        repository = Repository(folder / "gitops.git", folder / "ci")
        await _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(repository.bare))
        await _git(folder, "clone", "--quiet", str(repository.bare), str(repository.clone))
        with as_file(files("rollouts.demo") / "gitops") as manifests:
            shutil.copytree(manifests, repository.clone, dirs_exist_ok=True)
        await _git(repository.clone, "checkout", "--quiet", "-B", "main")
        await repository._commit("The three applications, as they run today")
        return repository

    async def set_image(self, path: str, image: str) -> Commit:
        """Bump an image tag, commit and push, as the CI job of the source document does."""
        await _git(self.clone, "pull", "--quiet", "--rebase", "origin", "main")
        set_image(self.clone / path / "kustomization.yaml", image)
        return await self._commit(f"Deploy {image.rpartition('/')[2]}")

    async def head(self) -> str:
        """The commit at the tip of main, in the repository that the engine reads."""
        return await _git(self.bare, "rev-parse", "main")

    async def subject(self, revision: str) -> str:
        """The first line of a commit's message."""
        return await _git(self.bare, "log", "-1", "--format=%s", revision)

    async def _commit(self, message: str) -> Commit:
        await _git(self.clone, "add", "--all")
        await _git(self.clone, "commit", "--quiet", "-m", message)
        await _git(self.clone, "push", "--quiet", "origin", "main")
        return Commit(await _git(self.clone, "rev-parse", "HEAD"), time.monotonic())


async def _git(folder: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        cwd=folder,
        env={"PATH": _path(), "HOME": str(folder), **_IDENTITY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise Unavailable(f"git {arguments[0]}: {errors.decode(errors='replace').strip()}")
    return output.decode().strip()


def _path() -> str:
    git = shutil.which("git")
    if git is None:
        raise Unavailable("git is not on PATH; install it and try again")
    return f"{Path(git).parent}:/usr/local/bin:/usr/bin:/bin"
