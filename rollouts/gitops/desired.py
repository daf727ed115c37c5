"""What Git says, for every Application: resolves, fetches and renders, and remembers the answers.

A branch is asked for anew when its time has come; a commit is rendered once, whether it renders or not.
"""

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.application_source import ApplicationSource
from rollouts.api.errors import InvalidSpec
from rollouts.gitops.credentials import SECRET_TYPE, Credentials, find
from rollouts.gitops.mirror import DamagedMirror
from rollouts.gitops.render import Rendered, render
from rollouts.gitops.repository import Repositories
from rollouts.kube.client import Client
from rollouts.kube.errors import Forbidden
from rollouts.kube.resources import SECRETS

_REMEMBERED = 512
"""Renderings that are kept."""
_BUILDS = 4
"""Kustomizations that are built at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The Application that asks."""

    name: str
    namespace: str
    """Where its objects go."""
    project: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    sha: str
    at: datetime


class Desired:
    """Git, as Applications ask for it.

    Args:
        repositories: the mirrors.
        client: reads the Secrets that open repositories.
        namespace: where those Secrets are.
        interval: how long an answer about a branch holds; up to half of it is added, different for each
            Application, so that they do not all ask at once. Argo CD's 120 s plus up to 60 s by default.
    """

    def __init__(
        self,
        repositories: Repositories,
        client: Client,
        namespace: str,
        *,
        interval: timedelta = timedelta(seconds=120),
    ) -> None:
        self.repositories = repositories
        self._client = client
        self._namespace = namespace
        self.interval = interval
        self._answers: dict[tuple[str, str, str], _Answer] = {}
        self._rendered: OrderedDict[tuple[str, ...], Rendered | InvalidSpec] = OrderedDict()
        self._builds = asyncio.Semaphore(_BUILDS)

    def asked_at(self, key: str, source: ApplicationSource) -> datetime | None:
        """When the answer about a branch was had; None if there is none."""
        answer = self._answers.get(_question(key, source))
        return answer.at if answer is not None else None

    def next_poll(self, key: str, source: ApplicationSource, now: datetime) -> timedelta:
        """How long the answer about a branch still holds; nothing if there is none."""
        answer = self._answers.get(_question(key, source))
        if answer is None:
            return timedelta()
        return max(timedelta(), answer.at + self.interval + self._jitter(key) - now)

    async def head(
        self, key: str, source: ApplicationSource, asker: Asker, now: datetime, *, refresh: bool = False
    ) -> str:
        """The commit that the source's branch, tag or revision is at.

        Raises:
            InvalidSpec: there is no such repository or revision; says what to do.
            Unavailable: the repository did not answer.
        """
        question = _question(key, source)
        if refresh or not self.next_poll(key, source, now):
            credentials = await self.credentials(source.repo_url, asker.project)
            sha = await self.repositories.resolve(source.repo_url, source.target_revision, credentials)
            self._answers[question] = _Answer(sha, now)
        return self._answers[question].sha

    async def commit(self, source: ApplicationSource, revision: str, asker: Asker) -> str:
        """The commit that a revision named in an operation stands for.

        Raises:
            InvalidSpec: there is no such revision.
            Unavailable: the repository did not answer.
        """
        credentials = await self.credentials(source.repo_url, asker.project)
        return await self.repositories.resolve(source.repo_url, revision, credentials)

    async def rendered(self, source: ApplicationSource, sha: str, asker: Asker) -> Rendered:
        """The manifests of a source at a commit.

        Raises:
            InvalidSpec: it does not render; says why.
            Unavailable: the repository did not answer, or the build took too long.
        """
        form = source.model_dump_json(exclude_defaults=True)
        key = (form, sha, asker.name, asker.namespace, asker.project)
        known = self._rendered.get(key)
        if known is None:
            known = await self._render(source, sha, asker)
            self._rendered[key] = known
            if len(self._rendered) > _REMEMBERED:
                self._rendered.popitem(last=False)
        self._rendered.move_to_end(key)
        if isinstance(known, InvalidSpec):
            raise known
        return known

    async def credentials(self, url: str, project: str) -> Credentials:
        """What opens a repository.

        Raises:
            InvalidSpec: the Secret asks for what is not supported.
        """
        try:
            listing = await self._client.list(SECRETS, self._namespace, label_selector=SECRET_TYPE)
        except Forbidden:  # a controller without Secrets serves public repositories
            return find((), url, project)
        return find(listing.get("items") or (), url, project)

    def forget(self, key: str, *, hard: bool = False) -> None:
        """Drop what is known about an Application's branches; with `hard`, every rendering too."""
        for question in [q for q in self._answers if q[0] == key]:
            del self._answers[question]
        if hard:
            self._rendered.clear()

    async def _render(self, source: ApplicationSource, sha: str, asker: Asker) -> Rendered | InvalidSpec:
        async with self._builds:
            try:
                credentials = await self.credentials(source.repo_url, asker.project)
                commit = await self.repositories.fetch(source.repo_url, sha, credentials)
                try:
                    return await render(commit, source, application=asker.name, namespace=asker.namespace)
                except DamagedMirror:
                    await self.repositories.forget(source.repo_url, credentials)
                    raise
            except InvalidSpec as error:
                return error

    def _jitter(self, key: str) -> timedelta:
        share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32
        return self.interval / 2 * share


def _question(key: str, source: ApplicationSource) -> tuple[str, str, str]:
    return key, source.repo_url, source.target_revision
