"""Gives Services back when the rollout that pointed them at one revision is gone."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from rollouts.api.meta import Object
from rollouts.controller import references
from rollouts.controller.labels import MANAGED_BY, POD_HASH, mine
from rollouts.controller.reconciler import Key, KeysOf, key_of
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import ROLLOUTS, SERVICES, Resource
from rollouts.kube.store import Index, Store


class ServiceReconciler:
    """Takes the hash out of the selector of a Service whose rollout is deleted or names it no more."""

    resource: Resource = SERVICES

    def __init__(self, client: Client, store: Store, *, instance_id: str = "") -> None:
        self._client = client
        self._store = store
        self._instance_id = instance_id
        store.keep(_BY_MANAGER)

    def watches(self) -> Mapping[Resource, KeysOf]:
        return {ROLLOUTS: self._of_rollout}

    async def reconcile(self, key: Key) -> timedelta | None:
        service = self._store.get(SERVICES, key.name, key.namespace)
        if service is None or not self._abandoned(service):
            return None
        patch = {
            "metadata": {
                "annotations": {MANAGED_BY: None},
                # Another rollout may adopt it at this very moment.
                "resourceVersion": service["metadata"]["resourceVersion"],
            },
            "spec": {"selector": {POD_HASH: None}},
        }
        try:
            await self._client.patch(SERVICES, key.name, patch, key.namespace)
        except NotFound:
            return None
        return None

    def _abandoned(self, service: Object) -> bool:
        metadata = service["metadata"]
        manager = (metadata.get("annotations") or {}).get(MANAGED_BY)
        if not manager:
            return False
        rollout = self._store.get(ROLLOUTS, manager, metadata.get("namespace", ""))
        if rollout is None:
            # Another instance's services are its own to give back; their rollout would have had its label.
            return not self._instance_id
        strategy = references.strategy_of(rollout)
        return mine(rollout, self._instance_id) and not references.mentions(strategy, metadata["name"])

    def _of_rollout(self, rollout: Object) -> Iterable[Key]:
        return map(key_of, self._store.find(_BY_MANAGER, key_of(rollout)))


def _manager(service: Object) -> tuple[Key, ...]:
    name = (service["metadata"].get("annotations") or {}).get(MANAGED_BY)
    return (Key(service["metadata"].get("namespace", ""), name),) if name else ()


_BY_MANAGER = Index(SERVICES, _manager)
"""Services by the rollout that points them at one revision."""
