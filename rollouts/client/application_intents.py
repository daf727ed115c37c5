"""What a user wants of an application, as the object to create and the patches that say it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rollouts.api.meta import API_VERSION, Object
from rollouts.client.application_view import REFRESH, ApplicationView
from rollouts.client.errors import Refused
from rollouts.client.intents import Patch
from rollouts.gitops.tracking import IN_CLUSTER
from rollouts.kube.resources import APPLICATIONS

CASCADE = "resources-finalizer.argocd.argoproj.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """An application to create."""

    name: str
    repo: str
    path: str = "."
    revision: str = "HEAD"
    """A branch, a tag or a commit."""
    dest_namespace: str = ""
    dest_server: str = IN_CLUSTER
    project: str = "default"
    automated: bool = False
    prune: bool = False
    """Automated sync also deletes what Git no longer has."""
    self_heal: bool = False
    """Automated sync also undoes changes made in the cluster."""
    sync_options: tuple[str, ...] = ()


def create(new: NewApplication, namespace: str) -> Object:
    """Write the Application object.

    Raises:
        Refused: prune or self-heal without automated sync, or a sync option that is no `name=value`.
    """
    if (new.prune or new.self_heal) and not new.automated:
        raise Refused("pruning and self-healing are parts of automated sync; add: --sync-policy automated")
    for option in new.sync_options:
        if "=" not in option:
            raise Refused(f'sync option "{option}" has no value; write it like CreateNamespace=true')
    policy: Object = {}
    if new.automated:
        flags = {"prune": new.prune, "selfHeal": new.self_heal}
        policy["automated"] = {name: True for name, on in flags.items() if on}
    if new.sync_options:
        policy["syncOptions"] = [*new.sync_options]
    spec: Object = {
        "project": new.project,
        "source": {"repoURL": new.repo, "path": new.path, "targetRevision": new.revision},
        "destination": {"server": new.dest_server, "namespace": new.dest_namespace},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": APPLICATIONS.kind,
        "metadata": {"name": new.name, "namespace": namespace},
        "spec": {**spec, "syncPolicy": policy} if policy else spec,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What to sync, and how."""

    revision: str = ""
    """A commit, branch or tag in place of the application's own targetRevision."""
    prune: bool = False
    dry_run: bool = False
    resources: tuple[str, ...] = ()
    """`group:Kind:name` or `group:Kind:namespace/name` each; all resources without it."""
    user: str = ""


def sync(application: ApplicationView, request: SyncRequest) -> tuple[Patch, ...]:
    """Ask for a sync.

    Raises:
        Refused: one is asked for or under way already, or a resource is not spelled right.
    """
    wanted: Object = {}
    if request.revision:
        wanted["revision"] = request.revision
    if request.prune:
        wanted["prune"] = True
    if request.dry_run:
        wanted["dryRun"] = True
    if request.resources:
        wanted["resources"] = [_resource(text) for text in request.resources]
    options = (application.spec.get("syncPolicy") or {}).get("syncOptions")
    if options:
        wanted["syncOptions"] = options
    return _operate(application, wanted, request.user)


def rollback(
    application: ApplicationView, id: int | None = None, *, prune: bool = False, user: str = ""
) -> tuple[Patch, ...]:
    """Ask for a sync to a deployment of the past; without an id, to the one before the last.

    With automated sync on, the engine holds that revision until Git is at another commit.

    Raises:
        Refused: there is no such entry in the history, or a sync is under way.
    """
    entry = find(application, id)
    wanted: Object = {"revision": entry["revision"]}
    if entry.get("source"):
        wanted["source"] = entry["source"]
    if prune:
        wanted["prune"] = True
    return _operate(application, wanted, user)


def find(application: ApplicationView, id: int | None) -> Object:
    """Find an entry of the history; without an id, the one before the last.

    Raises:
        Refused: there is none; the message lists what there is.
    """
    history = application.history
    if id is None:
        if len(history) < 2:
            raise Refused(f"application {application.name} has no deployment before the last one")
        return history[-2]
    for entry in history:
        if entry.get("id") == id:
            return entry
    there = ", ".join(str(entry.get("id")) for entry in history) or "none"
    raise Refused(f"application {application.name} has no deployment {id} in its history; it has: {there}")


def refresh(kind: Literal["normal", "hard"] = "normal") -> tuple[Patch, ...]:
    """Ask for a comparison with Git now; `hard` forgets what is cached."""
    return (Patch(body={"metadata": {"annotations": {REFRESH: kind}}}, resource=APPLICATIONS),)


def before_delete(application: ApplicationView, *, cascade: bool) -> tuple[Patch, ...]:
    """Say whether the resources go with the application."""
    seen: Sequence[str] = application.raw["metadata"].get("finalizers") or ()
    others = [f for f in seen if not f.startswith(CASCADE)]
    wanted = [*others, CASCADE] if cascade else others
    if sorted(wanted) == sorted(seen):
        return ()
    return (Patch(body={"metadata": {"finalizers": wanted}}, resource=APPLICATIONS),)


def _operate(application: ApplicationView, wanted: Object, user: str) -> tuple[Patch, ...]:
    if application.busy:
        raise Refused(
            f"application {application.name} is being synced already; "
            f"wait for it with: rollouts app wait {application.name} --operation"
        )
    operation: Object = {"sync": wanted}
    if user:
        operation["initiatedBy"] = {"username": user}
    return (Patch(body={"operation": operation}, resource=APPLICATIONS),)


def _resource(text: str) -> Object:
    parts = text.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise Refused(f'"{text}" is no resource; write it like apps:Deployment:web, or :Service:shop/web')
    group, kind, name = parts
    namespace, _, name = name.rpartition("/")
    resource = {"group": group, "kind": kind, "name": name}
    return {**resource, "namespace": namespace} if namespace else resource
