"""A controller process and an API server that cannot be relied on: every release ends as it should."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

import pytest

from rollouts.kube.resources import ANALYSIS_RUNS, REPLICA_SETS
from rollouts.kube.transport import Request
from tests.faults.cluster import is_half_way, runs_of
from tests.faults.conftest import Stage
from tests.faults.controller import until
from tests.faults.model import (
    CONFLICT,
    INTERNAL_ERROR,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    Answer,
    Choose,
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
    is_watch,
    is_write,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def every(number: int, faults: Sequence[Fault], which: Callable[[Request], bool], *, times: int) -> Choose:
    """Of the requests that are meant every nth meets a fault, each in its turn; so many in all."""
    requests, turns = itertools.count(1), itertools.cycle(faults)
    left = iter(range(times))

    def choose(request: Request) -> Fault | None:
        if not which(request) or next(requests) % number:
            return None
        return next(turns) if next(left, None) is not None else None

    return choose


def goes_on(request: Request) -> bool:
    """Whether a watch goes on from a list."""
    return is_watch(request) and "sendInitialEvents" not in request.query


async def release(stage: Stage) -> None:
    """Ship the next version of two shops, and of the third one that is aborted half-way; see how it ends."""
    cluster, version = stage.cluster, f"v{stage.shipped + 1}"
    for name in ("shop", "pay", "cart"):
        await cluster.ship(name, version)
    await until(lambda: is_half_way(cluster, "cart"), limit=120)
    await cluster.abort("cart")
    await until(lambda: cluster.is_at("cart", "v1", "Degraded"), limit=120)
    stage.shipped += 1
    for name in ("shop", "pay"):
        await until(lambda name=name: cluster.is_at(name, version), limit=120)
    await cluster.ship("cart", "v1")
    await stage.settled()


async def nothing_twice(stage: Stage) -> None:
    """One ReplicaSet for each version, and one AnalysisRun for each revision and step."""
    for name in ("shop", "pay", "cart"):
        images = [
            each["spec"]["template"]["spec"]["containers"][0]["image"]
            for each in await stage.cluster.owned(REPLICA_SETS, name)
        ]
        assert len(images) == len(set(images)), images
    runs = await runs_of(stage.cluster, "shop")
    assert all(phases == ["Successful"] for phases in runs.values()), runs
    assert len(await stage.cluster.owned(ANALYSIS_RUNS, "shop")) == len(runs)


def in_order(stage: Stage) -> None:
    """No defect and no secret in the log."""
    assert "Traceback" not in stage.controller.log
    assert stage.controller.said("a defect") == 0, stage.controller.log[-3000:]
    for token in ("token-1", "token-2"):
        assert token not in stage.controller.log


@pytest.mark.parametrize(
    ("faults", "number", "which"),
    [
        ([CONFLICT, TOO_MANY_REQUESTS, INTERNAL_ERROR, UNAVAILABLE, Answer(code=429)], 2, is_write),
        ([ResetBefore(), ResetAfter(), Truncated(), Page(), Page(code=502, text="Bad Gateway")], 2, is_write),
        ([Slow(1), SlowAnswer(1)], 3, is_write),
        ([WatchGone(after=1), WatchCut(after=1), WatchGone(after=3), WatchCut(after=3)], 1, goes_on),
        ([WatchLate(1)], 1, is_watch),
    ],
    ids=["refused", "broken", "slow", "watches that end", "a stale cache"],
)
async def test_releases_and_aborts_end_as_they_should_and_no_request_is_lost(
    stage: Stage, faults: Sequence[Fault], number: int, which: Callable[[Request], bool]
) -> None:
    met, said = len(stage.proxy.met), stage.controller.said("does not serve")
    stage.proxy.choose = every(number, faults, which, times=30)
    if which is not is_write:
        stage.proxy.cut()  # watches that are open already meet nothing
    await release(stage)
    stage.proxy.choose = lambda _: None
    assert {fault for _, fault in stage.proxy.met[met:]} == set(faults)
    await nothing_twice(stage)
    assert stage.cluster.unserved == 0
    assert stage.controller.said("does not serve") - said <= 2  # once a minute at most
    in_order(stage)
    await is_left_alone(stage)


async def is_left_alone(stage: Stage) -> None:
    """It comes to rest: nothing is written any more, for some seconds on end.

    The last pods may still be on their way out, of which a status counts each.
    """

    async def is_at_rest() -> bool:
        count = len(stage.proxy.writes)
        await asyncio.sleep(4)
        return len(stage.proxy.writes) == count

    await until(is_at_rest, limit=60)


async def test_a_server_that_is_down_is_told_once_and_asked_ever_less_often(stage: Stage) -> None:
    before, megabytes = len(stage.proxy.requests), stage.controller.megabytes()
    gone, back = stage.controller.said("does not serve"), stage.controller.said("serves again")
    lines = len(stage.controller.log.splitlines())
    stage.proxy.choose = lambda _: ResetBefore()
    stage.proxy.cut()
    for name in ("shop", "pay"):
        await stage.cluster.ship(name, f"v{stage.shipped + 1}")
    stage.shipped += 1
    await asyncio.sleep(8)
    kinds = len({each.path for each in stage.proxy.requests if is_watch(each)})
    asked = len(stage.proxy.requests) - before
    assert asked <= kinds * 15, f"{asked} requests in 8 s for {kinds} kinds"
    stage.proxy.choose = lambda _: None
    await stage.settled()
    assert stage.controller.said("does not serve") - gone <= 1
    assert stage.controller.said("serves again") - back <= 1
    told = [
        line
        for line in stage.controller.log.splitlines()[lines:]
        if '"level": "warning"' in line or '"level": "error"' in line
    ]
    assert len(told) <= 3, told
    assert stage.controller.megabytes() < megabytes + 30
    await nothing_twice(stage)
    in_order(stage)


async def test_a_server_that_restarts_finds_the_controller_at_work_again(stage: Stage) -> None:
    for name in ("shop", "pay"):
        await stage.cluster.ship(name, f"v{stage.shipped + 1}")
    stage.shipped += 1
    for _ in range(3):
        await asyncio.sleep(0.7)
        await stage.proxy.down()
        await asyncio.sleep(0.7)
        await stage.proxy.up()
    await stage.settled()
    await nothing_twice(stage)
    assert stage.cluster.unserved == 0
    in_order(stage)


async def test_a_token_that_expires_and_is_replaced_interrupts_nothing(stage: Stage) -> None:
    old, new = stage.proxy.token, "token-2" if stage.proxy.token == "token-1" else "token-1"
    for name in ("shop", "pay"):
        await stage.cluster.ship(name, f"v{stage.shipped + 1}")
    stage.shipped += 1
    await asyncio.sleep(0.5)
    stage.proxy.token = new
    stage.proxy.cut()  # watches, too, are opened with a token
    await asyncio.sleep(1)
    (stage.folder / "token").write_text(new)
    await stage.settled()
    await nothing_twice(stage)
    assert stage.cluster.unserved == 0
    assert old != new
    in_order(stage)


async def test_killed_before_or_after_any_of_its_writes_the_controller_takes_up_where_it_was(
    stage: Stage,
) -> None:
    """Every third write is its last, taken by the server or not."""
    kills = itertools.count(1)
    numbers = itertools.count(1)
    doomed = asyncio.Event()

    def before(request: Request) -> Fault | None:
        if not is_write(request) or doomed.is_set() or next(numbers) % 3 or next(kills) > 8:
            return None
        doomed.set()
        return ResetBefore() if next(turn) else ResetAfter()

    turn = itertools.cycle((True, False))
    stage.proxy.choose = before

    async def undertaker() -> None:
        while True:
            await doomed.wait()
            await stage.controller.kill()
            await stage.controller.start()
            await stage.controller.ready()
            doomed.clear()

    watching = asyncio.create_task(undertaker())
    try:
        for name in ("shop", "pay"):
            await stage.cluster.ship(name, f"v{stage.shipped + 1}")
        stage.shipped += 1
        await stage.settled()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert next(kills) > 5
    await nothing_twice(stage)
    assert stage.cluster.unserved == 0
    in_order(stage)
