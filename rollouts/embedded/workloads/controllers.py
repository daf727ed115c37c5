"""All the workload controllers together."""

import asyncio

from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.deployments import Deployments
from rollouts.embedded.workloads.endpointslices import EndpointSlices
from rollouts.embedded.workloads.jobs import Jobs
from rollouts.embedded.workloads.pods import Clock
from rollouts.embedded.workloads.replicasets import ReplicaSets
from rollouts.kube.resources import DEPLOYMENTS, ENDPOINT_SLICES, JOBS, PODS, REPLICA_SETS, SERVICES

RESOURCES = (PODS, REPLICA_SETS, DEPLOYMENTS, JOBS, SERVICES, ENDPOINT_SLICES)
"""The kinds that the cache must hold."""


class Controllers:
    """ReplicaSet, Deployment, Job and EndpointSlice over one cache. Make it before the cache runs."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._loops = (
            ReplicaSets(cache, clock).loop,
            Deployments(cache, clock).loop,
            Jobs(cache, clock).loop,
            EndpointSlices(cache).loop,
        )

    async def run(self) -> None:
        """Work until cancelled, once the cache has seen every kind."""
        await self._cache.synced()
        async with asyncio.TaskGroup() as group:
            for loop in self._loops:
                group.create_task(loop.run())
