"""Each fault alone, in virtual time: releases and an abort end as they should, and nothing is done twice."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress

import pytest

from rollouts.embedded.api import InProcess
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World
from rollouts.kube.resources import REPLICA_SETS
from rollouts.kube.transport import Request
from tests.faults.cluster import Cluster, is_half_way, runs_of, shops
from tests.faults.model import (
    CONFLICT,
    INTERNAL_ERROR,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    Answer,
    Fault,
    Page,
    ResetAfter,
    ResetBefore,
    Slow,
    SlowAnswer,
    Truncated,
    WatchCut,
    WatchGone,
    WatchLate,
    WatchStalls,
    is_watch,
    is_write,
)
from tests.faults.transport import Faulty

Which = Callable[[Request], bool]


def is_read(request: Request) -> bool:
    return not is_write(request) and not is_watch(request)


def goes_on(request: Request) -> bool:
    return is_watch(request) and "sendInitialEvents" not in request.query


REFUSALS: list[Fault] = [
    CONFLICT,
    TOO_MANY_REQUESTS,
    INTERNAL_ERROR,
    UNAVAILABLE,
    Answer(code=401),
    Answer(code=403),
    Answer(code=404),
    Answer(code=422),
    Answer(code=429, retry_after="0"),
    Answer(code=429, retry_after="soon"),
    Answer(code=503, retry_after="86400"),
    Page(),
    Page(code=502, text="Bad Gateway"),
    ResetBefore(),
    ResetAfter(),
    Truncated(),
    Slow(3),
    SlowAnswer(3),
    Slow(45),
    SlowAnswer(45),
]
WATCHES: list[Fault] = [
    WatchGone(),
    WatchGone(after=2),
    WatchCut(),
    WatchCut(after=2),
    WatchStalls(after=2),
    WatchLate(3),
    WatchLate(20),
    Answer(code=410),
    Answer(code=500),
    ResetBefore(),
    Page(),
]


@pytest.mark.parametrize(
    ("fault", "which", "every"),
    [
        *((fault, is_write, 3) for fault in REFUSALS),
        *((fault, goes_on, 1) for fault in WATCHES),
    ],
    # By name: two workers must call a case the same.
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_releases_and_an_abort_end_as_they_should_and_nothing_is_done_twice(
    fault: Fault, which: Which, every: int
) -> None:
    numbers = itertools.count(1)
    is_bad = False

    def choose(request: Request) -> Fault | None:
        return fault if is_bad and which(request) and next(numbers) % every == 0 else None

    async def main() -> None:
        nonlocal is_bad
        lines: list[Faulty] = []

        def through(inner):  # type: ignore[no-untyped-def]
            lines.append(Faulty(inner, choose))
            return lines[-1]

        async with World(through=through) as world:
            cluster = Cluster(InProcess(world.server), world.namespace, world)
            await cluster.apply(*shops())
            await ends(lambda: all_at(cluster, shop="v1", pay="v1", cart="v1"))
            world.load.unserved = 0
            is_bad = True
            if which is goes_on:
                world.server.objects.storage.close()  # watches that are open already meet nothing
            for name in ("shop", "pay", "cart"):
                await cluster.ship(name, "v2")
            with suppress(TimeoutError):
                await ends(lambda: is_half_way(cluster, "cart"), limit=150)
                await cluster.abort("cart")
            await asyncio.sleep(300)
            assert lines[0].met
            is_bad = False
            await ends(lambda: all_at(cluster, shop="v2", pay="v2"))
            if not (await cluster.status("cart")).get("abort"):
                await ends(lambda: is_half_way(cluster, "cart"))
                await cluster.abort("cart")
            await ends(lambda: cluster.is_at("cart", "v1", "Degraded"))
            await nothing_twice(cluster)
            assert world.load.unserved == 0
            await asyncio.sleep(60)
            count = len(world.writes)
            await asyncio.sleep(600)
            assert world.writes[count:] == []

    run(main())


async def ends(holds: Callable[[], object], *, limit: float = 900) -> None:
    async with asyncio.timeout(limit):
        while not await holds():  # type: ignore[misc]  # noqa: ASYNC110
            await asyncio.sleep(1)


async def all_at(cluster: Cluster, **versions: str) -> bool:
    return all([await cluster.is_at(name, version) for name, version in versions.items()])


async def nothing_twice(cluster: Cluster) -> None:
    for name in ("shop", "pay", "cart"):
        images = [
            each["spec"]["template"]["spec"]["containers"][0]["image"]
            for each in await cluster.owned(REPLICA_SETS, name)
        ]
        assert sorted(images) == [f"{name}:v1", f"{name}:v2"]
    runs = await runs_of(cluster, "shop")
    assert [len(phases) for phases in runs.values()] == [1]


@pytest.mark.parametrize(
    "fault",
    [
        CONFLICT,
        Answer(code=401),
        Answer(code=403),
        Answer(code=422),
        Answer(code=429, retry_after="0"),
        Answer(code=429, retry_after="1"),
        Answer(code=503, retry_after="999999999"),
        INTERNAL_ERROR,
        Page(),
        ResetBefore(),
    ],
    ids=str,
)
def test_an_answer_that_never_changes_is_asked_for_ever_less_often_and_told_a_few_times(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    is_bad = False

    def choose(request: Request) -> Fault | None:
        return fault if is_bad and is_write(request) else None

    async def main() -> None:
        nonlocal is_bad
        lines: list[Faulty] = []

        def through(inner):  # type: ignore[no-untyped-def]
            lines.append(Faulty(inner, choose))
            return lines[-1]

        async with World(through=through) as world:
            cluster = Cluster(InProcess(world.server), world.namespace, world)
            await cluster.apply(*shops())
            await ends(lambda: all_at(cluster, shop="v1", pay="v1", cart="v1"))
            is_bad = True
            for name in ("shop", "pay", "cart"):
                await cluster.ship(name, "v2")
            caplog.clear()
            await asyncio.sleep(600)
            attempts = [request for request, _ in lines[0].met]
            assert 3 <= len(attempts) <= 3 * 4 * 600 / 10, "three objects, a few writes each in ten seconds"
            told = [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]
            assert len(told) <= 30
            is_bad = False
            await ends(lambda: all_at(cluster, shop="v2", pay="v2"))

    run(main())
