"""The manager calls `reconcile` with names: after changes, at the time asked for, and after failures."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from rollouts.api.crd import crds
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.controller.manager import Manager, after_error
from rollouts.controller.ownwrites import Tracking
from rollouts.controller.reconciler import Key, KeysOf
from rollouts.embedded.virtual_time import run
from rollouts.kube.client import Client
from rollouts.kube.errors import Conflict, Forbidden, ServerError, TooManyRequests, Unreachable
from rollouts.kube.resources import CONFIG_MAPS, ROLLOUTS, SECRETS, Resource
from rollouts.kube.store import Store, Writer
from rollouts.kube.transport import Request, Response, Transport
from tests.controller.api import running, server, virtually
from tests.faults.model import UNAVAILABLE, Fault, WatchCut, WatchStalls
from tests.faults.transport import Faulty

Answer = Callable[[Key], Awaitable[timedelta | None]]


async def _rest(_: Key) -> timedelta | None:
    return None


@dataclass
class Toy:
    """Reconciles ConfigMaps, and notes when it was called with what."""

    answer: Answer = _rest
    resource: Resource = CONFIG_MAPS
    calls: list[tuple[float, str]] = field(default_factory=list)

    def watches(self) -> Mapping[Resource, KeysOf]:
        return {SECRETS: lambda obj: (Key("default", obj["metadata"]["labels"]["for"]),)}

    async def reconcile(self, key: Key) -> timedelta | None:
        self.calls.append((round(asyncio.get_running_loop().time(), 3), key.name))
        return await self.answer(key)

    def times(self, name: str) -> list[float]:
        return [at for at, called in self.calls if called == name]


def config_map(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


async def write(client: Client, name: str, value: str) -> None:
    await client.patch(CONFIG_MAPS, name, {"data": {"value": value}}, "default")


@virtually
async def test_what_is_there_and_what_comes_is_looked_at() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("old"), "default")
    toy = Toy()
    async with running(Manager(client, Writer(), [toy]).run()):
        await asyncio.sleep(1)
        await client.create(CONFIG_MAPS, config_map("new"), "default")
        await asyncio.sleep(1)
        await client.delete(CONFIG_MAPS, "old", "default")
        await asyncio.sleep(1)
    assert [name for _, name in toy.calls] == ["old", "new", "old"]


@virtually
async def test_a_change_of_another_kind_concerns_what_it_is_mapped_to() -> None:
    _, client = server()
    toy = Toy()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "default", "labels": {"for": "a"}},
    }
    async with running(Manager(client, Writer(), [toy]).run()):
        await asyncio.sleep(1)
        await client.create(SECRETS, secret, "default")
        await asyncio.sleep(1)
        await client.patch(SECRETS, "s", {"metadata": {"labels": {"for": "b"}}}, "default")
        await asyncio.sleep(1)
    # The last change concerns both: the one that it no longer names, too.
    assert [name for _, name in toy.calls] == ["a", "a", "b"]


@virtually
async def test_it_comes_back_when_asked_to() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")

    async def in_a_minute(_: Key) -> timedelta | None:
        return timedelta(minutes=1)

    toy = Toy(in_a_minute)
    async with running(Manager(client, Writer(), [toy]).run()):
        await asyncio.sleep(150)
    assert toy.times("a") == [0, 60, 120]


@virtually
async def test_a_defect_met_by_one_object_does_not_keep_others_from_going_on() -> None:
    _, client = server()

    async def fail(key: Key) -> timedelta | None:
        if key.name == "bad":
            raise ZeroDivisionError("a defect")
        return None

    toy = Toy(fail)
    async with running(Manager(client, Writer(), [toy]).run()):
        await asyncio.sleep(1)
        await client.create(CONFIG_MAPS, config_map("bad"), "default")
        await asyncio.sleep(30)
        await client.create(CONFIG_MAPS, config_map("good"), "default")
        await asyncio.sleep(1)
    assert toy.times("good") == [31]
    waits = [b - a for a, b in zip(toy.times("bad"), toy.times("bad")[1:], strict=False)]
    assert waits[0] < 0.1
    assert max(waits) <= 10
    assert waits == sorted(waits)


@virtually
async def test_the_next_decision_sees_what_the_last_one_wrote() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    store = Writer()
    writer = Client(Tracking(client.transport))
    seen: list[str | None] = []

    async def count(_: Key) -> timedelta | None:
        value = _value(store)
        seen.append(value)
        number = int(value or 0) + 1
        if number > 5:
            return None
        await write(writer, "a", str(number))
        return timedelta()

    async with running(Manager(client, store, [Toy(count)]).run()):
        await asyncio.sleep(1)
    assert seen[:6] == [None, "1", "2", "3", "4", "5"]


def _value(store: Store) -> str | None:
    obj = store.get(CONFIG_MAPS, "a", "default")
    return (obj.get("data") or {}).get("value") if obj else None


class NoSecrets:
    """A transport whose credentials do not allow to read Secrets."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    async def request(self, request: Request) -> Response:
        self._bar(request)
        return await self.inner.request(request)

    def _bar(self, request: Request) -> None:
        if request.path.endswith("/secrets"):
            raise Forbidden(403, {"message": "no"})

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        self._bar(request)
        async for event in self.inner.stream(request):
            yield event

    async def close(self) -> None:
        return


@virtually
async def test_a_kind_that_may_not_be_read_holds_everything_up_unless_it_is_optional() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    barred = Client(NoSecrets(client.transport))
    strict, lenient = Toy(), Toy()
    async with running(
        Manager(barred, Writer(), [strict]).run(),
        Manager(barred, Writer(), [lenient], optional=(SECRETS,)).run(),
    ):
        await asyncio.sleep(60)
    assert (strict.times("a"), lenient.times("a")) == ([], [0])


@virtually
async def test_a_write_to_a_namespace_that_is_not_watched_is_not_waited_for() -> None:
    _, client = server()
    elsewhere = config_map("x")
    elsewhere["metadata"]["namespace"] = "kube-system"
    await client.create(CONFIG_MAPS, elsewhere, "kube-system")
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    writer = Client(Tracking(client.transport))

    async def write_elsewhere(_: Key) -> timedelta | None:
        number = str(len(toy.calls))
        await writer.patch(CONFIG_MAPS, "x", {"data": {"value": number}}, "kube-system")
        return timedelta(seconds=1)

    toy = Toy(write_elsewhere)
    async with running(Manager(client, Writer(), [toy], namespace="default").run()):
        await asyncio.sleep(3.5)
    assert toy.times("a") == [0, 1, 2, 3]


@virtually
async def test_a_key_is_never_worked_on_twice_at_the_same_time() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    running_now = most = 0

    async def slow(_: Key) -> timedelta | None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(5)
        running_now -= 1
        return None

    toy = Toy(slow)
    async with running(Manager(client, Writer(), [toy]).run()):
        for number in range(5):
            await asyncio.sleep(1)
            await write(client, "a", str(number))
        await asyncio.sleep(20)
    assert most == 1
    assert toy.times("a") == [0, 5]


@virtually
async def test_everything_is_looked_at_again_now_and_then() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    toy = Toy()
    async with running(Manager(client, Writer(), [toy]).run()):
        await asyncio.sleep(1000)
    assert toy.times("a") == [0, 900]


@virtually
async def test_a_fleet_is_looked_at_again_bit_by_bit_and_each_of_it_once_in_a_period() -> None:
    _, client = server()
    for number in range(30):
        await client.create(CONFIG_MAPS, config_map(f"m{number:02}"), "default")
    toy = Toy()
    async with running(Manager(client, Writer(), [toy], resync=timedelta(seconds=10)).run()):
        await asyncio.sleep(29.5)
    seconds = [int(at) for at, _ in toy.calls if at >= 10]
    assert [seconds.count(each) for each in range(10, 30)] == [3] * 20
    for number in range(30):
        first, second, third = toy.times(f"m{number:02}")
        assert (first, round(third - second)) == (0, 10)


@virtually
async def test_where_a_part_of_an_object_is_kept_a_change_of_the_rest_wakes_nobody() -> None:
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    toy, store = Toy(), Writer()
    keep = {CONFIG_MAPS: lambda obj: {"metadata": obj["metadata"]}}
    async with running(Manager(client, store, [toy], keep=keep).run()):
        await asyncio.sleep(1)
        await write(client, "a", "unread")
        await asyncio.sleep(1)
        await client.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"read": "yes"}}}, "default")
        await asyncio.sleep(1)
    assert toy.times("a") == [0, 2]
    assert set(store.get(CONFIG_MAPS, "a", "default") or {}) == {"metadata"}


@virtually
async def test_after_a_start_what_is_settled_waits_for_what_is_not() -> None:
    api, client = server()
    api.install_crds(crds())
    for name, phase in (("a", "Healthy"), ("b", "Progressing"), ("c", "Healthy"), ("d", "Paused")):
        rollout = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": 1},
        }
        await client.create(ROLLOUTS, rollout, "default")
        status = {"phase": phase, "observedGeneration": "1"}
        await client.patch(ROLLOUTS, name, {"status": status}, "default", subresource="status")
    await client.patch(ROLLOUTS, "c", {"spec": {"replicas": 2}}, "default")
    toy = Toy(resource=ROLLOUTS)
    async with running(Manager(client, Writer(), [toy]).run()):
        await asyncio.sleep(1)
    assert [name for _, name in toy.calls] == ["b", "c", "d", "a"]


def test_the_policy_after_an_error() -> None:
    """Only its author can mend a bad spec; a server says when; all else is tried with growing delay."""
    assert after_error(InvalidSpec(".spec", "no"), 1) is None
    busy = TooManyRequests(429, {"details": {"retryAfterSeconds": 7}})
    assert after_error(busy, 1) == timedelta(seconds=7)
    for error in (Conflict(409, {}), ServerError(500, {}), Unreachable("no"), ZeroDivisionError()):
        assert after_error(error, 1) == timedelta(milliseconds=10)
        assert after_error(error, 50) == timedelta(seconds=10)


@virtually
async def test_controllers_that_end_give_up_what_they_are_at() -> None:
    """A pass that went on could write after the lease is lost."""
    _, client = server()
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    finished = []

    async def long_pass(key: Key) -> None:
        await asyncio.sleep(10)
        finished.append(key)

    async with running(Manager(client, Writer(), [Toy(long_pass)]).run()):
        await asyncio.sleep(5)
    await asyncio.sleep(20)
    assert not finished


def test_a_pass_that_fails_while_the_controllers_are_told_to_end_leaves_no_error_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As when the lease is lost: a write is refused, while the pass is held until the one before it shows."""

    async def main() -> None:
        _, client = server()
        await client.create(CONFIG_MAPS, config_map("a"), "default")
        tracked = Client(Tracking(client.transport))

        async def refused(key: Key) -> None:
            await tracked.patch(CONFIG_MAPS, key.name, {"data": {"a": "b"}}, key.namespace)
            raise Unreachable("refused")

        stalled = Client(Faulty(client.transport, lambda _: WatchStalls(after=2)))
        async with running(Manager(stalled, Writer(), [Toy(refused)]).run()):
            await asyncio.sleep(2)

    run(main())
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize(
    ("fault", "told"), [(WatchStalls(after=2), 1), (WatchCut(after=2), 0)], ids=["silent", "cut off"]
)
def test_a_write_that_is_not_shown_is_told_unless_an_outage_that_is_told_explains_it(
    fault: WatchStalls | WatchCut, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        _, client = server()
        await client.create(CONFIG_MAPS, config_map("a"), "default")
        writer = Client(Tracking(client.transport))
        opened: list[Request] = []

        def befall(request: Request) -> Fault | None:
            """The first watch breaks after the object and the end of the list, and no other opens."""
            if request.path.endswith("/secrets"):
                return None
            opened.append(request)
            return fault if len(opened) == 1 else UNAVAILABLE

        async def write_once(_: Key) -> timedelta | None:
            if len(toy.calls) == 1:
                await asyncio.sleep(1)
                await write(writer, "a", "1")
            return None

        toy = Toy(write_once)
        async with running(Manager(Client(Faulty(client.transport, befall)), Writer(), [toy]).run()):
            await asyncio.sleep(10)

    run(story())
    assert caplog.text.count("the watch has not shown our own write") == told
