"""The sync loop: makes a namespace what a folder of Git says, and remembers what its rollouts concluded.

A pass reads Git's revision, renders it, compares it with what lives, lets automated sync decide, carries an
operation on, and writes the status. It waits for nothing: an operation that is not over is carried on in a
later pass, and a newer commit supersedes an automated one.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from rollouts.api.application_status import ApplicationStatus
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.meta import Object, dump
from rollouts.controller import application_report as report
from rollouts.controller.application_delete import delete
from rollouts.controller.application_observe import (
    REFRESH,
    Seen,
    see,
    status_of,
    tracked_key,
    tracked_name,
)
from rollouts.controller.application_revert import Reverts
from rollouts.controller.application_work import Parts, Work, ask, pinned
from rollouts.controller.reconciler import Clock, Key, KeysOf, key_of
from rollouts.controller.status import difference
from rollouts.gitops.cluster import Cluster
from rollouts.gitops.desired import Desired
from rollouts.gitops.tracking import TRACKING_ID
from rollouts.kube import resources as kinds
from rollouts.kube.client import Client
from rollouts.kube.errors import Forbidden
from rollouts.kube.events import Recorder
from rollouts.kube.resources import APPLICATIONS
from rollouts.kube.store import Index, Store

SKIP = "argocd.argoproj.io/skip-reconcile"
_WATCHED = (
    kinds.ROLLOUTS,
    kinds.ANALYSIS_TEMPLATES,
    kinds.SERVICES,
    kinds.INGRESSES,
    kinds.HTTP_ROUTES,
    kinds.DEPLOYMENTS,
    kinds.CONFIG_MAPS,
    kinds.APPLICATIONS,
)
"""Managed kinds whose changes are seen at once; the others are looked at with every poll."""
_UNREACHED = timedelta(seconds=30)
"""The longest wait for a repository that did not answer."""


class ApplicationReconciler:
    """Reconciles Applications.

    Args:
        client: reads and writes.
        store: what the watches have shown.
        recorder: tells the user.
        clock: the time.
        desired: what Git says.
        control_namespace: Applications there are tracked by their name alone, as Argo CD does in its own.
    """

    resource = APPLICATIONS

    def __init__(
        self,
        client: Client,
        store: Store,
        recorder: Recorder,
        clock: Clock,
        *,
        desired: Desired,
        control_namespace: str = "rollouts-system",
    ) -> None:
        store.keep(_BY_PROJECT)
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._control = control_namespace
        self._parts = Parts(
            client=client, cluster=Cluster(client, store, frozenset(_WATCHED)), desired=desired
        )
        self._reverts = Reverts(desired, recorder)

    def watches(self) -> Mapping[kinds.Resource, KeysOf]:
        """Managed objects concern the Application that tracks them, a project those that belong to it."""
        return {**dict.fromkeys(_WATCHED, self._owner), kinds.APP_PROJECTS: self._members}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Make one pass."""
        raw = self._store.get(APPLICATIONS, key.name, key.namespace)
        if raw is None:
            self._parts.desired.forget(str(key))
            self._reverts.forget(key)
            return None
        if raw["metadata"].get("deletionTimestamp"):
            name = tracked_name(key, self._control)
            return await delete(self._parts.client, self._parts.cluster, raw, name)
        if (raw["metadata"].get("annotations") or {}).get(SKIP) == "true":
            return None
        try:
            seen = see(raw, key, self._store, self._control, self._clock())
        except InvalidSpec as error:
            await self._conclude_nothing(raw, "InvalidSpecError", str(error))
            return None
        return await self._pass(seen)

    async def _pass(self, seen: Seen) -> timedelta | None:
        desired, key = self._parts.desired, str(seen.key)
        if refresh := seen.annotations.get(REFRESH):
            desired.forget(key, hard=refresh == "hard")
        try:
            revision = await desired.head(key, seen.source, seen.asker, seen.now)
            head = await ask(self._parts, seen, revision)
            pin = pinned(seen, revision)
            effective = await ask(self._parts, seen, pin) if pin else head
        except (InvalidSpec, Unavailable) as error:
            await self._conclude_nothing(seen.raw, "ComparisonError", str(error))
            return desired.next_poll(key, seen.source, seen.now) or min(desired.interval, _UNREACHED)
        note = self._reverts.note(seen.key, revision)
        try:
            done = await Work(self._parts, seen, head, effective, note).run()
        except (Forbidden, InvalidSpec) as error:
            message = str(error)
            if isinstance(error, Forbidden):
                message += "; give the engine's ServiceAccount the role rollouts-sync, or add the kind to it"
            await self._conclude_nothing(seen.raw, "ComparisonError", message)
            return desired.next_poll(key, seen.source, seen.now) or min(desired.interval, _UNREACHED)
        self._tell(done.raw, seen.app.status, done.status)
        again = await self._reverts.consider(seen, done.raw, done.status)
        return done.again_after if again is None else min(again, done.again_after)

    async def _conclude_nothing(self, raw: Object, type_: str, message: str) -> None:
        """Say why what Git says is not known; an operation that is asked for is refused for it too."""
        before = status_of(raw)
        now = self._clock()
        after = report.unknown(before, [(type_, message)], now)
        patch: Object = {}
        if raw.get("operation"):
            patch["operation"] = None
            after = report.refused(after, raw["operation"], message, now)
        if changed := difference(raw.get("status") or {}, dump(after)):
            patch["status"] = changed
        annotations = raw["metadata"].get("annotations") or {}
        if not patch and REFRESH not in annotations:
            return
        metadata = raw["metadata"]
        patch["metadata"] = {"resourceVersion": metadata["resourceVersion"]}
        if REFRESH in annotations:
            patch["metadata"]["annotations"] = {REFRESH: None}
        await self._parts.client.patch(APPLICATIONS, metadata["name"], patch, metadata.get("namespace", ""))
        self._tell(raw, before, after)

    def _tell(self, raw: Object, before: ApplicationStatus, after: ApplicationStatus) -> None:
        """Events of what a pass changed."""
        for reason, message, kind in report.news(before, after):
            self._recorder.record(raw, reason, message, kind)

    def _owner(self, obj: Object) -> Iterable[Key]:
        tracking = (obj["metadata"].get("annotations") or {}).get(TRACKING_ID)
        return (tracked_key(str(tracking).partition(":")[0], self._control),) if tracking else ()

    def _members(self, project: Object) -> Iterable[Key]:
        return map(key_of, self._store.find(_BY_PROJECT, key_of(project)))


def _project(raw: Object) -> tuple[Key]:
    name = (raw.get("spec") or {}).get("project") or "default"
    return (Key(raw["metadata"].get("namespace", ""), name),)


_BY_PROJECT = Index(APPLICATIONS, _project)
