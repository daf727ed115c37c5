"""Runs the reconcilers: informers feed work queues, and workers call `reconcile` with a key at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from math import ceil

from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.meta import Object
from rollouts.controller import ownwrites
from rollouts.controller.reconciler import Key, KeysOf, Reconciler, key_of
from rollouts.controller.settings import RESYNC
from rollouts.controller.workqueue import WorkQueue, backoff
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, Conflict, Terminating
from rollouts.kube.fence import LeadershipLost
from rollouts.kube.informer import Informer, Keep
from rollouts.kube.outage import is_outage, is_worth_a_line
from rollouts.kube.resources import ANALYSIS_RUNS, Resource
from rollouts.kube.store import Writer

_WORKERS = 10
_MEASURING = 30
"""Passes of one kind that may run at the same time; of analysis runs more, because they wait for others."""
_OWN_WRITE = 5.0
"""Seconds that a key is held until the store shows what its last pass wrote."""
_SETTLED = frozenset({"Healthy", "Successful", "Failed", "Error", "Inconclusive"})
"""Phases in which nothing goes on; what is in another one is looked at first after a start."""

Observer = Callable[[Resource, Key, float, BaseException | None], None]
"""Told of each pass: kind, key, seconds taken, and the error if there was one."""

_log = logging.getLogger(__name__)


def after_error(error: BaseException, failures: int) -> timedelta | None:
    """When to try a failed key again. None: not before its object changes."""
    match error:
        case InvalidSpec() | Terminating():
            return None
        case ApiError(retry_after=float() as seconds):
            return max(backoff(failures), timedelta(seconds=seconds))
        case _:
            return backoff(failures)


class Manager:
    """One store, one informer for each kind, and one queue for each reconciler.

    Args:
        client: reads and watches for the informers.
        store: what the reconcilers read.
        reconcilers: what to run.
        namespace: the only one to look at; empty for all.
        optional: kinds that the controllers may be forbidden to read; they count as empty then.
        resync: in which everything is looked at again, whatever the watches said.
        keep: of kinds of which the reconcilers read only a part, that part.
        observer: told of every pass, for the metrics.
    """

    def __init__(
        self,
        client: Client,
        store: Writer,
        reconcilers: Sequence[Reconciler],
        *,
        namespace: str = "",
        optional: Collection[Resource] = (),
        resync: timedelta = RESYNC,
        keep: Mapping[Resource, Keep] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        """Set once every kind has been listed and the first passes may start."""
        self._client = client
        self._store = store
        self._namespace = namespace
        self._optional = frozenset(optional)
        self._resync_seconds = resync.total_seconds()
        self._keep = keep or {}
        self._observer = observer
        self._informers: dict[Resource, Informer] = {}
        self._loops = [_Loop(reconciler, self) for reconciler in reconcilers]
        self._by_kind: dict[tuple[str, str], Informer] = {}
        for loop in self._loops:
            self._inform(loop.reconciler.resource, lambda obj: (key_of(obj),), loop)
            for resource, keys_of in loop.reconciler.watches().items():
                self._inform(resource, keys_of, loop)

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in self._informers.values():
                group.create_task(informer.run(), name=f"watch {informer.resource.plural}")
            for informer in self._informers.values():
                await informer.synced.wait()
            self.synced.set()
            for loop in self._loops:
                group.create_task(loop.run(), name=f"work on {loop.reconciler.resource.plural}")
            group.create_task(self._resync(), name="resync")

    def depth(self, resource: Resource) -> int:
        """How many keys of a kind wait for their turn."""
        return sum(len(loop.queue) for loop in self._loops if loop.reconciler.resource == resource)

    async def shown(self, writes: Iterable[ownwrites.Write]) -> None:
        """Wait until the store shows these writes, as far as their kinds are watched; 5 s at most."""
        newest: dict[Informer, ownwrites.Write] = {}
        for write in writes:
            informer = self._by_kind.get((write.api_version, write.kind))
            if informer is not None and informer.covers(write.namespace):
                newest[informer] = write
        try:
            async with asyncio.timeout(_OWN_WRITE):
                for informer, write in newest.items():
                    await informer.reached(write.version)
        except TimeoutError:
            # Of an outage that explains it the log tells already.
            if not any(informer.is_cut_off for informer in newest):
                _log.warning("the watch has not shown our own write for %s s", _OWN_WRITE)

    def observe(self, resource: Resource, key: Key, seconds: float, error: BaseException | None) -> None:
        """Pass on what a pass came to."""
        if self._observer is not None:
            self._observer(resource, key, seconds, error)

    def _inform(self, resource: Resource, keys_of: KeysOf, loop: "_Loop") -> None:
        informer = self._informers.get(resource)
        if informer is None:
            informer = self._informers[resource] = Informer(
                self._client,
                resource,
                self._store,
                namespace=self._namespace,
                # A controller of one namespace often may not read what belongs to none.
                optional=resource in self._optional or (bool(self._namespace) and not resource.namespaced),
                keep=self._keep.get(resource),
            )

            self._by_kind[resource.api_version, resource.kind] = informer

        def enqueue(old: Object | None, new: Object | None) -> None:
            # Both: what an object no longer refers to is concerned as well.
            for obj in (old, new):
                for key in keys_of(obj) if obj is not None else ():
                    if self.synced.is_set() or (resource == loop.reconciler.resource and _is_pending(obj)):
                        loop.queue.add(key)
                    else:  # the state that it starts with, not news
                        loop.queue.add_patiently(key)

        informer.on_change(enqueue)

    async def _resync(self) -> None:
        """Look at everything once in a period, a few at a time, and never more often than once a second."""
        await asyncio.sleep(self._resync_seconds)
        while True:
            wishes = [
                (loop.queue, key_of(obj))
                for loop in self._loops
                for obj in self._store.all(loop.reconciler.resource)
            ]
            at_once = ceil(len(wishes) / max(self._resync_seconds, 1.0)) or 1
            for start in range(0, len(wishes), at_once):
                part = wishes[start : start + at_once]
                for queue, key in part:
                    queue.add_patiently(key)
                await asyncio.sleep(self._resync_seconds * len(part) / len(wishes))
            if not wishes:
                await asyncio.sleep(self._resync_seconds)


class _Loop:
    """The queue of one reconciler and the passes that are under way."""

    def __init__(self, reconciler: Reconciler, manager: Manager) -> None:
        self.reconciler = reconciler
        self.queue: WorkQueue[Key] = WorkQueue()
        self._manager = manager
        self._failures: dict[Key, int] = {}

    async def run(self) -> None:
        """Hand out keys to workers until cancelled."""
        measures = self.reconciler.resource == ANALYSIS_RUNS
        slots = asyncio.Semaphore(_MEASURING if measures else _WORKERS)
        async with asyncio.TaskGroup() as group:
            while True:
                await slots.acquire()
                key = await self.queue.get()
                group.create_task(self._work(key, slots))

    async def _work(self, key: Key, slots: asyncio.Semaphore) -> None:
        started = asyncio.get_running_loop().time()
        writes = ownwrites.begin()
        # A task of its own, so that a defect met by one object does not end the work on the others.
        task = asyncio.create_task(_pass(self.reconciler.reconcile(key)))
        try:
            await asyncio.wait({task})
            await self._manager.shown(writes)
            self._settle(key, task, asyncio.get_running_loop().time() - started)
        finally:
            if not task.done():  # told to end, as when the lease is lost: nothing may be written any more
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            elif not task.cancelled():
                task.exception()  # looked at, also where we were told to end before we could settle it
            self.queue.done(key)
            slots.release()

    def _settle(self, key: Key, task: asyncio.Task[timedelta | None], seconds: float) -> None:
        error = None if task.cancelled() else task.exception()
        self._manager.observe(self.reconciler.resource, key, seconds, error)
        if error is None:
            self._failures.pop(key, None)
            again = None if task.cancelled() else task.result()
        else:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            again = after_error(error, failures)
            self._report(key, error, failures)
        if again is not None:
            self.queue.add(key, again)

    def _report(self, key: Key, error: BaseException, failures: int) -> None:
        named = {"kind": self.reconciler.resource.kind, "namespace": key.namespace, "object": key.name}
        if isinstance(error, Conflict | LeadershipLost | Terminating) or is_outage(error):
            # Somebody was faster, and the next look decides anew; or there is nothing left to look at;
            # or it is told once, for all objects.
            _log.debug("%s", error, extra=named)
        elif isinstance(error, RolloutsError):
            log = _log.warning if is_worth_a_line(failures) else _log.debug
            log("%s", error, extra={**named, "failures": failures})
        else:
            _log.error("a defect: %s", error, extra=named, exc_info=error)


def _is_pending(obj: Object | None) -> bool:
    """Whether something is to be done about an object for all that its status says."""
    if obj is None:
        return False
    status = obj.get("status") or {}
    is_seen = str(status.get("observedGeneration", "")) == str(obj["metadata"].get("generation", ""))
    return not is_seen or status.get("phase") not in _SETTLED


async def _pass(work: Awaitable[timedelta | None]) -> timedelta | None:
    return await work
