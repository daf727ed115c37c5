"""Virtual time jumps, keeps order, and refuses what it would overtake."""

import asyncio
import time

import pytest

from rollouts.embedded.virtual_time import START, NotInVirtualTime, VirtualClock, run


def test_a_day_passes_in_an_instant() -> None:
    async def main() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    started = time.perf_counter()
    assert run(main()) == pytest.approx(86_400)
    assert time.perf_counter() - started < 5


def test_timers_fire_in_order_and_at_their_time() -> None:
    async def main() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        clock = VirtualClock()

        async def note(name: str, after: float) -> None:
            await asyncio.sleep(after)
            seen.append((name, (clock() - START).total_seconds()))

        await asyncio.gather(note("b", 20), note("a", 10), note("c", 20.5))
        return seen

    assert run(main()) == [("a", 10), ("b", 20), ("c", 20.5)]


def test_a_timeout_is_virtual_too() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(3600)


def test_waiting_for_nothing_is_an_error_instead_of_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NotInVirtualTime):
        run(main())


def test_working_without_a_pause_is_an_error_instead_of_a_hang() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110 (that is the mistake)
            await asyncio.sleep(0)

    with pytest.raises(NotInVirtualTime, match="over and over"):
        run(main())


def test_a_thread_is_refused() -> None:
    async def main() -> None:
        await asyncio.to_thread(time.sleep, 0)

    with pytest.raises(NotInVirtualTime):
        run(main())


def test_a_socket_is_refused() -> None:
    async def main() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with pytest.raises(NotInVirtualTime):
        run(main())
