"""Which pods the proxy may be sending requests to right now, by its own word."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from rollouts.embedded.proxy.model import Cluster, Endpoint

QUIET = 0.4
"""Seconds that a pod lives on without being in force: requests that are on their way arrive, and it shows
whether Envoy was just about to be told of the pod."""


class InForce:
    """The endpoints that Envoy has confirmed, and while it is being told others, both."""

    def __init__(self) -> None:
        self._endpoints: frozenset[Endpoint] = frozenset()
        self._changed = asyncio.Event()

    def telling(self, clusters: Iterable[Cluster]) -> None:
        """Envoy is about to be told of these."""
        self._set(self._endpoints | _of(clusters))

    def told(self, clusters: Iterable[Cluster]) -> None:
        """Envoy has said yes to these."""
        self._set(_of(clusters))

    async def without(self, concerned: Callable[[Endpoint], bool]) -> None:
        """Return once none of the endpoints concerned has been in force for QUIET."""
        clock = asyncio.get_running_loop().time
        free_at = clock() + QUIET
        while clock() < free_at:
            changed = self._changed
            held = any(map(concerned, self._endpoints))
            with suppress(TimeoutError):
                async with asyncio.timeout_at(None if held else free_at):
                    await changed.wait()
            if held:
                free_at = clock() + QUIET

    def _set(self, endpoints: frozenset[Endpoint]) -> None:
        if endpoints != self._endpoints:
            self._endpoints = endpoints
            self._changed.set()
            self._changed = asyncio.Event()


def _of(clusters: Iterable[Cluster]) -> frozenset[Endpoint]:
    return frozenset(endpoint for cluster in clusters for endpoint in cluster.endpoints)
