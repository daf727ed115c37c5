"""Keeps a store equal to what the API holds of one kind.

A step machine. Where each state leads:

Empty      -> Streaming, or Paging where the server does not stream lists
Streaming  -> Watching, once the server says that the initial objects are complete
Paging     -> Paging until the last page, then Watching
Watching   -> Watching; a watch that ends or falls silent is opened again where it stopped
any        -> Empty on 410 Gone; Absent on 404, which is Empty again after a while
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import (
    ApiError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
    from_status,
)
from rollouts.kube.resources import Resource

if TYPE_CHECKING:
    from rollouts.kube.store import Shelf, Writer

Handler = Callable[[Object | None, Object | None], None]
"""Called with the old and the new state of an object; None where it did not or does not exist."""
Keep = Callable[[Object], Object]
"""What of an object is worth keeping; it must leave the object that it is given as it is."""

_PAGE = 500
_WATCH_SECONDS = 300
"""For how long the server is asked to keep a watch open."""
_SILENCE = 120.0
"""Seconds without event or bookmark after which a watch counts as dead; servers send a bookmark a minute."""
_ABSENT = 30.0
"""Seconds after which a kind that the server did not know is looked for again."""
_SHORTEST_WATCH = 1.0
"""Seconds; a watch that ends sooner without an event is opened again after as much."""
_AT_ONCE = 100
"""Objects of a new list that are told of before others have their turn."""

_log = logging.getLogger(__name__)

_Stream = AsyncGenerator[Object, None]


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class Streaming:
    """The initial objects arrive over a watch."""

    stream: _Stream
    objects: "Shelf"


@dataclass(frozen=True, slots=True)
class Paging:
    """The initial objects arrive page by page."""

    objects: "Shelf"
    token: str = ""


@dataclass(frozen=True, slots=True)
class Watching:
    """The store is complete as of `version` and follows the changes; a missing stream is opened."""

    version: str
    stream: _Stream | None = None
    opened: float = 0.0


@dataclass(frozen=True, slots=True)
class Absent:
    """The server does not know the kind."""


State = Empty | Streaming | Paging | Watching | Absent


class Informer:
    """Lists and watches one kind, fills the store and tells the handlers what changed.

    Args:
        client: where to read.
        resource: the kind.
        store: where to write.
        namespace: the only one to look at; empty for all.
        optional: whether a refusal (403) counts as a kind that is absent.
        keep: what is stored of an object; managedFields never are.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: "Writer",
        *,
        namespace: str = "",
        optional: bool = False,
        keep: Keep | None = None,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        """Set once the store holds a complete list."""
        self._client = client
        self._store = store
        self._namespace = namespace if resource.namespaced else ""
        self._optional = optional
        self._keep = keep or _slim
        self._only_a_part = keep is not None
        self._handlers: list[Handler] = []
        self._streams_lists = True
        self._version = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def on_change(self, handler: Handler) -> None:
        """Call `handler` at every change, after the store shows it."""
        self._handlers.append(handler)

    def covers(self, namespace: str) -> bool:
        """Whether objects of this namespace are looked at."""
        return not self._namespace or namespace == self._namespace

    async def reached(self, version: str) -> None:
        """Wait until the store shows a write that the server answered with this resourceVersion."""
        number = _number(version)
        if number <= self._version:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((number, future))
        await future

    async def run(self) -> None:
        """Follow the kind until cancelled."""
        state: State = Empty()
        failures = 0
        try:
            while True:
                before = state
                try:
                    state = await self.step(state)
                except (ApiError, Unreachable) as error:
                    await _close(before)
                    state = await self._after(error, before)
                    failures += 1
                    await self._wait(error, state, failures)
                else:
                    # Opening a stream proves nothing, and neither does a list that no watch goes on from.
                    if isinstance(before, Watching) and before.stream is not None:
                        failures = 0
        finally:
            await _close(state)

    async def step(self, state: State) -> State:
        """Do one thing and say what comes next."""
        match state:
            case Empty() if self._streams_lists:
                stream = self._open(sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
                return Streaming(stream, self._store.draft(self.resource))
            case Empty():
                return Paging(self._store.draft(self.resource))
            case Streaming():
                return await self._receive(state)
            case Paging():
                return await self._page(state)
            case Watching(version=version, stream=None):
                return Watching(version, self._open(resourceVersion=version), _now())
            case Watching():
                return await self._follow(state)
            case Absent():
                await asyncio.sleep(_ABSENT)
                return Empty()

    async def _receive(self, state: Streaming) -> State:
        try:
            event = await _next(state.stream)
        except Invalid:
            event = None
        if event is None:  # refused, ended or silent: the server does not stream lists
            await _close(state)
            self._streams_lists = False
            return Paging(self._store.draft(self.resource))
        obj = event["object"]
        if event["type"] in ("ADDED", "MODIFIED"):
            state.objects.put(self._keep(obj))
            return state
        if event["type"] == "DELETED":  # between its turn and the end of the list
            state.objects.take(*_place(obj))
            return state
        version = obj["metadata"]["resourceVersion"]
        annotations = obj["metadata"].get("annotations") or {}
        if annotations.get("k8s.io/initial-events-end") != "true":
            return state
        await self._swap(state.objects, version)
        return Watching(version, state.stream, _now())

    async def _page(self, state: Paging) -> State:
        page = await self._client.list(
            self.resource, self._namespace, limit=_PAGE, continue_token=state.token
        )
        for item in page.get("items") or ():
            # Items of a list carry neither; everything downstream wants both.
            whole = {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **item}
            state.objects.put(self._keep(whole))
        if token := page["metadata"].get("continue"):
            return Paging(state.objects, token)
        version = page["metadata"]["resourceVersion"]
        await self._swap(state.objects, version)
        return Watching(version)

    async def _follow(self, state: Watching) -> State:
        assert state.stream is not None  # noqa: S101 (the caller matched it)
        event = await _next(state.stream)
        if event is None:
            await _close(state)
            if _now() - state.opened < _SHORTEST_WATCH:
                await asyncio.sleep(_SHORTEST_WATCH)
            return Watching(state.version)
        version = event["object"]["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            obj = self._keep(event["object"])
            self._store.remove(self.resource, obj)
            self._tell(obj, None)
        elif event["type"] != "BOOKMARK":
            obj = self._keep(event["object"])
            namespace, name = _place(obj)
            old = self._store.get(self.resource, name, namespace)
            self._store.put(self.resource, obj)
            if not (self._only_a_part and _same(old, obj)):
                self._tell(old, obj)
        self._advance(version)
        return Watching(version, state.stream, state.opened)

    def _open(self, **query: str) -> _Stream:
        return self._client.watch(
            self.resource,
            self._namespace,
            allowWatchBookmarks="true",
            timeoutSeconds=str(_WATCH_SECONDS),
            **query,
        )

    async def _swap(self, objects: "Shelf", version: str) -> None:
        """Show a new list, then tell the differences, a few at a time so that nobody else is held up."""
        before = self._store.swap(self.resource, objects)
        self._advance(version)
        self.synced.set()
        # Nobody but this informer changes either shelf.
        for number, obj in enumerate(objects, 1):
            old = before.get(*_place(obj))
            if old is None or _version(old) != _version(obj):
                self._tell(old, obj)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        for number, old in enumerate(before, 1):
            if objects.get(*_place(old)) is None:
                self._tell(old, None)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _tell(self, old: Object | None, new: Object | None) -> None:
        for handler in self._handlers:
            handler(old, new)

    def _advance(self, version: str) -> None:
        self._version = max(self._version, _number(version))
        still = []
        for number, future in self._waiting:
            if number > self._version:
                still.append((number, future))
            elif not future.done():  # a waiter that gave up has cancelled it
                future.set_result(None)
        self._waiting = [entry for entry in still if not entry[1].done()]

    async def _after(self, error: ApiError | Unreachable, state: State) -> State:
        """What follows a failure."""
        never_read = self._version == 0
        refused = self._optional and isinstance(error, Forbidden) and never_read
        if refused and not self.synced.is_set():
            _log.warning("%s may not be read and count as none: %s", self.resource.plural, error)
        if refused or isinstance(error, NotFound):
            await self._swap(self._store.draft(self.resource), "0")
            return Absent()
        if isinstance(state, Watching) and not isinstance(error, Gone):
            return Watching(state.version)
        return Empty()

    async def _wait(self, error: Exception, after: State, failures: int) -> None:
        """Say what failed, not too often, and wait before the next try."""
        if isinstance(after, Absent) or (isinstance(error, Gone) and failures == 1):
            return  # an ordinary transition
        log = _log.warning if failures in (1, 10) or failures % 100 == 0 else _log.debug
        log("watch of %s failed: %s", self.resource.plural, error, extra={"failures": failures})
        await asyncio.sleep(min(0.25 * 2 ** min(failures - 1, 10), 10.0))


async def _next(stream: _Stream) -> Object | None:
    """The next event; None where the stream has ended or has been silent for too long.

    Raises:
        ApiError: the stream carried an error, 410 Gone among them.
    """
    try:
        async with asyncio.timeout(_SILENCE):
            event = await anext(stream, None)
    except TimeoutError:
        return None
    if event is not None and event["type"] == "ERROR":
        status = event["object"]
        raise from_status(int(status.get("code") or 500), status, "watch")
    return event


async def _close(state: State) -> None:
    stream = getattr(state, "stream", None)
    if stream is not None:
        await stream.aclose()


def _slim(obj: Object) -> Object:
    """Without managedFields, which are half of an object and which no reader wants."""
    metadata = obj["metadata"]
    if "managedFields" not in metadata:
        return obj
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    return {**obj, "metadata": kept}


def _same(old: Object | None, new: Object) -> bool:
    """Whether nothing of what is kept has changed but the version."""
    if old is None:
        return False
    metadata, before = new["metadata"], old["metadata"]
    return {**old, "metadata": {**before, "resourceVersion": metadata["resourceVersion"]}} == new


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _version(obj: Object) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def _number(version: str) -> int:
    return int(version) if version.isdigit() else 0


def _now() -> float:
    return asyncio.get_running_loop().time()
