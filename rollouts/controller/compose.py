"""Puts the controllers together, the same for a real cluster and for virtual time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from analysis.providers.registry import registry
from rollouts import plugins
from rollouts.api.meta import Object
from rollouts.api.rollout_status import RolloutDuration
from rollouts.controller.analysisrun import AnalysisRunReconciler
from rollouts.controller.experiment import ExperimentReconciler
from rollouts.controller.manager import Manager, Observer
from rollouts.controller.observe import kept_of_pod
from rollouts.controller.ownwrites import Tracking
from rollouts.controller.reconciler import Clock, Reconciler
from rollouts.controller.rollout import RolloutReconciler
from rollouts.controller.services import ServiceReconciler
from rollouts.controller.settings import RESYNC
from rollouts.kube.client import Client
from rollouts.kube.events import Recorder
from rollouts.kube.resources import DEPLOYMENTS, PODS, Resource
from rollouts.kube.store import Store, Writer

Extra = Callable[[Client, Store, Recorder, Clock], Sequence[Reconciler]]
"""Makes more reconcilers over the same parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The controllers, ready to run."""

    store: Writer
    recorder: Recorder
    manager: Manager

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.recorder.run(), name="events")
            group.create_task(self.manager.run(), name="manager")


def compose(
    client: Client,
    clock: Clock,
    *,
    namespace: str = "",
    instance_id: str = "",
    resync: timedelta = RESYNC,
    store: Writer | None = None,
    extra: Extra | None = None,
    on_pass: Observer | None = None,
    on_event: Callable[[Object, str, str], None] | None = None,
    on_end: Callable[[RolloutDuration], None] | None = None,
) -> Parts:
    """Make the reconcilers of rollouts, what belongs to them, and what `extra` adds.

    Raises:
        PluginError: an installed plugin cannot be used.
    """
    store = store if store is not None else Writer()
    tracked = Client(Tracking(client.transport))
    recorder = Recorder(client, clock, on_record=on_event)
    installed = plugins.install()
    providers = registry(tracked, clock, installed.providers(tracked, clock))
    core: list[Reconciler] = [
        RolloutReconciler(tracked, store, recorder, clock, instance_id=instance_id, on_end=on_end),
        AnalysisRunReconciler(tracked, store, recorder, clock, providers=providers, instance_id=instance_id),
        ServiceReconciler(tracked, store, instance_id=instance_id),
        ExperimentReconciler(tracked, store, recorder, clock, instance_id=instance_id),
    ]
    more = extra(tracked, store, recorder, clock) if extra is not None else ()
    manager = Manager(
        client,
        store,
        [*core, *more],
        namespace=namespace,
        # An installation without the sync loop's rights still has a rollout loop, and one of an earlier
        # version has no right to look at Deployments.
        optional=(_kinds(more) - _kinds(core)) | {DEPLOYMENTS},
        resync=resync,
        keep={PODS: kept_of_pod},
        observer=on_pass,
    )
    return Parts(store=store, recorder=recorder, manager=manager)


def _kinds(reconcilers: Sequence[Reconciler]) -> frozenset[Resource]:
    """Every kind that these reconcilers look at."""
    return frozenset(kind for each in reconcilers for kind in (each.resource, *each.watches()))
