"""A rollout and all that belongs to it, as it changes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from rollouts.api.meta import Object
from rollouts.client.errors import NotThere
from rollouts.kube.client import Client
from rollouts.kube.informer import Informer
from rollouts.kube.resources import ANALYSIS_RUNS, PODS, REPLICA_SETS, ROLLOUTS
from rollouts.kube.store import Store, Writer

_KINDS = (ROLLOUTS, REPLICA_SETS, PODS, ANALYSIS_RUNS)
_SETTLE = 0.1
"""Seconds for which changes are gathered before they are shown together."""


async def follow_family(
    client: Client, name: str, namespace: str, every: float
) -> AsyncGenerator[tuple[Object, ...], None]:
    """Yield the rollout, its ReplicaSets, pods and runs after changes, and at least `every` seconds.

    Raises:
        NotThere: the rollout is deleted.
    """
    store = Writer()
    changed = asyncio.Event()
    informers = [Informer(client, kind, store, namespace=namespace) for kind in _KINDS]
    for informer in informers:
        informer.on_change(lambda _old, _new: changed.set())
    tasks = [asyncio.create_task(informer.run()) for informer in informers]
    try:
        for informer in informers:
            await informer.synced.wait()
        while True:
            changed.clear()
            yield _family(store, name, namespace)
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), every)
                await asyncio.sleep(_SETTLE)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _family(store: Store, name: str, namespace: str) -> tuple[Object, ...]:
    rollout = store.get(ROLLOUTS, name, namespace)
    if rollout is None:
        raise NotThere(f'rollout "{name}" in namespace "{namespace}" is deleted')
    uid = rollout["metadata"]["uid"]
    sets = store.owned(REPLICA_SETS, uid)
    pods = (pod for rs in sets for pod in store.owned(PODS, rs["metadata"]["uid"]))
    return (rollout, *sets, *pods, *store.owned(ANALYSIS_RUNS, uid))
