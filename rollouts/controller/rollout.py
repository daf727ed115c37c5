"""The rollout controller: observe, plan, execute, write status, record, requeue."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import strategies
from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutDuration
from rollouts.api.validation import parse, validate_rollout
from rollouts.controller import references, routes, startable, workload
from rollouts.controller.execute import Executor, NameTaken
from rollouts.controller.invalid import REASON, refused
from rollouts.controller.labels import mine
from rollouts.controller.observe import observe
from rollouts.controller.reconciler import Clock, Key, KeysOf, controller_keys, key_of
from rollouts.controller.status import form, write_status
from rollouts.controller.workload import Resolved
from rollouts.kube.client import Client
from rollouts.kube.errors import Forbidden, Invalid
from rollouts.kube.events import Recorder
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    CLUSTER_ANALYSIS_TEMPLATES,
    DEPLOYMENTS,
    HTTP_ROUTES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    Resource,
)
from rollouts.kube.store import Store
from rollouts.routers import ROUTERS
from strategies.duration import ended
from strategies.events import of_actions, with_routes
from strategies.lifecycle import not_created
from strategies.model import Event

_LOOK_AGAIN = timedelta(seconds=20)
"""After which a refused rollout is looked at again, should something outside it have been mended."""


class RolloutReconciler:
    """Brings rollouts to their new revision, or back."""

    resource: Resource = ROLLOUTS

    def __init__(
        self,
        client: Client,
        store: Store,
        recorder: Recorder,
        clock: Clock,
        *,
        instance_id: str = "",
        on_end: Callable[[RolloutDuration], None] | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._instance_id = instance_id
        self._on_end = on_end
        self._judged: dict[Key, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {}
        store.keep(references.BY_NAME)
        store.keep(references.BY_NAME_IN_NAMESPACE)
        store.keep(workload.BY_WORKLOAD)

    def watches(self) -> Mapping[Resource, KeysOf]:
        owned = controller_keys(ROLLOUTS.kind)
        return {
            REPLICA_SETS: lambda obj: (*owned(obj), *self._of_workload(obj, REPLICA_SETS)),
            DEPLOYMENTS: lambda obj: self._of_workload(obj, DEPLOYMENTS),
            ANALYSIS_RUNS: owned,
            PODS: self._of_pod,
            ANALYSIS_TEMPLATES: self._of_reference,
            CLUSTER_ANALYSIS_TEMPLATES: self._of_reference,
            **dict.fromkeys(routes.ROUTE_KINDS.values(), self._of_reference),
            HTTP_ROUTES: self._of_http_route,
        }

    async def reconcile(self, key: Key) -> timedelta | None:
        obj = self._store.get(ROLLOUTS, key.name, key.namespace)
        if obj is None:
            self._judged.pop(key, None)
        if obj is None or "deletionTimestamp" in obj["metadata"] or not mine(obj, self._instance_id):
            return None
        now = self._clock()
        try:
            return await self._advance(obj, now)
        except InvalidSpec as error:
            return await self._refuse(obj, str(error), now)
        except (Forbidden, Invalid, NameTaken) as error:
            # What will not mend itself; what may is tried again without a word.
            self._recorder.record(obj, "ReconciliationError", str(error), "Warning")
            raise

    async def _advance(self, obj: Object, now: datetime) -> timedelta | None:
        source = workload.resolve(self._store, obj)
        rollout = parse(Rollout, source.rollout)
        # What validation finds does not end the pass: an aborted rollout retreats in spite of it.
        seen = observe(self._store, rollout, now, self._problems(obj, rollout, source), source.workload)
        plan = strategies.plan(seen, now)
        executor = Executor(client=self._client, store=self._store, rollout=rollout, seen=seen)
        try:
            done = await executor.run(obj, plan.actions)
            if done.not_created:
                plan = not_created(seen, plan, done.not_created, now)
            await write_status(self._client, ROLLOUTS, done.rollout, form(obj, plan.status))
        except RolloutsError:
            # What was done is not done again; what was decided is decided anew, and told then.
            self._tell(obj, of_actions(seen, tuple(executor.done)), executor.routes)
            raise
        self._tell(obj, plan.events, executor.routes)
        record = ended(rollout.status, plan.status)
        if record is not None and self._on_end is not None:
            self._on_end(record)
        return plan.requeue_after

    def _tell(self, obj: Object, events: tuple[Event, ...], routes: Iterable[Event]) -> None:
        self._welcome(obj)
        for event in with_routes(events, tuple(routes)):
            self._recorder.record(obj, event.reason, event.message, event.type)

    def _problems(self, obj: Object, rollout: Rollout, source: Resolved) -> tuple[str, ...]:
        """What is wrong with the spec, or else with what it refers to.

        What costs as much as a pass, the spec and its templates joined, is judged once for each version.
        """
        metadata, templates = rollout.metadata, startable.versions(self._store, rollout)
        key = Key(metadata.namespace, metadata.name)
        version = metadata.uid, metadata.generation, templates, source.version, source.problems
        before, problems, unstartable = self._judged.get(key, (None, (), ()))
        if before != version:
            written = rollout if source.workload is None else parse(Rollout, obj)
            problems = tuple(str(problem) for problem in validate_rollout(written, plugins=ROUTERS))
            problems = problems or source.problems
            unstartable = () if problems else startable.problems(self._store, rollout)
            self._judged[key] = version, problems, unstartable
        return problems or references.problems(self._store, rollout) or unstartable

    async def _refuse(self, obj: Object, message: str, now: datetime) -> timedelta:
        if await write_status(self._client, ROLLOUTS, obj, refused(obj, message, now)):
            self._welcome(obj)
            self._recorder.record(obj, REASON, message, "Warning")
        return _LOOK_AGAIN

    def _of_workload(self, obj: Object, resource: Resource) -> Iterable[Key]:
        """The rollouts that take their template from a workload."""
        key = key_of(obj)
        found = self._store.find(workload.BY_WORKLOAD, (key.namespace, resource.kind, key.name))
        return map(key_of, found)

    def _welcome(self, obj: Object) -> None:
        """Say once of a rollout that it is known; upstream says so of each whenever its controller starts."""
        if not (obj.get("status") or {}).get("observedGeneration"):
            metadata = obj["metadata"]
            name = f"{metadata.get('namespace', '')}/{metadata['name']}"
            self._recorder.record(
                obj, "RolloutAddedToInformer", f"Rollout resource added to informer: {name}"
            )

    def _of_pod(self, pod: Object) -> Iterable[Key]:
        namespace = pod["metadata"].get("namespace", "")
        for owner in pod["metadata"].get("ownerReferences") or ():
            if owner["kind"] != REPLICA_SETS.kind or not owner.get("controller"):
                continue
            replica_set = self._store.get(REPLICA_SETS, owner["name"], namespace)
            if replica_set is not None:
                yield from controller_keys(ROLLOUTS.kind)(replica_set)

    def _of_http_route(self, route: Object) -> Iterable[Key]:
        """The one kind that a rollout may name in a namespace other than its own."""
        name, namespace = route["metadata"]["name"], route["metadata"]["namespace"]
        for rollout in self._store.find(references.BY_NAME, name):
            here, strategy = key_of(rollout).namespace, references.strategy_of(rollout)
            if here == namespace or references.mentions(strategy, namespace):
                yield key_of(rollout)

    def _of_reference(self, obj: Object) -> Iterable[Key]:
        """The rollouts that name an object anywhere in their strategy, and the one that controls it."""
        key = key_of(obj)
        for owner in controller_keys(ROLLOUTS.kind)(obj):
            if self._store.get(ROLLOUTS, owner.name, owner.namespace) is not None:
                yield owner
        if key.namespace:
            found = self._store.find(references.BY_NAME_IN_NAMESPACE, (key.namespace, key.name))
        else:
            found = self._store.find(references.BY_NAME, key.name)
        yield from map(key_of, found)
