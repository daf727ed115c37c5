"""What an Application's pass looks at: the Application itself, its project, and the objects it manages."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from rollouts.api.application import Application
from rollouts.api.application_source import ApplicationSource
from rollouts.api.application_status import ApplicationStatus
from rollouts.api.appproject import AppProject
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.api.validation import parse, validate_application
from rollouts.controller.reconciler import Key
from rollouts.gitops import ignore, render
from rollouts.gitops.cluster import Cluster
from rollouts.gitops.desired import Asker
from rollouts.gitops.options import parse_options
from rollouts.gitops.plan import Comparison, Targets, compare, prepare
from rollouts.gitops.project import check_destination, check_kind, check_namespace, check_project
from rollouts.gitops.repository import check_revision, check_url
from rollouts.gitops.tracking import Ref
from rollouts.kube.resources import APP_PROJECTS
from rollouts.kube.store import Store

PINNED = "rollouts.argoproj.io/pinned-revision"
"""Additive annotation of an Application: what a rollback holds it at."""
PINNED_FROM = "rollouts.argoproj.io/pinned-while"
"""Git's revision at the time of the rollback; the pin ends when Git is at another."""
REFRESH = "argocd.argoproj.io/refresh"
_READS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One Application as a pass sees it."""

    key: Key
    raw: Object
    app: Application
    source: ApplicationSource
    project: AppProject | None
    """None is the default project where nobody has made one: it permits everything."""
    name: str
    """As tracking annotations have it."""
    now: datetime

    @property
    def asker(self) -> Asker:
        """Who asks Git."""
        spec = self.app.spec
        return Asker(
            name=self.app.metadata.name,
            namespace=spec.destination.namespace,
            project=spec.project or "default",
        )

    @property
    def annotations(self) -> Mapping[str, str]:
        """Of the Application."""
        return self.app.metadata.annotations


def tracked_name(key: Key, control_namespace: str) -> str:
    """The name of an Application in tracking annotations: with its namespace, unless that is the engine's."""
    return key.name if key.namespace == control_namespace else f"{key.namespace}_{key.name}"


def tracked_key(name: str, control_namespace: str) -> Key:
    """The Application that a tracking annotation names."""
    namespace, separator, plain = name.partition("_")
    return Key(namespace, plain) if separator else Key(control_namespace, name)


def status_of(raw: Object) -> ApplicationStatus:
    """The status as it was written; one that cannot be read counts as none."""
    try:
        return ApplicationStatus.model_validate(raw.get("status") or {})
    except ValidationError:
        return ApplicationStatus()


def see(raw: Object, key: Key, store: Store, control_namespace: str, now: datetime) -> Seen:
    """Read an Application and refuse what cannot be acted on.

    Raises:
        InvalidSpec: names the field, the value and the remedy.
    """
    app = parse(Application, {name: value for name, value in raw.items() if name != "status"})
    app = app.model_copy(update={"status": status_of(raw)})
    for problem in validate_application(app):
        raise problem
    source = app.spec.source
    if source is None:
        raise InvalidSpec(".spec.source", "is required; name a repository and a folder of it")
    check_url(source.repo_url)
    check_revision(source.target_revision)
    render.check(source)
    check_destination(app.spec)
    ignore.check(app.spec.ignore_differences)
    if app.spec.sync_policy is not None:
        parse_options(app.spec.sync_policy.sync_options, ".spec.syncPolicy.syncOptions")
    project = _project(app, store, key.namespace)
    if project is not None:
        check_project(project, app.spec, source.repo_url)
    return Seen(
        key=key,
        raw=raw,
        app=app,
        source=source,
        project=project,
        name=tracked_name(key, control_namespace),
        now=now,
    )


async def targets(seen: Seen, objects: tuple[Object, ...], cluster: Cluster) -> Targets:
    """What Git says, made the Application's own.

    Raises:
        InvalidSpec: an object cannot be synced, or the project does not permit it.
    """
    scopes = await cluster.scopes(objects)
    found = prepare(
        seen.name,
        objects,
        seen.app.spec.destination.namespace,
        lambda obj: scopes[obj["apiVersion"], obj["kind"]],
    )
    if seen.project is not None:
        for ref in found.objects:
            check_kind(seen.project, ref)
            if ref.namespace:
                check_namespace(seen.project, ref.namespace)
    return found


async def read_live(cluster: Cluster, seen: Seen, wanted: Iterable[Targets]) -> dict[Ref, Object]:
    """The live objects that Git has or had: those of the targets, and those of the status so far."""
    names: dict[Ref, str] = {}
    for entry in seen.app.status.resources:
        version = f"{entry.group}/{entry.version}" if entry.group else entry.version
        names[Ref(entry.group, entry.kind, entry.namespace, entry.name)] = version
    for each in wanted:
        names.update({ref: obj["apiVersion"] for ref, obj in each.objects.items()})
    slots = asyncio.Semaphore(_READS)

    async def read(ref: Ref, version: str) -> Object | None:
        async with slots:
            return await cluster.read(version, ref)

    found = await asyncio.gather(*(read(ref, version) for ref, version in names.items()))
    return {ref: live for ref, live in zip(names, found, strict=True) if live is not None}


def compared(seen: Seen, wanted: Targets, live: Mapping[Ref, Object], *, respect: bool = False) -> Comparison:
    """What Git says beside what lives."""
    return compare(seen.name, wanted.objects, live, seen.app.spec.ignore_differences, respect_ignored=respect)


def _project(app: Application, store: Store, namespace: str) -> AppProject | None:
    name = app.spec.project or "default"
    raw = store.get(APP_PROJECTS, name, namespace)
    if raw is not None:
        return parse(AppProject, raw)
    if name == "default":
        return None
    raise InvalidSpec(
        ".spec.project",
        f'there is no AppProject "{name}" in namespace {namespace}; create it or use default',
        name,
    )
