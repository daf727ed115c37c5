"""What the cluster showed, and when: the objects of the demo as their watches told of them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from rollouts.api.errors import RolloutsError, Unavailable
from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import Gone
from rollouts.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class Moment:
    """An object as it was from `at` on, in seconds of the monotonic clock."""

    at: float
    kind: str
    name: str
    object: Object


@dataclass(slots=True)
class Timeline:
    """Follows a few kinds and remembers every state they showed."""

    client: Client
    moments: list[Moment] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self, resource: Resource, namespace: str) -> None:
        """Watch one kind until cancelled."""
        while True:
            with suppress(Gone):
                page = await self.client.list(resource, namespace)
                for item in page["items"]:
                    await self._add(resource.kind, item)
                version = page["metadata"]["resourceVersion"]
                async for event in self.client.watch(resource, namespace, resourceVersion=version):
                    if event["type"] in ("ADDED", "MODIFIED"):
                        await self._add(resource.kind, event["object"])

    def of(self, kind: str, name: str, since: float = 0.0) -> Iterator[Moment]:
        """The states of one object, oldest first."""
        return (m for m in self.moments if m.kind == kind and m.name == name and m.at >= since)

    def all(self, kind: str, since: float = 0.0) -> Iterator[Moment]:
        """The states of all objects of a kind, oldest first."""
        return (m for m in self.moments if m.kind == kind and m.at >= since)

    async def until(
        self,
        kind: str,
        name: str,
        holds: Callable[[Object], bool],
        *,
        what: str,
        since: float = 0.0,
        timeout: float = 60.0,
    ) -> Moment:
        """Wait for a state of an object, or find it in the past since `since`.

        Raises:
            Unavailable: it did not come within `timeout` seconds; the message tells `what` was waited for.
        """

        def found() -> Moment | None:
            return next((m for m in self.of(kind, name, since) if holds(m.object)), None)

        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: found() is not None)
        except TimeoutError as late:
            last = [*self.of(kind, name)][-1:]
            status = last[0].object.get("status", {}) if last else {}
            seen = {k: status[k] for k in ("phase", "message", "sync", "health", "conditions") if k in status}
            raise Unavailable(f"{what}: not within {timeout:g} s; {kind} {name} says {seen}") from late
        moment = found()
        if moment is None:
            raise RolloutsError(f"{what}: seen, and gone again")
        return moment

    async def _add(self, kind: str, item: Object) -> None:
        async with self._changed:
            self.moments.append(Moment(time.monotonic(), kind, item["metadata"]["name"], item))
            self._changed.notify_all()
