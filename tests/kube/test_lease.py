"""One controller leads; another takes over when it ends or falls silent, whatever befalls the lease."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.kube.client import Client
from rollouts.kube.errors import Unreachable
from rollouts.kube.fence import LeadershipLost
from rollouts.kube.lease import Elector, Timing, lease_name
from rollouts.kube.resources import LEASES
from rollouts.kube.transport import Request, Response, Transport
from tests.controller.api import running, server, virtually
from tests.faults.model import Choose, Fault, ResetAfter, Slow, is_write
from tests.faults.transport import Faulty

D, RENEW = 15.0, 10.0


class Cable:
    """A transport that can be pulled out."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.out = False

    async def request(self, request: Request) -> Response:
        if self.out:
            raise Unreachable("pulled out")
        return await self.inner.request(request)


def elector(client: Client, identity: str, clock: Callable[[], datetime] | None = None) -> Elector:
    return Elector(client, namespace="default", name="lock", identity=identity, clock=clock or VirtualClock())


class Worker:
    """Notes when it works."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float | None]] = []

    async def __call__(self) -> None:
        self.spans.append((now(), None))
        try:
            await asyncio.sleep(1e6)
        finally:
            self.spans[-1] = (self.spans[-1][0], now())

    @property
    def works(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] is None


def now() -> float:
    return asyncio.get_running_loop().time()


FREE = {"holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": 3}


async def with_lease(client: Client, spec: Object) -> None:
    """A lease that somebody has left."""
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "lock"},
        "spec": spec,
    }
    await client.create(LEASES, body, "default")


async def edit(client: Client, **spec: Any) -> None:
    await client.patch(LEASES, "lock", {"spec": spec}, "default")


async def spec_of(client: Client) -> Object:
    found: Object = (await client.get(LEASES, "lock", "default"))["spec"]
    return found


@virtually
async def test_the_first_leads_and_the_second_waits_until_the_first_lets_go() -> None:
    _, client = server()
    await with_lease(client, FREE)
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(client, "one").run(one))
    await asyncio.sleep(0.1)
    assert one.works
    async with running(elector(client, "two").run(two)):
        await asyncio.sleep(60)
        assert (len(one.spans), len(two.spans)) == (1, 0)
        first.cancel()
        await asyncio.sleep(2.5)
        assert two.works
    assert (await spec_of(client))["leaseTransitions"] == 5


@virtually
async def test_a_leader_that_cannot_renew_stops_before_another_begins() -> None:
    _, client = server()
    await with_lease(client, FREE)
    cable = Cable(client.transport)
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(Client(cable), "one").run(one))
    await asyncio.sleep(0)
    async with running(elector(client, "two").run(two)):
        await asyncio.sleep(30)
        cable.out = True
        with pytest.raises(LeadershipLost, match="lost the lease default/lock"):
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
    await with_lease(client, FREE)
    cable = Cable(client.transport)
    worker = Worker()
    async with running(elector(Client(cable), "one").run(worker)):
        await asyncio.sleep(10)
        cable.out = True
        await asyncio.sleep(5)
        cable.out = False
        await asyncio.sleep(60)
        assert worker.spans == [(0, None)]


@virtually
async def test_a_lease_that_is_missing_may_have_had_a_leader_who_is_given_time_to_notice() -> None:
    _, client = server()
    worker = Worker()
    async with running(elector(client, "one").run(worker)):
        await asyncio.sleep(60)
    assert D <= worker.spans[0][0] <= D + 3


@virtually
async def test_a_lease_that_is_deleted_is_written_again_by_its_leader() -> None:
    _, client = server()
    await with_lease(client, FREE)
    one, two = Worker(), Worker()
    async with running(elector(client, "one").run(one), elector(client, "two").run(two)):
        await asyncio.sleep(5)
        for _ in range(20):
            await client.delete(LEASES, "lock", "default")
            await asyncio.sleep(7.3)
        assert (one.works, two.works) == (True, False)
        assert (await spec_of(client))["holderIdentity"] == "one"


@virtually
async def test_a_lease_whose_holder_is_struck_out_is_kept_by_its_leader() -> None:
    _, client = server()
    await with_lease(client, FREE)
    one, two = Worker(), Worker()
    async with running(elector(client, "one").run(one), elector(client, "two").run(two)):
        await asyncio.sleep(5)
        await edit(client, holderIdentity="")
        await asyncio.sleep(60)
        await edit(client, holderIdentity=None, leaseDurationSeconds=None, renewTime=None)
        await asyncio.sleep(60)
        assert (one.works, two.works) == (True, False)


@virtually
async def test_a_lease_that_is_given_to_somebody_else_ends_the_leader_and_is_taken_after_its_time() -> None:
    _, client = server()
    await with_lease(client, FREE)
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(client, "one").run(one))
    await asyncio.sleep(0)
    async with running(elector(client, "two").run(two)):
        await asyncio.sleep(5)
        await edit(client, holderIdentity="nobody")
        with pytest.raises(LeadershipLost):
            await first
        assert now() <= 5 + 2 + 0.1
        await asyncio.sleep(30)
        assert 5 + D <= two.spans[0][0] <= 5 + D + 4


@virtually
async def test_a_duration_that_somebody_shortens_does_not_make_a_second_leader() -> None:
    _, client = server()
    await with_lease(client, FREE)
    cable = Cable(client.transport)
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(Client(cable), "one").run(one))
    await asyncio.sleep(0)
    async with running(elector(client, "two").run(two)):
        await asyncio.sleep(5)
        cable.out = True
        await edit(client, leaseDurationSeconds=1)
        await asyncio.sleep(40)
        with pytest.raises(LeadershipLost):
            await first
        assert (one.spans[0][1] or 1e9) < two.spans[0][0]


@pytest.mark.parametrize(
    ("spec", "free_after"),
    [
        (
            {
                "holderIdentity": "host_uuid",
                "leaseDurationSeconds": 15,
                "renewTime": "2001-01-01T00:00:00.0Z",
            },
            D,
        ),
        ({"holderIdentity": "host_uuid", "leaseDurationSeconds": 40}, 40),
        ({"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": "2001-01-01T00:00:00.000000Z"}, 0),
        ({"holderIdentity": "host_uuid"}, D),
        ({}, D),
    ],
    ids=["upstream's", "a longer one", "given back by upstream", "without a duration", "empty"],
)
def test_a_lease_that_another_program_wrote_is_respected(spec: Object, free_after: float) -> None:
    async def main() -> None:
        _, client = server()
        await with_lease(client, spec)
        worker = Worker()
        async with running(elector(client, "one").run(worker)):
            await asyncio.sleep(100)
        assert free_after <= worker.spans[0][0] <= free_after + 3

    run(main())


@pytest.mark.parametrize("nonsense", ["soon", -1, 0, True, 1.5, {"a": 1}, [], None])
def test_numbers_in_a_lease_that_are_none_count_as_not_given(nonsense: object) -> None:
    async def main() -> None:
        _, client = server()
        spec = {"holderIdentity": "x", "leaseDurationSeconds": nonsense, "leaseTransitions": nonsense}

        class Altered:
            """An API server that has such a lease, which a real one would not."""

            async def request(self, request: Request) -> Response:
                answer = await client.transport.request(request)
                if request.method == "GET" and answer.body["spec"].get("holderIdentity") == "x":
                    return Response(code=200, body={**answer.body, "spec": spec})
                return answer

        await with_lease(client, {"holderIdentity": "x"})
        worker = Worker()
        async with running(elector(Client(Altered()), "one").run(worker)):  # type: ignore[arg-type]
            await asyncio.sleep(30)
        assert D <= worker.spans[0][0] <= D + 3

    run(main())


@virtually
async def test_clocks_that_disagree_by_hours_make_no_difference() -> None:
    _, client = server()
    await with_lease(client, FREE)
    one, two = Worker(), Worker()
    clock = VirtualClock()
    ahead = elector(client, "one", lambda: clock() + timedelta(hours=5))
    behind = elector(client, "two", lambda: clock() - timedelta(hours=5))
    first = asyncio.create_task(ahead.run(one))
    await asyncio.sleep(0)
    async with running(behind.run(two)):
        await asyncio.sleep(100)
        assert (one.works, two.works) == (True, False)
        first.cancel()
        await asyncio.sleep(3)
        assert two.works


@virtually
async def test_a_look_at_the_lease_that_takes_long_does_not_make_it_expire_earlier() -> None:
    """The answer shows a renewal from right before it, although the question was asked long ago."""
    _, client = server()
    await with_lease(client, FREE)
    delays = iter([0.0, 14.0])

    def slow(request: Request) -> Fault | None:
        return Slow(next(delays, 0.0))

    cable = Cable(client.transport)
    one, two = Worker(), Worker()
    first = asyncio.create_task(elector(Client(cable), "one").run(one))
    await asyncio.sleep(1)
    async with running(elector(Client(Faulty(client.transport, slow)), "two").run(two)):
        await asyncio.sleep(16.5)
        cable.out = True
        with pytest.raises(LeadershipLost):
            await first
        await asyncio.sleep(30)
        assert (one.spans[0][1] or 1e9) < two.spans[0][0]


@virtually
async def test_a_lease_that_was_taken_although_the_answer_was_lost_is_used() -> None:
    _, client = server()
    await with_lease(client, FREE)
    lost = iter([ResetAfter()])
    choose: Choose = lambda request: next(lost, None) if is_write(request) else None  # noqa: E731
    worker = Worker()
    async with running(elector(Client(Faulty(client.transport, choose)), "one").run(worker)):
        await asyncio.sleep(30)
        assert worker.works
        assert worker.spans[0][0] <= 3


@pytest.mark.parametrize(
    ("timing", "field"),
    [
        ({"duration": timedelta(seconds=10)}, "--leader-election-lease-duration"),
        ({"retry_period": timedelta(seconds=10)}, "--leader-election-retry-period"),
        ({"retry_period": timedelta()}, "--leader-election-retry-period"),
    ],
)
def test_times_that_leave_no_room_are_refused_by_name(timing: dict[str, timedelta], field: str) -> None:
    with pytest.raises(InvalidSpec, match=field):
        Timing(**timing)


def test_the_lease_has_the_name_that_upstream_gives_it() -> None:
    assert lease_name() == "argo-rollouts-controller-lock"
    assert lease_name("blue") == "argo-rollouts-controller-lock-blue"
