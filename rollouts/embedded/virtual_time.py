"""An event loop whose clock jumps instead of waiting: a day of controllers in a second, the same each time.

Whenever every task waits, the clock moves to the next timer. That is only right while nothing outside the
loop is waited for, so threads, sockets and processes are refused.
"""

import asyncio
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The instant at which virtual time begins unless another is asked for."""


_STANDSTILL = 100_000
"""Rounds of the loop at one instant after which something is done over and over."""


class NotInVirtualTime(RuntimeError):
    """Something waits for the world outside, which virtual time would overtake; or time never goes on."""


class _Jump(selectors.BaseSelector):
    """A selector that never waits: it tells the loop how far to move its clock."""

    def __init__(self) -> None:
        self._map: dict[int, selectors.SelectorKey] = {}
        self.now = 0.0
        self._rounds = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, fd, events, data)
        self._map[fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._map.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NotInVirtualTime("every task waits and no timer is set: nothing will ever happen again")
        if timeout > 0:
            self.now += timeout
            self._rounds = 0
        self._rounds += 1
        if self._rounds > _STANDSTILL:
            self._rounds = 0  # so that the tasks can be cancelled
            raise NotInVirtualTime(f"at {self.now:g} s something is done over and over, without a pause")
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._map


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `loop.time()` counts virtual seconds from 0."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        # Timers that are due within this are due: without it, rounding can leave the clock short of one.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jump.now

    def run_in_executor(  # type: ignore[override] # it never returns
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> NoReturn:
        raise NotInVirtualTime(f"{func!r} wants a thread")

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> NoReturn:  # type: ignore[override]
        raise NotInVirtualTime("a thread calls the loop")

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        # What nobody iterates any more is closed in the loop, as elsewhere, and by no thread.
        self._asyncgens.discard(agen)  # type: ignore[attr-defined] # the base class's own, here as there
        if not self.is_closed():
            self.call_soon(self.create_task, agen.aclose())

    def _add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> Any:
        if fd == self._ssock.fileno():  # type: ignore[attr-defined] # the loop's own wake-up pipe
            return super()._add_reader(fd, callback, *args)  # type: ignore[misc]
        raise NotInVirtualTime(f"file descriptor {fd} is waited for")

    def _add_writer(self, fd: Any, callback: Callable[..., Any], *args: Any) -> NoReturn:
        raise NotInVirtualTime(f"file descriptor {fd} is waited for")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, and its tasks to their end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualClock:
    """The date and time of a virtual loop."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=asyncio.get_running_loop().time())
