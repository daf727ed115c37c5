"""Two controller processes and one lease: who lost it writes nothing more, and the other goes on in time."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from rollouts.kube.resources import LEASES, ROLLOUTS
from rollouts.kube.transport import Request
from tests.faults.cluster import Cluster, shops
from tests.faults.conftest import Stage
from tests.faults.controller import Controller, until
from tests.faults.model import Answer, ResetBefore, Slow, is_write
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEASE, RENEW, RETRY = 4.0, 2.5, 0.5
"""Seconds: the lease, its renew deadline, and between two tries."""
LATE = 4.0
"""Seconds more that a busy machine may take."""
OPTIONS = (
    "--leader-elect",
    f"--leader-election-lease-duration={LEASE:g}s",
    f"--leader-election-renew-deadline={round(RENEW * 1000)}ms",
    f"--leader-election-retry-period={round(RETRY * 1000)}ms",
)
NAME = "argo-rollouts-controller-lock"


@dataclass(slots=True)
class Replica:
    """One of the two, with a way to the API server of its own, on which its writes are counted."""

    proxy: Proxy
    controller: Controller
    taken: list[tuple[float, Request]] = field(default_factory=list)
    """The writes that the server took from it, leases left out, and when."""

    def note(self, request: Request) -> None:
        if "/leases" not in request.path:
            self.taken.append((time.monotonic(), request))

    def since(self, instant: float) -> list[str]:
        """What was taken from it since then."""
        return [f"{request.method} {request.path}" for at, request in self.taken if at >= instant]


@dataclass(slots=True)
class Pair:
    """Two replicas over one cluster."""

    stage: Stage
    leader: Replica
    standby: Replica

    async def holder(self) -> str:
        lease = await self.stage.cluster.get(LEASES, NAME)
        return str(lease["spec"].get("holderIdentity") or "")

    async def ship(self) -> None:
        """Ask for new versions, which will make writes for some seconds."""
        self.stage.shipped += 1
        for name in ("shop", "pay"):
            await self.stage.cluster.ship(name, f"v{self.stage.shipped}")

    def taken_over(self) -> bool:
        return self.standby.controller.said("leading") > 0


@pytest_asyncio.fixture(loop_scope="module")
async def pair(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Pair]:
    """A leader at work, and a standby. The shops are at a version that they all had before."""
    replicas = []
    proxies = (Proxy(cluster.transport), Proxy(cluster.transport))
    async with proxies[0], proxies[1]:
        for name, proxy in zip(("one", "two"), proxies, strict=True):
            kubeconfig = proxy.kubeconfig(tmp_path, namespace=cluster.namespace)
            options = (*OPTIONS, "--namespace", cluster.namespace)
            replica = Replica(proxy, Controller(kubeconfig, tmp_path, *options, name=name))
            proxy.taken = replica.note
            replicas.append(replica)
        one, two = replicas
        async with one.controller, two.controller:
            leads = await until(
                lambda: asyncio.sleep(0, next((r for r in replicas if r.controller.said("leading")), None))
            )
            found = Pair(
                Stage(cluster, leads.proxy, leads.controller, tmp_path), leads, two if leads is one else one
            )
            if not (await cluster.client.list(ROLLOUTS, cluster.namespace))["items"]:
                await cluster.apply(*shops())
            else:
                rollout = await cluster.get(ROLLOUTS, "shop")
                image = rollout["spec"]["template"]["spec"]["containers"][0]["image"]
                found.stage.shipped = int(image.rpartition("v")[2])
            await found.stage.settled()
            await found.standby.controller.ready()
            if cluster.world is not None:
                cluster.world.load.unserved = 0
            assert not found.standby.taken
            yield found


async def test_the_standby_writes_nothing_and_takes_over_at_once_when_the_leader_is_told_to_end(
    pair: Pair,
) -> None:
    await pair.ship()
    await asyncio.sleep(1)
    pair.leader.controller.signal(signal.SIGTERM)
    assert await pair.leader.controller.ended() == 0
    ended = time.monotonic()
    assert pair.standby.taken == []
    await until(lambda: asyncio.sleep(0, pair.taken_over()))
    assert time.monotonic() - ended < LEASE, "a lease that was given back is not waited for"
    await pair.stage.settled()
    assert pair.leader.since(ended) == []


async def test_the_standby_takes_over_within_the_lease_when_the_leader_is_killed(pair: Pair) -> None:
    await pair.ship()
    await asyncio.sleep(1)
    await pair.leader.controller.kill()
    killed = time.monotonic()
    await until(lambda: asyncio.sleep(0, pair.taken_over()))
    assert LEASE - RETRY - 0.5 <= time.monotonic() - killed <= LEASE + RETRY + LATE
    await pair.stage.settled()
    assert pair.stage.cluster.unserved == 0


async def test_a_leader_that_was_stopped_longer_than_its_lease_wakes_up_and_writes_nothing(
    pair: Pair,
) -> None:
    """It is stopped while a write waits to be repeated, which is the first thing that it wakes up to."""
    proxy = pair.leader.proxy
    put_off = Answer(code=429, retry_after="1")
    proxy.choose = lambda request: put_off if is_write(request) and "/leases" not in request.path else None
    await pair.ship()
    await until(lambda: asyncio.sleep(0, proxy.met))
    pair.leader.controller.signal(signal.SIGSTOP)
    await asyncio.sleep(0.3)
    stopped = time.monotonic()
    proxy.choose = lambda _: None
    await until(lambda: asyncio.sleep(0, pair.taken_over()))
    await pair.ship()  # it will see on waking up what it would love to act on
    await asyncio.sleep(1.5)
    pair.leader.controller.signal(signal.SIGCONT)
    assert await pair.leader.controller.ended() == 1
    assert pair.leader.since(stopped) == []
    log = pair.leader.controller.log
    assert log.count("lost the lease") == 1, log[-2000:]
    assert "Traceback" not in log
    await pair.stage.settled()
    assert pair.leader.since(stopped) == []


async def test_a_leader_that_cannot_reach_the_server_stops_before_the_other_begins(pair: Pair) -> None:
    await pair.ship()
    await asyncio.sleep(1)
    pair.leader.proxy.choose = lambda _: ResetBefore()
    pair.leader.proxy.cut()
    assert await pair.leader.controller.ended() == 1
    ended = time.monotonic()
    assert not pair.standby.taken
    await until(lambda: asyncio.sleep(0, pair.taken_over()))
    await pair.stage.settled()
    pair.leader.proxy.choose = lambda _: None
    assert pair.leader.since(ended) == []


async def test_writes_that_hang_in_the_network_when_the_lease_is_lost_never_arrive(pair: Pair) -> None:
    """The leader's writes wait on the way for longer than its lease; it cannot renew any more."""
    pair.leader.proxy.choose = lambda request: (
        ResetBefore() if "/leases" in request.path else Slow(LEASE + 2) if is_write(request) else None
    )
    began = time.monotonic()
    await pair.ship()
    assert await pair.leader.controller.ended() == 1
    await until(lambda: asyncio.sleep(0, pair.taken_over()))
    await pair.stage.settled()
    await asyncio.sleep(2)
    assert pair.leader.since(began) == []


async def test_a_lease_that_is_deleted_or_edited_never_makes_two_leaders(pair: Pair) -> None:
    cluster = pair.stage.cluster
    holder = await pair.holder()
    await cluster.client.delete(LEASES, NAME, cluster.namespace)
    await asyncio.sleep(2 * RETRY + 1)
    await cluster.client.patch(LEASES, NAME, {"spec": {"holderIdentity": None}}, cluster.namespace)
    await asyncio.sleep(2 * RETRY + 1)
    assert await pair.holder() == holder
    assert not pair.taken_over()
    await cluster.client.patch(LEASES, NAME, {"spec": {"holderIdentity": "nobody"}}, cluster.namespace)
    assert await pair.leader.controller.ended() == 1
    ended = time.monotonic()
    await pair.ship()
    await until(lambda: asyncio.sleep(0, pair.taken_over()))
    await pair.stage.settled()
    assert pair.leader.since(ended) == []
