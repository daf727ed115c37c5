"""A gateway in a word: somebody carries every HTTPRoute out, a second after each change, and says so."""

import asyncio
from contextvars import Context

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import HTTP_ROUTES

_DELAY = 1.0
"""Seconds."""


class Gateway:
    """Writes the status of HTTPRoutes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._under_way: set[asyncio.Task[None]] = set()

    def see(self, route: Object) -> None:
        """Take notice of a route as it is now."""
        generation = route["metadata"].get("generation")
        parents = (route.get("status") or {}).get("parents") or [{}]
        if [each.get("observedGeneration") for each in parents[0].get("conditions") or ()] == [generation]:
            return
        # In a context of its own: what it writes is not written by whoever changed the route.
        work = self._accept(route["metadata"]["name"], generation)
        task = asyncio.create_task(work, context=Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _accept(self, name: str, generation: int) -> None:
        await asyncio.sleep(_DELAY)
        condition = {
            "type": "Accepted",
            "status": "True",
            "observedGeneration": generation,
            "reason": "Accepted",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        parent = {"parentRef": {"name": "front"}, "controllerName": "rollouts.io/envoy"}
        status = {"status": {"parents": [{**parent, "conditions": [condition]}]}}
        try:
            await self._client.patch(HTTP_ROUTES, name, status, "default", subresource="status")
        except NotFound:
            return
