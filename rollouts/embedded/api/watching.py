"""Watches: what was, what comes, and a bookmark now and then."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from math import inf

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.objects import view
from rollouts.embedded.api.selectors import Predicate
from rollouts.embedded.api.status import failed, future, gone
from rollouts.embedded.api.storage import Change, Follower, Storage

BOOKMARK_SECONDS = 60.0
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What a watch asks for."""

    namespace: str = ""
    """Empty for all."""
    version: str = ""
    """Changes after this one; empty or `0` for all objects first."""
    initial: bool | None = None
    """sendInitialEvents: all objects first, and a bookmark behind them."""
    bookmarks: bool = False
    timeout: float | None = None
    """Seconds after which the watch ends in good order; None for never."""


def start(
    storage: Storage, kind: Kind, predicate: Predicate | None, options: WatchOptions
) -> AsyncGenerator[Object, None]:
    """Begin a watch at once; its events follow as they are asked for.

    Raises:
        Refusal: before the first event, when the watch cannot begin (400, 410, 422, 504).
    """
    backlog = _backlog(storage, kind, predicate, options)
    follower = storage.follow(kind.key, options.namespace)

    async def events() -> AsyncGenerator[Object, None]:
        try:
            for event in backlog:
                yield event
            async with aclosing(_following(storage, kind, predicate, options, follower)) as following:
                async for event in following:
                    yield event
        finally:
            storage.unfollow(kind.key, follower)

    return events()


def _backlog(
    storage: Storage, kind: Kind, predicate: Predicate | None, options: WatchOptions
) -> list[Object]:
    """What the watch tells before it waits: all objects, or what has changed since."""
    if not options.version.isdigit() and options.version:
        text = options.version
        raise failed(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    version = int(options.version or 0)
    if version > storage.version:
        raise future(version, storage.version)
    from_now = options.initial is False and not version
    if options.initial or (not version and not from_now):
        objects = [
            obj for obj in storage.list(kind.key, options.namespace) if predicate is None or predicate(obj)
        ]
        events: list[Object] = [{"type": "ADDED", "object": view(kind, obj)} for obj in objects]
        if options.initial and options.bookmarks:
            events.append(bookmark(kind, storage.version, initial=True))
        return events
    if from_now:
        return []
    changes = storage.since(kind.key, options.namespace, version)
    return [event for change in changes for event in _translate(kind, change, predicate)]


def _translate(kind: Kind, change: Change, predicate: Predicate | None) -> Iterator[Object]:
    """A change as a watch with a selector sees it: objects enter and leave the selection."""
    if predicate is None:
        yield {"type": change.type, "object": view(kind, change.object)}
        return
    was = change.previous is not None and predicate(change.previous)
    is_now = change.type != "DELETED" and predicate(change.object)
    if is_now:
        yield {"type": "MODIFIED" if was else "ADDED", "object": view(kind, change.object)}
    elif was and change.previous is not None:
        meta = {**change.previous["metadata"], "resourceVersion": str(change.version)}
        yield {"type": "DELETED", "object": view(kind, {**change.previous, "metadata": meta})}


def bookmark(kind: Kind, version: int, *, initial: bool = False) -> Object:
    """The event that says: all up to here has been told."""
    meta: Object = {"resourceVersion": str(version), "creationTimestamp": None}
    if initial:
        meta["annotations"] = {_INITIAL_END: "true"}
    return {
        "type": "BOOKMARK",
        "object": {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta},
    }


async def _following(
    storage: Storage, kind: Kind, predicate: Predicate | None, options: WatchOptions, follower: Follower
) -> AsyncGenerator[Object, None]:
    """Changes as they come, until the watch's time is up or the server closes."""
    time = asyncio.get_running_loop().time
    end = inf if options.timeout is None else time() + options.timeout
    beat = BOOKMARK_SECONDS if options.bookmarks else inf
    while not follower.closed:
        while follower.changes:
            change = follower.changes.popleft()
            for event in _translate(kind, change, predicate):
                yield event
        if follower.overrun:
            yield {"type": "ERROR", "object": gone("the watch fell behind; list again").status}
            return
        left = end - time()
        if left <= 0:
            return
        has_news = await follower.wait(min(left, beat))
        if not has_news and options.bookmarks:
            # Nothing is left to tell, so everything up to the store's version has been told.
            yield bookmark(kind, storage.version)
