"""Keeps a store equal to what the API holds of one kind.

A step machine. Where each state leads:

Empty      -> Streaming, or Paging where the server does not stream lists
Streaming  -> Watching, once the server says that the initial objects are complete
Paging     -> Paging until the last page, then Watching
Watching   -> Watching; a watch that ends or falls silent is opened again where it stopped
any        -> Empty on 410 Gone, on what cannot be read and where resourceVersions went back;
              Absent on 404, which is Empty again after a while
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollouts.api.meta import Object
from rollouts.kube import wire
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, Forbidden, Gone, Invalid, NotFound, Unreachable, Unreadable
from rollouts.kube.outage import is_outage, is_worth_a_line
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
"""Seconds."""
_ABSENT = 30.0
"""Seconds after which a kind that the server did not know is looked for again."""
_SHORTEST_WATCH = 1.0
"""Seconds; a watch that ends sooner without an event is opened again after as much."""
_AT_ONCE = 100
"""Objects of a new list that are told of before others have their turn."""
_CALM = 10.0
"""Seconds without a failure after which the next one counts as the first."""
_PERSISTENT = 3
"""Failures in a row after which a watch is not merely opened again, and a kind that was there is gone."""
_TOO_LARGE = "Too large resource version"
"""What a server says of a resourceVersion that it has not reached: it is another, or was restored."""

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
        silence: seconds without event or bookmark after which a watch counts as dead; servers send a bookmark
            a minute.
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
        silence: float = _SILENCE,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        """Set once the store holds a complete list."""
        self.is_cut_off = False
        """Whether reading has failed, and nothing has arrived since."""
        self._client = client
        self._store = store
        self._namespace = namespace if resource.namespaced else ""
        self._optional = optional
        self._keep = keep or wire.slim
        self._only_a_part = keep is not None
        self._silence = silence
        self._handlers: list[Handler] = []
        self._streams_lists = True
        self._page_size = _PAGE
        self._failures = 0
        self._well_since = 0.0
        self._told_something = False
        """Whether the watch that was opened last has had an event."""
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
        try:
            while True:
                before = state
                try:
                    state = await self.step(state)
                except (ApiError, Unreachable) as error:
                    self.is_cut_off = True
                    await _close(before)
                    is_calm = _now() - self._well_since >= _CALM
                    self._failures = 1 if is_calm else self._failures + 1
                    state = await self._after(error, before)
                    if isinstance(state, Watching) and self._told_something:
                        self._failures = 1  # a connection that breaks again and again still gets on
                    await self._wait(error, state)
                    self._well_since = _now()
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
                self._told_something = False
                return Watching(version, self._open(resourceVersion=version), _now())
            case Watching():
                return await self._follow(state)
            case Absent():
                await asyncio.sleep(_ABSENT)
                return Empty()

    async def _receive(self, state: Streaming) -> State:
        try:
            event = await self._next(state.stream)
        except Invalid:
            event = None
        if event is None:  # refused, ended or silent: the server does not stream lists
            await _close(state)
            self._streams_lists = False
            return Paging(self._store.draft(self.resource))
        if event.type in ("ADDED", "MODIFIED"):
            state.objects.put(self._keep(event.object))
        elif event.type == "DELETED":  # between its turn and the end of the list
            state.objects.take(*_place(event.object))
        elif event.ends_list:
            if not event.version:
                raise Unreadable(f"watch of {self.resource.plural}: the list ends without a resourceVersion")
            await self._swap(state.objects, event.version)
            return Watching(event.version, state.stream, _now())
        return state

    async def _page(self, state: Paging) -> State:
        plural = self.resource.plural
        raw = await self._client.list(
            self.resource, self._namespace, limit=self._page_size, continue_token=state.token
        )
        page = wire.page(raw, plural)
        has_news = False
        for item in page.items:
            # Items of a list carry neither; everything downstream wants both.
            whole = {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **item}
            obj = wire.named(whole, plural)
            has_news = has_news or state.objects.get(*_place(obj)) is None
            state.objects.put(self._keep(obj))
        if page.token:
            if not has_news:
                raise Unreadable(f"list of {plural}: it never ends; its last page has nothing new")
            return Paging(state.objects, page.token)
        await self._swap(state.objects, page.version)
        return Watching(page.version)

    async def _follow(self, state: Watching) -> State:
        assert state.stream is not None  # noqa: S101 (the caller matched it)
        event = await self._next(state.stream)
        if event is None:
            await _close(state)
            if _now() - state.opened < _SHORTEST_WATCH:
                await asyncio.sleep(_SHORTEST_WATCH)
            return Watching(state.version)
        self._told_something = True
        if 0 < _number(event.version) < _number(state.version):
            message = f"resourceVersions went back from {state.version} to {event.version}"
            raise Gone(410, {"reason": "Expired", "message": message}, f"watch of {self.resource.plural}")
        if event.type == "DELETED":
            obj = self._keep(event.object)
            self._store.remove(self.resource, obj)
            self._tell(obj, None)
        elif event.type != "BOOKMARK":
            obj = self._keep(event.object)
            namespace, name = _place(obj)
            old = self._store.get(self.resource, name, namespace)
            self._store.put(self.resource, obj)
            if not (self._only_a_part and _same(old, obj)):
                self._tell(old, obj)
        self._advance(event.version)
        return Watching(event.version or state.version, state.stream, state.opened)

    async def _next(self, stream: _Stream) -> wire.Event | None:
        """The next event; None where the stream has ended or has been silent for too long.

        Raises:
            ApiError: the stream carried an error, 410 Gone among them.
            Unreadable: the stream carried something else.
        """
        try:
            async with asyncio.timeout(self._silence):
                raw = await anext(stream, None)
        except TimeoutError:
            _log.info(
                "watch of %s was silent for %.0f s; it is opened again", self.resource.plural, self._silence
            )
            return None
        return None if raw is None else wire.event(raw, self.resource.plural)

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
        if 0 < _number(version) < self._version:
            self._start_over()
        self._advance(version)
        self.synced.set()
        # Nobody but this informer changes either shelf.
        for number, obj in enumerate(objects, 1):
            old = before.get(*_place(obj))
            if old is None or _incarnation(old) != _incarnation(obj):
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
        self.is_cut_off = False
        self._version = max(self._version, _number(version))
        still = []
        for number, future in self._waiting:
            if number > self._version:
                still.append((number, future))
            elif not future.done():  # a waiter that gave up has cancelled it
                future.set_result(None)
        self._waiting = [entry for entry in still if not entry[1].done()]

    def _start_over(self) -> None:
        """The server's resourceVersions went back: what was waited for is not comparable with what comes."""
        _log.warning(
            "resourceVersions of %s went back: the API server was restored or is another one",
            self.resource.plural,
        )
        self._version = 0
        for _, future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting = []

    async def _after(self, error: ApiError | Unreachable, state: State) -> State:
        """What follows a failure."""
        never_read = self._version == 0
        persists = self._failures >= _PERSISTENT
        refused = self._optional and isinstance(error, Forbidden) and never_read
        if refused and not self.synced.is_set():
            _log.warning("%s may not be read and count as none: %s", self.resource.plural, error)
        if refused or (isinstance(error, NotFound) and (never_read or persists)):
            await self._swap(self._store.draft(self.resource), "")
            return Absent()
        if isinstance(state, Streaming) and persists and isinstance(error, Unreachable):
            self._streams_lists = False  # not to the end, at any rate
        if isinstance(state, Paging) and state.token and isinstance(error, Gone):
            self._page_size = 0  # the server forgets faster than pages are read: all at once, then
        if isinstance(state, Watching) and not _needs_a_list(error, persists=persists):
            return Watching(state.version)
        return Empty()

    async def _wait(self, error: Exception, after: State) -> None:
        """Say what failed, not too often, and wait before the next try."""
        failures = self._failures
        if isinstance(after, Absent) or (isinstance(error, Gone) and failures == 1):
            return  # an ordinary transition
        log = _log.warning if is_worth_a_line(failures) and not is_outage(error) else _log.debug
        log("watch of %s failed: %s", self.resource.plural, error, extra={"failures": failures})
        await asyncio.sleep(min(0.25 * 2 ** min(failures - 1, 10), 10.0))


def _needs_a_list(error: ApiError | Unreachable, *, persists: bool) -> bool:
    """Whether opening the watch again where it stopped would not do."""
    if isinstance(error, Unreachable):
        return isinstance(error, Unreadable)
    return persists or isinstance(error, Gone) or _TOO_LARGE in str(error)


async def _close(state: State) -> None:
    stream = getattr(state, "stream", None)
    if stream is not None:
        await stream.aclose()


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _same(old: Object | None, new: Object) -> bool:
    """Whether nothing of what is kept has changed but the version."""
    if old is None:
        return False
    metadata, before = new["metadata"], old["metadata"]
    return {**old, "metadata": {**before, "resourceVersion": metadata.get("resourceVersion")}} == new


def _incarnation(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))


def _number(version: str) -> int:
    return int(version) if version.isdigit() else 0


def _now() -> float:
    return asyncio.get_running_loop().time()
