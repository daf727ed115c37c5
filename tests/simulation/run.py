"""Runs a program: the world, what happens in it, and the invariants after every change."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from rollouts.embedded import virtual_time
from rollouts.embedded.api.storage import Change, Key
from rollouts.embedded.traffic import STATS
from rollouts.embedded.world import World
from rollouts.kube import resources
from rollouts.kube.lease import lease_name
from rollouts.kube.resources import HTTP_ROUTES, LEASES, Resource
from rollouts.kube.transport import Response
from tests.simulation.controllers import Controllers, writer
from tests.simulation.doing import Doing
from tests.simulation.faults import Lots
from tests.simulation.gateway import Gateway
from tests.simulation.invariants import ALWAYS, Invariant
from tests.simulation.manifests import manifests
from tests.simulation.past import Past
from tests.simulation.program import VERSIONS, Program
from tests.simulation.rest import at_rest
from tests.simulation.trace import line_of_change, line_of_status
from tests.simulation.view import NAME, Camera, View

QUIET = 950.0
"""Seconds without a write after which a world is at rest: longer than any deadline, and than the resync."""
_LONGEST = 3 * 3600.0
"""Seconds until it must be at rest."""
_AFTER_RESTART = 40.0
_AFTERMATH = 75.0
"""Seconds after the last event in which pods and faults stay as they are."""
_TICK = 5.0
"""Seconds after which the world is looked at although nothing has changed."""
_BY_KEY = {(each.group, each.plural): each for each in vars(resources).values() if isinstance(each, Resource)}


@dataclass(frozen=True, slots=True)
class Violation:
    """What was seen that must never be seen."""

    at: float
    """Seconds since the first event."""
    invariant: str
    sentence: str

    def __str__(self) -> str:
        return f"at {self.at:.2f} s: {self.sentence} [{self.invariant}]"


@dataclass(slots=True)
class Outcome:
    """How a program went."""

    program: Program
    violation: Violation | None = None
    """The first; the program ends with it."""
    trace: list[str] = field(default_factory=list)
    """Line by line what happened, if asked for."""
    phase: str = ""
    """In the end."""


def run(program: Program, *, trace: bool = False, invariants: tuple[Invariant, ...] = ALWAYS) -> Outcome:
    """Run a program to its end, or to the first violation."""
    outcome = Outcome(program)

    async def main() -> None:
        await _Run(outcome, trace=trace, invariants=invariants).main()

    try:
        virtual_time.run(main())
    except virtual_time.NotInVirtualTime as error:
        outcome.violation = outcome.violation or Violation(0.0, "time_goes_on", str(error))
    return outcome


class _Stop(Exception):
    """There is a violation."""


class _Run:
    def __init__(self, outcome: Outcome, *, trace: bool, invariants: tuple[Invariant, ...]) -> None:
        setup = outcome.program.setup
        self._outcome = outcome
        self._setup = setup
        self._traces = trace
        self._invariants = invariants
        self._world = World(start_controllers=False)
        self._camera = Camera(setup.kind, self._world.objects)
        self._past = Past()
        self._lots = Lots(outcome.program.seed, _now)
        self._controllers = Controllers(
            self._world.server, self._world.clock, choose=self._lots.choose, on_defect=self._defect
        )
        self._doing = Doing(
            self._world,
            setup,
            controllers=self._controllers,
            lots=self._lots,
            past=self._past,
            camera=self._camera,
        )
        self._gateway = Gateway(self._world.client)
        self._view = View(kind=setup.kind)
        self._begun = 0.0
        self._stopped = asyncio.Event()

    async def main(self) -> None:
        async with self._world:
            try:
                await self._deploy()
                for timed in self._outcome.program.events:
                    await self._wait(self._begun + timed.at)
                    self._tell(f"* {timed.event}")
                    await self._doing.do(timed.event)
                await self._rest()
            except _Stop:
                pass
            finally:
                self._outcome.phase = str(self._view.status.get("phase", ""))
                await self._controllers.close()

    async def _deploy(self) -> None:
        self._world.server.objects.storage.listeners.append(self._changed)
        counters = self._world.server.proxies[STATS]

        async def stats(path: str, query: dict[str, str]) -> Response:
            if self._lots.no_metrics_until > _now():
                return Response(code=503, body="no healthy upstream")
            return await counters(path, query)

        self._world.server.proxies[STATS] = stats
        self._controllers.start(self._setup.controllers)
        for version in VERSIONS if self._setup.errors else ():
            self._world.degrade(version, error_rate=self._setup.errors)
        await self._world.apply(*manifests(self._setup))
        for _ in range(120 if self._setup.settled else 0):
            await self._sleep(1.0)
            if self._view.status.get("phase") == "Healthy":
                break
        self._begun = _now()
        if self._setup.settled and self._view.status.get("phase") != "Healthy":
            self._break("deployed", "the first version did not become Healthy within 2 minutes")

    async def _rest(self) -> None:
        begun = _now()
        await self._wait(begun + _AFTERMATH)
        await self._doing.settle()
        self._tell("* nothing more happens")
        while (left := max(self._controllers.last_write, begun) + QUIET - _now()) >= 0:
            await self._sleep(left + 1)
            if _now() > begun + _LONGEST:
                self._break("rest", "the world does not come to rest: there is always another write")
        self._tell(f"* at rest: {line_of_status(self._view)}")
        for sentence in at_rest(self._view, self._past, self._broken()):
            self._break("rest", sentence)
        last = self._controllers.last_write
        self._controllers.crash(0)
        await self._sleep(_AFTER_RESTART)
        if self._controllers.last_write > last:
            self._break("rest", "controllers that start over a world at rest write to it")

    def _broken(self) -> frozenset[str]:
        versions = {each.version for each in self._view.sets.values()}
        return frozenset(each for each in versions if self._world.pods.is_broken(f"{NAME}:{each}"))

    async def _wait(self, until: float) -> None:
        """Let time go by, and look at the world although nothing changes."""
        while (left := until - _now()) > 1e-6:
            await self._sleep(min(left, _TICK))
            self._look("")

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise _Stop

    # --- what is seen -----------------------------------------------------------------------------------

    def _changed(self, key: Key, change: Change) -> None:
        resource = _BY_KEY.get(key)
        if resource is None:
            return
        author = writer.get()
        if self._traces and author and resource is not LEASES:
            self._tell(line_of_change(author, resource, change))
        if author and resource is not LEASES and self._controllers.elected:
            self._check_lease(author)
        if resource is HTTP_ROUTES and change.type != "DELETED":
            self._gateway.see(change.object)
        if self._camera.changed(resource):
            self._look(author)

    def _look(self, author: str) -> None:
        self._past.awake_since = self._controllers.awake_since
        before, after = self._view, self._camera.look(_now(), author)
        for check in self._invariants:
            for sentence in check(before, after, self._past):
                self._break(check.__name__, sentence)
        self._past.note(before, after)
        self._view = after
        if self._traces and before.rollout is not after.rollout:
            self._tell(f"    {line_of_status(after)}")

    def _check_lease(self, author: str) -> None:
        key = (LEASES.group, LEASES.plural)
        lease: Any = self._world.server.objects.storage.get(key, "default", lease_name()) or {}
        holder = (lease.get("spec") or {}).get("holderIdentity")
        if holder and holder != author:
            self._break("only_the_leader_writes", f"{author} writes while {holder} holds the lease")

    def _defect(self, sentence: str) -> None:
        self._break("no_defects", sentence)

    def _break(self, invariant: str, sentence: str) -> None:
        if self._outcome.violation is None:
            self._outcome.violation = Violation(round(_now() - self._begun, 2), invariant, sentence)
            self._tell(f"! {sentence} [{invariant}]")
        self._controllers.freeze()
        self._stopped.set()

    def _tell(self, text: str) -> None:
        if self._traces:
            self._outcome.trace.append(f"{_now() - self._begun:8.2f} {text}")


def _now() -> float:
    return asyncio.get_running_loop().time()
