"""Which key is looked at next.

One entry for each key, and the soonest of several wishes wins. A key that is being worked on is held: a wish
that comes meanwhile is kept until the work is done. Errors are retried with growing delay. A patient wish, of
which no change is the reason, comes after all others that are due.
"""

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Hashable
from datetime import timedelta
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_FIRST = timedelta(milliseconds=10)
_LONGEST = timedelta(seconds=10)


def backoff(failures: int) -> timedelta:
    """The delay after the given number of failures in a row: 10 ms, doubled each time, 10 s at most."""
    return min(_FIRST * (1 << min(failures - 1, 20)), _LONGEST)


class WorkQueue(Generic[K]):
    """Keys and when they are due, by the clock of the event loop. For one consumer."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = count()
        self._patient: OrderedDict[K, None] = OrderedDict()
        """Keys that are in no hurry; they may have another wish beside."""
        self._running: set[K] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many keys wait, due or not."""
        return len(self._due.keys() | self._patient.keys())

    @property
    def running(self) -> int:
        """How many keys are being worked on."""
        return len(self._running)

    def add(self, key: K, after: timedelta = timedelta()) -> None:
        """Wish for a look at `key`; a sooner wish that is already there stays."""
        due = asyncio.get_running_loop().time() + after.total_seconds()
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        if key not in self._running:
            self._push(key, due)

    def add_patiently(self, key: K) -> None:
        """Wish for a look at `key` as soon as no other key is due."""
        self._patient[key] = None
        self._changed.set()

    async def get(self) -> K:
        """Wait for the next key that is due; `done` must follow."""
        while True:
            self._changed.clear()
            wait = self._drop_stale()
            if wait is not None and wait <= 0:
                _, _, key = heapq.heappop(self._heap)
                return self._hand_out(key)
            patient = next((key for key in self._patient if key not in self._running), None)
            if patient is not None:
                return self._hand_out(patient)
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: K) -> None:
        """The work on `key` has ended; it may be handed out again."""
        self._running.discard(key)
        if key in self._due:
            self._push(key, self._due[key])
        self._changed.set()

    def _hand_out(self, key: K) -> K:
        self._due.pop(key, None)
        self._patient.pop(key, None)
        self._running.add(key)
        return key

    def _push(self, key: K, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._changed.set()

    def _drop_stale(self) -> float | None:
        """Seconds until the first entry is due, after throwing out those that a sooner wish replaced."""
        while self._heap:
            due, _, key = self._heap[0]
            if key not in self._running and self._due.get(key) == due:
                return due - asyncio.get_running_loop().time()
            heapq.heappop(self._heap)
        return None
