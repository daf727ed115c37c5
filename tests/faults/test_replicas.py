"""Two replicas in virtual time, whose network does what it likes."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.kube.client import Client
from rollouts.kube.fence import Fence, Fenced, LeadershipLost
from rollouts.kube.lease import Elector
from rollouts.kube.resources import CONFIG_MAPS, LEASES
from rollouts.kube.transport import Request, Response, Transport
from tests.controller.api import running, server
from tests.faults.model import Answer, Fault, ResetAfter, ResetBefore, Slow, SlowAnswer, is_write
from tests.faults.transport import Faulty


class Judge:
    """The last stop before the server: who writes, and who holds the lease at that moment."""

    def __init__(self, inner: Transport) -> None:
        self.writers: list[str] = []
        self.trespasses: list[str] = []
        self._inner = inner

    async def request(self, request: Request) -> Response:
        if is_write(request) and "/configmaps/" in request.path:
            writer = request.path.rpartition("/")[2]
            path = LEASES.path("default", "lock")
            lease = (await self._inner.request(Request(method="GET", path=path))).body
            holder = lease["spec"]["holderIdentity"]
            self.writers.append(writer)
            if not holder.startswith(writer):
                self.trespasses.append(f"{writer} wrote at {now():.2f} s, while {holder!r} held the lease")
        return await self._inner.request(request)

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        return self._inner.stream(request)

    async def close(self) -> None:
        return


class Weather:
    """Good for 20 seconds and more, then bad for some."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._bad_until = 0.0

    def __call__(self, _: Request) -> Fault | None:
        dice = self._dice
        if now() > self._bad_until + 20 and dice.random() < 0.02:
            self._bad_until = now() + dice.uniform(5, 25)
        if now() >= self._bad_until:
            return None
        seconds = dice.uniform(0, 25)
        return dice.choice(
            [ResetBefore(), ResetAfter(), Slow(seconds), SlowAnswer(seconds), Answer(code=503)]
        )


async def write_all_the_time(client: Client, name: str, dice: random.Random) -> None:
    async def write() -> None:
        while True:
            with suppress(RolloutsError):
                await client.patch(CONFIG_MAPS, name, {"data": {"at": str(now())}}, "default")
            await asyncio.sleep(dice.uniform(0, 0.5))

    await asyncio.gather(*(write() for _ in range(4)))


async def replica(name: str, server: Transport, dice: random.Random) -> None:
    """Lives of a process: it works while it leads, is told to end now and then, and is started again."""
    line = Faulty(server, Weather(dice))
    while True:
        fence = Fence()
        leader = Elector(
            Client(line),
            namespace="default",
            name="lock",
            identity=f"{name}-{now()}",
            clock=VirtualClock(),
            fence=fence,
        )
        client = Client(Fenced(line, fence))
        with suppress(TimeoutError, LeadershipLost):
            async with asyncio.timeout(dice.uniform(20, 200)):
                await leader.run(lambda client=client: write_all_the_time(client, name, dice))


@pytest.mark.parametrize("seed", range(12))
def test_nobody_writes_while_another_holds_the_lease_whatever_the_network_does(seed: int) -> None:
    async def main() -> None:
        _, client = server()
        judge = Judge(client.transport)
        for name in ("one", "two"):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
            await client.create(CONFIG_MAPS, body, "default")
        lives = (replica(name, judge, random.Random(f"{seed} {name}")) for name in ("one", "two"))
        async with running(*lives):
            await asyncio.sleep(600)
        assert judge.trespasses == []
        assert set(judge.writers) == {"one", "two"}, "each had its turn"

    run(main())


def now() -> float:
    return asyncio.get_running_loop().time()
