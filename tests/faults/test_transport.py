"""The fault layer itself does what its nouns say."""

import asyncio
from typing import Any

import pytest

from rollouts.embedded.virtual_time import run
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, Conflict, Gone, TooManyRequests, Unreachable
from rollouts.kube.resources import PODS
from tests.faults.model import (
    CONFLICT,
    GONE,
    TOO_MANY_REQUESTS,
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
)
from tests.faults.transport import Faulty
from tests.kube.scripted import HANG, Scripted, added, pod


class Outcome:
    """What one request and one watch came to."""

    def __init__(self, fault: Fault | None) -> None:
        self.server = Scripted(
            streams=[[added("a", 1), added("b", 2), added("c", 3), HANG]], answers=[pod("a", 1)]
        )
        self.faulty = Faulty(self.server, lambda _: fault)
        self.client = Client(self.faulty)

    async def ask(self) -> Any:
        return await self.client.get(PODS, "a", "a")

    async def watch(self, seconds: float) -> list[tuple[float, str]]:
        """When each event arrived and what it was about, for so long."""
        loop, seen = asyncio.get_running_loop(), []
        try:
            async with asyncio.timeout(seconds):
                async for event in self.client.watch(PODS):
                    failed = event["type"] == "ERROR"
                    seen.append((loop.time(), "410" if failed else event["object"]["metadata"]["name"]))
        except TimeoutError:
            seen.append((loop.time(), "silence"))
        except (ApiError, Unreachable) as error:
            seen.append((loop.time(), type(error).__name__))
        return seen


@pytest.mark.parametrize(
    ("fault", "error", "reaches_the_server"),
    [
        (CONFLICT, Conflict, False),
        (GONE, Gone, False),
        (TOO_MANY_REQUESTS, TooManyRequests, False),
        (Page(), Unreachable, False),
        (Page(code=502), ApiError, False),
        (ResetBefore(), Unreachable, False),
        (ResetAfter(), Unreachable, True),
        (Truncated(), Unreachable, True),
        (Slow(60), Unreachable, False),
        (SlowAnswer(60), Unreachable, True),
    ],
)
def test_a_request_fails_before_or_after_it_took_effect(
    fault: Fault, error: type[Exception], *, reaches_the_server: bool
) -> None:
    async def main() -> None:
        outcome = Outcome(fault)
        with pytest.raises(error):
            await outcome.ask()
        assert bool(outcome.server.requests) == reaches_the_server
        assert [each for _, each in outcome.faulty.met] == [fault]

    run(main())


@pytest.mark.parametrize(
    ("fault", "seconds"), [(Slow(7), 7), (SlowAnswer(7), 7), (WatchStalls(), 0), (None, 0)]
)
def test_a_request_that_is_only_late_or_not_meant_succeeds(fault: Fault | None, seconds: float) -> None:
    async def main() -> None:
        assert await Outcome(fault).ask() == pod("a", 1)
        assert asyncio.get_running_loop().time() == seconds

    run(main())


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (None, [(0, "a"), (0, "b"), (0, "c"), (9, "silence")]),
        (WatchStalls(after=1), [(0, "a"), (9, "silence")]),
        (WatchStalls(), [(9, "silence")]),
        (WatchCut(after=2), [(0, "a"), (0, "b"), (0, "Unreachable")]),
        (WatchGone(after=1), [(0, "a"), (0, "410")]),
        (WatchLate(5), [(5, "a"), (5, "b"), (5, "c"), (9, "silence")]),
        (GONE, [(0, "Gone")]),
        (ResetAfter(), [(0, "Unreachable")]),
        (Page(), [(0, "Unreachable")]),
    ],
)
def test_a_watch_shows_events_until_what_befalls_it(
    fault: Fault | None, seen: list[tuple[float, str]]
) -> None:
    assert run(Outcome(fault).watch(9)) == seen
