"""The controllers of a simulated world as processes: each write is known, and any may be their last."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object
from rollouts.controller.compose import compose
from rollouts.controller.reconciler import Key
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.fence import Fence, Fenced, LeadershipLost
from rollouts.kube.lease import Elector, lease_name
from rollouts.kube.resources import Resource
from rollouts.kube.transport import Request, Response, Transport
from tests.faults.model import Choose, is_write
from tests.faults.transport import Faulty

writer: ContextVar[str] = ContextVar("writer", default="")
"""The process whose write is under way, by its identity in the lease; empty for everybody else's."""

_FOREVER = 1e6
"""Seconds."""
_MANY = 300
_SOON = 5.0
"""Writes within so many seconds that no single rollout has a reason for."""
_AGAIN = 5.0
"""Seconds until a process that gave up by itself is started again."""


class Controllers:
    """One process, or several of which one leads.

    Args:
        server: the API server.
        clock: the server's time; the controllers' own may differ by `skew`.
        choose: what befalls their requests.
        on_defect: told of what must not happen in a process.
    """

    def __init__(
        self,
        server: ApiServer,
        clock: Callable[[], datetime],
        *,
        choose: Choose,
        on_defect: Callable[[str], None],
    ) -> None:
        self.skew = timedelta()
        self.last_write = 0.0
        """When it took the last that was none of a lease, an analysis run or an event; in loop time."""
        self._server = server
        self._clock = clock
        self._choose = choose
        self._on_defect = on_defect
        self._elected = False
        self._lives: dict[str, _Life] = {}
        self._births = 0
        self._recent: deque[float] = deque(maxlen=_MANY)
        self._doom: tuple[int, float] | None = None
        self._starting: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The time as the controllers believe it to be."""
        return self._clock() + self.skew

    def jump(self, seconds: float) -> None:
        """Set their clock."""
        self.skew += timedelta(seconds=seconds)

    def start(self, count: int) -> None:
        """Start the processes; of several, one leads."""
        self._elected = count > 1
        for number in range(count):
            self._start(f"controller-{number}")

    def crash(self, seconds: float, at_write: int = 0) -> None:
        """Kill what works, now or at its nth write from now; it starts again after a while."""
        if at_write:
            self._doom = (at_write, seconds)
            return
        self._doom = None
        for life in self._leading():
            self._kill(life, seconds)

    def spare(self) -> None:
        """Nobody is to die any more."""
        self._doom = None

    def freeze(self) -> None:
        """Let none of them reach the server any more."""
        for life in self._lives.values():
            life.alive = False

    def hand_over(self) -> None:
        """End what leads in good order: the lease is given up, and it starts again a little later."""
        for life in self._leading():
            self._end(life, 1.0)

    async def close(self) -> None:
        """End everything."""
        tasks = [*(life.task for life in self._lives.values() if life.task is not None), *self._starting]
        for life in self._lives.values():
            life.alive = False
        self._lives.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _leading(self) -> list["_Life"]:
        return [life for life in self._lives.values() if life.elector is None or life.elector.leading]

    def _kill(self, life: "_Life", seconds: float) -> None:
        life.alive = False
        self._end(life, seconds)

    def _end(self, life: "_Life", seconds: float) -> None:
        del self._lives[life.name]
        if life.task is not None:
            life.task.cancel()
        self._later(life.name, seconds)

    def _later(self, name: str, seconds: float) -> None:
        async def start() -> None:
            await asyncio.sleep(seconds)
            self._start(name)

        task = asyncio.create_task(start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    def _start(self, name: str) -> None:
        self._births += 1
        life = self._lives[name] = _Life(name, f"{name}-{self._births}", _now())
        life.task = asyncio.create_task(self._run(life), name=life.identity)
        life.task.add_done_callback(lambda done: self._ended(life, done))

    def _ended(self, life: "_Life", task: asyncio.Task[None]) -> None:
        if self._lives.get(life.name) is not life:
            return  # killed
        del self._lives[life.name]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, LeadershipLost):
            self._on_defect(f"{life.name} died of {error!r}")
        self._later(life.name, _AGAIN)

    @property
    def awake_since(self) -> float:
        """Since when one of them works."""
        leading = [life.since for life in self._leading()]
        return min(leading, default=_now())

    @property
    def elected(self) -> bool:
        """Whether the one that writes must hold the lease."""
        return self._elected

    async def _run(self, life: "_Life") -> None:
        transport: Transport = Faulty(_Written(InProcess(self._server), life, self._note), self._choose)
        if self._elected:
            fence = Fence()
            life.elector = Elector(
                Client(transport),
                namespace="default",
                name=lease_name(),
                identity=life.identity,
                clock=self.now,
                fence=fence,
            )
            transport = Fenced(transport, fence)
        parts = compose(Client(transport), self.now, on_pass=self._passed, on_event=self._told)
        await (life.elector.run(parts.run) if life.elector is not None else parts.run())

    def _count_writes(self) -> None:
        self._recent.append(_now())
        if len(self._recent) == _MANY and _now() - self._recent[0] < _SOON:
            self._on_defect(f"the controllers wrote {_MANY} times within {_SOON:g} s")

    def _passed(self, resource: Resource, key: Key, seconds: float, error: BaseException | None) -> None:
        del seconds
        if error is not None and not isinstance(error, RolloutsError):
            self._on_defect(f"a pass over {resource.kind} {key.name} failed: {error!r}")

    def _told(self, obj: Object, kind: str, reason: str) -> None:
        del kind
        if reason == "UnsafePlan":
            self._on_defect(f"a plan for {obj['metadata']['name']} had to be stopped as unsafe")

    async def _note(self, request: Request, life: "_Life") -> None:
        """Keep count of a write that was taken; where it is the last one, no further line is reached."""
        self._count_writes()
        if not any(each in request.path for each in ("/leases", "/analysisruns", "/events")):
            self.last_write = _now()
        if self._doom is None or "/leases" in request.path:
            return
        left, seconds = self._doom
        self._doom = (left - 1, seconds) if left > 1 else None
        if self._doom is None:
            self._kill(life, seconds)
            await asyncio.sleep(_FOREVER)


@dataclass(slots=True, eq=False)
class _Life:
    """One run of a process."""

    name: str
    identity: str
    since: float
    """When it began; in loop time."""
    alive: bool = True
    """False once it was killed: it neither reads nor writes any more, whatever its tasks still do."""
    task: asyncio.Task[None] | None = None
    elector: Elector | None = None


class _Written:
    """The transport of one process: its writes carry its name."""

    def __init__(
        self, inner: Transport, life: _Life, note: Callable[[Request, _Life], Awaitable[None]]
    ) -> None:
        self._inner = inner
        self._life = life
        self._note = note

    async def request(self, request: Request) -> Response:
        if not self._life.alive:
            await asyncio.sleep(_FOREVER)
        if not is_write(request):
            return await self._inner.request(request)
        token = writer.set(self._life.identity)
        try:
            answer = await self._inner.request(request)
        finally:
            writer.reset(token)
        if answer.code < 300:
            await self._note(request, self._life)
        return answer

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
