"""Looking at a key again when something about it changed, or when its time has come."""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

from rollouts.api.meta import Object
from rollouts.embedded.workloads.cache import Cache, Key
from rollouts.kube.errors import ApiError, Conflict, NotFound, Unreachable
from rollouts.kube.resources import Resource

Watches = Mapping[Resource, Callable[[Object], Iterable[Key]]]
"""Which keys a change of an object of some kind concerns."""

_LONGEST_RETRY = 5.0
"""Seconds."""

log = logging.getLogger(__name__)


class Loop:
    """One worker: keys one at a time, each at most once in the queue, failures again with backoff.

    `reconcile` answers when it wants to look again, or None to wait for a change.
    """

    def __init__(
        self, cache: Cache, watches: Watches, reconcile: Callable[[Key], Awaitable[timedelta | None]]
    ) -> None:
        self._watches = watches
        self._reconcile = reconcile
        self._ready: dict[Key, None] = {}
        self._later: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Event()
        cache.listen(self._changed)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            key = await self._next()
            try:
                after = await self._reconcile(key)
            except (ApiError, Unreachable) as error:
                self._retry(key, error)
            else:
                self._failures.pop(key, None)
                if after is not None:
                    self._add_later(key, after.total_seconds())

    def _changed(self, resource: Resource, item: Object) -> None:
        concerns = self._watches.get(resource)
        if concerns is None:
            return
        for key in concerns(item):
            self._ready[key] = None
        self._wake.set()

    def _retry(self, key: Key, error: ApiError | Unreachable) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # A stale view and an object that just went are the daily business of a controller.
        level = logging.DEBUG if isinstance(error, Conflict | NotFound) else logging.WARNING
        log.log(level, "%s/%s: %s", *key, error)
        self._add_later(key, min(_LONGEST_RETRY, 0.01 * 2 ** min(failures, 20)))

    def _add_later(self, key: Key, seconds: float) -> None:
        heapq.heappush(self._later, (asyncio.get_running_loop().time() + seconds, key))

    async def _next(self) -> Key:
        while True:
            now = asyncio.get_running_loop().time()
            while self._later and self._later[0][0] <= now:
                self._ready[heapq.heappop(self._later)[1]] = None
            if self._ready:
                key = next(iter(self._ready))
                del self._ready[key]
                return key
            self._wake.clear()
            limit = self._later[0][0] - now if self._later else None
            try:
                async with asyncio.timeout(limit):
                    await self._wake.wait()
            except TimeoutError:
                continue
