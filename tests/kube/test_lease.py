"""One controller leads; another takes over when it ends or falls silent."""

import asyncio

import pytest

from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.errors import Unreachable
from rollouts.kube.lease import Elector, LeadershipLost, lease_name
from rollouts.kube.resources import LEASES
from rollouts.kube.transport import Request, Response, Transport
from tests.controller.api import running, server, virtually


class Cable:
    """A transport that can be pulled out."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.out = False

    async def request(self, request: Request) -> Response:
        if self.out:
            raise Unreachable("pulled out")
        return await self.inner.request(request)


def elector(client: Client, identity: str) -> Elector:
    return Elector(client, namespace="default", name="lock", identity=identity, clock=VirtualClock())


class Worker:
    """Notes when it works."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float | None]] = []

    async def __call__(self) -> None:
        now = asyncio.get_running_loop().time
        self.spans.append((now(), None))
        try:
            await asyncio.sleep(1e6)
        finally:
            self.spans[-1] = (self.spans[-1][0], now())


@virtually
async def test_the_first_leads_and_the_second_waits_until_the_first_lets_go() -> None:
    _, client = server()
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(client, "one").run(one))
    await asyncio.sleep(0.1)
    async with running(elector(client, "two").run(two)):
        await asyncio.sleep(60)
        assert (len(one.spans), len(two.spans)) == (1, 0)
        first.cancel()
        await asyncio.sleep(5)
        assert len(two.spans) == 1
    lease = await client.get(LEASES, "lock", "default")
    assert lease["spec"]["leaseTransitions"] >= 1


@virtually
async def test_a_leader_that_cannot_renew_stops_before_another_begins() -> None:
    _, client = server()
    cable = Cable(client.transport)
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(Client(cable), "one").run(one))
    async with running(elector(client, "two").run(two)):
        await asyncio.sleep(30)
        cable.out = True
        with pytest.raises(LeadershipLost):
            await first
        stopped = one.spans[0][1]
        await asyncio.sleep(30)
        began = two.spans[0][0]
    assert stopped is not None
    assert 38 <= stopped <= 42
    assert stopped < began <= 30 + 15 + 4


@virtually
async def test_a_short_interruption_changes_nothing() -> None:
    _, client = server()
    cable = Cable(client.transport)
    worker = Worker()
    async with running(elector(Client(cable), "one").run(worker)):
        await asyncio.sleep(10)
        cable.out = True
        await asyncio.sleep(5)
        cable.out = False
        await asyncio.sleep(60)
        assert worker.spans == [(0, None)]


def test_the_lease_has_the_name_that_upstream_gives_it() -> None:
    assert lease_name() == "argo-rollouts-controller-lock"
    assert lease_name("blue") == "argo-rollouts-controller-lock-blue"
