"""How the cluster differs from Git, found out in this process and with the user's own access to both."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rollouts.api.application import Application
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.api.validation import parse
from rollouts.client.application_view import ApplicationView
from rollouts.gitops.diff import Difference, differences
from rollouts.gitops.ownership import Owners, carry_over, owners
from rollouts.gitops.render import render
from rollouts.gitops.repository import Repositories
from rollouts.gitops.tracking import GIT_REVISION, TRACKING_ID, Ref, ref_of
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import Resource

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
    """Render the application's source and compare each object with the cluster.

    Args:
        client: where the objects live.
        application: whose source.
        revision: a branch, tag or commit in place of the target revision.

    Raises:
        InvalidSpec: the source does not render.
        Unavailable: the repository does not answer.
    """
    source = parse(Application, application.raw).spec.source
    if source is None:
        raise InvalidSpec(".spec.source", f"application {application.name} has no single Git source")
    repositories = Repositories(_cache())
    sha = await repositories.resolve(source.repo_url, revision or source.target_revision or "HEAD")
    commit = await repositories.fetch(source.repo_url, sha)
    rendered = await render(commit, source, application=application.name, namespace=application.destination)
    resources = await _resources(client, rendered.objects)
    targets = [_placed(o, resources.get(_kind(o)), application.destination) for o in rendered.objects]
    limit = asyncio.Semaphore(_AT_ONCE)

    async def live(target: Object) -> Object | None:
        async with limit:
            return await _live(client, resources.get(_kind(target)), target)

    pairs = list(zip(targets, await asyncio.gather(*map(live, targets)), strict=True))
    by = owners([*(there for _, there in pairs if there), *targets])
    found = (_compare(target, there, by) for target, there in pairs)
    return (*(d for d in found if d is not None), *_extra(application, targets))


def _compare(target: Object, live: Object | None, by: Owners) -> ObjectDifference | None:
    ref = ref_of(target)
    if live is None:
        return _of(ref, missing="cluster")
    fields = differences(_marked(carry_over(target, live, by), live), live)
    return _of(ref, fields=fields) if fields else None


def _of(ref: Ref, *, missing: str = "", fields: tuple[Difference, ...] = ()) -> ObjectDifference:
    return ObjectDifference(
        group=ref.group,
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        missing=missing,
        fields=fields,
    )


def _extra(application: ApplicationView, targets: Iterable[Object]) -> tuple[ObjectDifference, ...]:
    """What the last sync knew and this revision does not have."""
    wanted = {ref_of(target) for target in targets}
    known = (
        Ref(r.get("group", ""), r.get("kind", ""), r.get("namespace", ""), r.get("name", ""))
        for r in application.resources
    )
    return tuple(_of(ref, missing="Git") for ref in sorted(known) if ref not in wanted)


def _marked(target: Object, live: Object) -> Object:
    """With the marks that a sync leaves on every object, so that they are no difference."""
    annotations = live["metadata"].get("annotations") or {}
    marks = {key: annotations[key] for key in (TRACKING_ID, GIT_REVISION) if key in annotations}
    if not marks:
        return target
    metadata = target["metadata"]
    return {
        **target,
        "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **marks}},
    }


def _kind(item: Object) -> tuple[str, str]:
    return item["apiVersion"], item["kind"]


def _placed(item: Object, resource: Resource | None, namespace: str) -> Object:
    metadata = item["metadata"]
    if resource is None or not resource.namespaced or metadata.get("namespace"):
        return item
    return {**item, "metadata": {**metadata, "namespace": namespace}}


async def _live(client: Client, resource: Resource | None, target: Object) -> Object | None:
    if resource is None:
        return None
    metadata = target["metadata"]
    try:
        found = await client.get(resource, metadata["name"], metadata.get("namespace", ""))
    except NotFound:
        return None
    return {"apiVersion": resource.api_version, "kind": resource.kind, **found}


async def _resources(client: Client, objects: Iterable[Object]) -> dict[tuple[str, str], Resource]:
    """How the cluster serves the kinds of these objects; a kind that it does not know is left out."""
    found: dict[tuple[str, str], Resource] = {}
    for api_version in sorted({o["apiVersion"] for o in objects}):
        group, _, version = api_version.rpartition("/")
        try:
            answer = await client.raw(f"/apis/{api_version}" if group else f"/api/{version}")
        except NotFound:
            continue
        for served in answer["resources"]:
            if "/" not in served["name"]:
                found[api_version, served["kind"]] = Resource(
                    group, version, served["kind"], served["name"], served["namespaced"]
                )
    return found


def _cache() -> Path:
    """Mirrors of repositories, which can be thrown away at any time."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "rollouts" / "git"
