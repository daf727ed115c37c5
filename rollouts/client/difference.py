"""How the cluster differs from Git, found out in this process and with the user's own access to both."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rollouts.api.application import Application
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.api.validation import parse
from rollouts.client.application_view import ApplicationView
from rollouts.gitops import tracking
from rollouts.gitops.cluster import Cluster
from rollouts.gitops.diff import Difference
from rollouts.gitops.plan import Resource, Targets, compare, prepare
from rollouts.gitops.render import render
from rollouts.gitops.repository import Repositories
from rollouts.gitops.tracking import Ref
from rollouts.kube.client import Client
from rollouts.kube.store import Store

_AT_ONCE = 8
"""Objects that are read at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDifference:
    """How one object differs. With no fields it is missing on one side."""

    group: str
    kind: str
    namespace: str
    name: str
    missing: str = ""
    """`cluster` or `Git`, where the object is not there at all."""
    fields: tuple[Difference, ...] = ()
    """Values of Secrets are masked."""


async def difference(
    client: Client, application: ApplicationView, revision: str = ""
) -> tuple[ObjectDifference, ...]:
    """Render the application's source and compare each object with the cluster, as the engine does.

    Args:
        client: where the objects live.
        application: whose source.
        revision: a branch, tag or commit in place of the target revision.

    Raises:
        InvalidSpec: the source does not render.
        Unavailable: the repository does not answer.
    """
    spec = parse(Application, {**application.raw, "status": {}}).spec
    source = spec.source
    if source is None:
        raise InvalidSpec(".spec.source", f"application {application.name} has no single Git source")
    repositories = Repositories(_cache())
    sha = await repositories.resolve(source.repo_url, revision or source.target_revision or "HEAD")
    commit = await repositories.fetch(source.repo_url, sha)
    rendered = await render(commit, source, application=application.name, namespace=application.destination)
    cluster = Cluster(client, Store())
    scopes = await cluster.scopes(rendered.objects)

    def targets(name: str) -> Targets:
        return prepare(
            name, rendered.objects, application.destination, lambda o: scopes[o["apiVersion"], o["kind"]]
        )

    live = await _live(cluster, {**_known(application), **_versions(targets(application.name))})
    name = _tracked_name(application, live.values())
    comparison = compare(name, targets(name).objects, live, spec.ignore_differences)
    return tuple(_told(resource) for resource in comparison.resources if resource.status != "Synced")


def _told(resource: Resource) -> ObjectDifference:
    ref = resource.ref
    missing = "Git" if resource.target is None else "cluster" if resource.live is None else ""
    return ObjectDifference(
        group=ref.group,
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        missing=missing,
        fields=resource.differences,
    )


def _known(application: ApplicationView) -> dict[Ref, str]:
    """What the last sync knew, and the API version of each."""
    found: dict[Ref, str] = {}
    for entry in application.resources:
        group, version = entry.get("group", ""), entry.get("version", "")
        ref = Ref(group, entry.get("kind", ""), entry.get("namespace", ""), entry.get("name", ""))
        found[ref] = f"{group}/{version}" if group else version
    return found


def _versions(targets: Targets) -> dict[Ref, str]:
    return {ref: target["apiVersion"] for ref, target in targets.objects.items()}


async def _live(cluster: Cluster, versions: Mapping[Ref, str]) -> dict[Ref, Object]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def read(ref: Ref, version: str) -> Object | None:
        async with limit:
            return await cluster.read(version, ref)

    found = await asyncio.gather(*(read(ref, version) for ref, version in versions.items()))
    return {ref: live for ref, live in zip(versions, found, strict=True) if live is not None}


def _tracked_name(application: ApplicationView, live: Iterable[Object]) -> str:
    """The name in tracking annotations; with its namespace in front, unless that is the engine's own."""
    long = f"{application.namespace}_{application.name}"
    return long if any(tracking.tracks(long, item) for item in live) else application.name


def _cache() -> Path:
    """Mirrors of repositories, which can be thrown away at any time."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "rollouts" / "git"
