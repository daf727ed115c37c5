"""The objects, the order of their changes, and who follows them.

One counter numbers all writes. Each kind keeps a log of its latest changes, bounded in bytes; a watch from
before the log's start is answered with 410. Objects in here are shared with readers and never changed in
place.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Literal
from weakref import WeakValueDictionary

import orjson

from rollouts.api.meta import Object
from rollouts.embedded.api.status import gone

Key = tuple[str, str]
"""Group and plural of a kind."""
LOG_BYTES = 8 * 1024 * 1024
QUEUE_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One write."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    version: int
    namespace: str
    object: Object
    previous: Object | None
    """What the write replaced: a selector needs it to tell who left."""
    size: int


@dataclass(slots=True, eq=False, weakref_slot=True)
class Follower:
    """The receiving end of a watch: changes wait here until the watch takes them."""

    namespace: str
    number: int = 0
    changes: deque[Change] = field(default_factory=deque)
    overrun: bool = False
    """Too slow: changes were dropped and the watch must begin anew."""
    closed: bool = False
    """The server ends it, or serves the kind no more."""
    _waker: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, change: Change) -> None:
        """Hand over a change."""
        if len(self.changes) >= QUEUE_LIMIT:
            self.overrun = True
            self.changes.clear()
        self.changes.append(change)
        self._waker.set()

    def close(self) -> None:
        """End the watch, in good order."""
        self.closed = True
        self._waker.set()

    async def wait(self, seconds: float) -> bool:
        """Sleep until there is something or the time is up; whether there is something."""
        if self.changes or self.closed:
            return True
        self._waker.clear()
        try:
            async with asyncio.timeout(None if seconds == inf else seconds):
                await self._waker.wait()
        except TimeoutError:
            return bool(self.changes)
        return True


class _Log:
    """The latest changes of one kind."""

    def __init__(self, floor: int) -> None:
        self.changes: list[Change] = []
        self.bytes = 0
        self.floor = floor
        """The version of the newest change that was forgotten."""

    def append(self, change: Change) -> None:
        self.changes.append(change)
        self.bytes += change.size
        if self.bytes <= LOG_BYTES:
            return
        # Half at once, so that the cost of moving the list is spread over many writes.
        dropped = 0
        while self.bytes > LOG_BYTES // 2 and dropped < len(self.changes) - 1:
            self.bytes -= self.changes[dropped].size
            dropped += 1
        if dropped:
            self.floor = self.changes[dropped - 1].version
            del self.changes[:dropped]

    def since(self, version: int) -> list[Change]:
        if version < self.floor:
            raise gone(f"too old resource version: {version} ({self.floor})")
        return self.changes[bisect_right(self.changes, version, key=lambda change: change.version) :]


class Storage:
    """All objects by kind, namespace and name."""

    def __init__(self, first_version: int = 1) -> None:
        self.version = first_version
        self._objects: defaultdict[Key, defaultdict[str, dict[str, Object]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._logs: defaultdict[Key, _Log] = defaultdict(lambda: _Log(first_version - 1))
        # Weak, so that a watch which was never begun leaves nothing behind; told in the order of their
        # beginning, so that the same calls lead to the same world.
        self._followers: defaultdict[Key, WeakValueDictionary[int, Follower]] = defaultdict(
            WeakValueDictionary
        )
        self._order = count()
        self.listeners: list[Callable[[Key, Change], None]] = []
        """Called with every change, before anyone else learns of it: indices hang here."""

    def get(self, key: Key, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        return self._objects[key][namespace].get(name)

    def list(self, key: Key, namespace: str = "") -> Iterator[Object]:
        """The objects of a kind, in one namespace or in all."""
        buckets = self._objects[key]
        if namespace:
            yield from buckets[namespace].values()
            return
        for bucket in buckets.values():
            yield from bucket.values()

    def put(self, key: Key, obj: Object) -> Object:
        """Store an object under the next version; its metadata.resourceVersion is set."""
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        previous = self._objects[key][namespace].get(name)
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        self._objects[key][namespace][name] = obj
        self._record(key, "MODIFIED" if previous else "ADDED", namespace, obj, previous)
        return obj

    def remove(self, key: Key, obj: Object) -> Object:
        """Remove an object; what is returned and announced carries the version of the removal."""
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        previous = self._objects[key][namespace].pop(name)
        self.version += 1
        last = {**obj, "metadata": {**meta, "resourceVersion": str(self.version)}}
        self._record(key, "DELETED", namespace, last, previous)
        return last

    def _record(
        self,
        key: Key,
        type: Literal["ADDED", "MODIFIED", "DELETED"],
        namespace: str,
        obj: Object,
        previous: Object | None,
    ) -> None:
        change = Change(type, self.version, namespace, obj, previous, len(orjson.dumps(obj)))
        self._logs[key].append(change)
        for listener in self.listeners:
            listener(key, change)
        for follower in self._followers[key].values():
            if not follower.namespace or follower.namespace == namespace:
                follower.push(change)

    def since(self, key: Key, namespace: str, version: int) -> Iterator[Change]:
        """The changes after a version, oldest first.

        Raises:
            Refusal: the version is older than the log (410).
        """
        changes = self._logs[key].since(version)
        return (change for change in changes if not namespace or change.namespace == namespace)

    def follow(self, key: Key, namespace: str) -> Follower:
        """Begin to collect changes from now on; pair it with `unfollow`."""
        follower = Follower(namespace, next(self._order))
        self._followers[key][follower.number] = follower
        return follower

    def unfollow(self, key: Key, follower: Follower) -> None:
        """Stop collecting."""
        self._followers[key].pop(follower.number, None)

    def close(self, key: Key | None = None) -> None:
        """End all watches, or those of one kind."""
        for followed, followers in self._followers.items():
            if key in {None, followed}:
                for follower in followers.values():
                    follower.close()

    def compact(self) -> None:
        """Forget every log, as etcd's compaction does: watches from before now get 410."""
        for log in self._logs.values():
            log.changes.clear()
            log.bytes = 0
        for key in self._objects:
            self._logs[key].floor = self.version
