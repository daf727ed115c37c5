"""Refuses experiments by name: none of their fields is acted on yet, and none may be ignored."""

from collections.abc import Mapping
from datetime import timedelta

from rollouts.controller.invalid import REASON, refused
from rollouts.controller.labels import mine
from rollouts.controller.reconciler import Clock, Key, KeysOf
from rollouts.controller.status import write_status
from rollouts.kube.client import Client
from rollouts.kube.events import Recorder
from rollouts.kube.resources import EXPERIMENTS, Resource
from rollouts.kube.store import Store

_MESSAGE = ".spec: experiments are not run yet; remove the object"
_COMPLETED = frozenset({"Successful", "Failed", "Error", "Inconclusive"})


class ExperimentReconciler:
    """Tells whoever made an experiment that nothing will come of it."""

    resource: Resource = EXPERIMENTS

    def __init__(
        self, client: Client, store: Store, recorder: Recorder, clock: Clock, *, instance_id: str = ""
    ) -> None:
        self._client = client
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._instance_id = instance_id

    def watches(self) -> Mapping[Resource, KeysOf]:
        return {}

    async def reconcile(self, key: Key) -> timedelta | None:
        obj = self._store.get(EXPERIMENTS, key.name, key.namespace)
        if obj is None or "deletionTimestamp" in obj["metadata"] or not mine(obj, self._instance_id):
            return None
        # One that has ended, perhaps under another engine, keeps what came of it.
        if (obj.get("status") or {}).get("phase") in _COMPLETED:
            return None
        status = {**refused(obj, _MESSAGE, self._clock()), "phase": "Error"}
        status.pop("observedGeneration", None)  # an experiment's status has none
        if await write_status(self._client, EXPERIMENTS, obj, status):
            self._recorder.record(obj, REASON, _MESSAGE, "Warning")
        return None
