"""Which key is looked at next: the scheduler's rules, in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from rollouts.controller.workqueue import WorkQueue, backoff
from rollouts.embedded.virtual_time import run


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_key_that_is_added_twice_is_handed_out_once() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        queue.add("a")
        assert await queue.get() == "a"
        queue.done("a")
        assert len(queue) == 0

    run(main())


def test_the_soonest_of_two_wishes_wins() -> None:
    async def main() -> float:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a", seconds(60))
        queue.add("a", seconds(5))
        queue.add("a", seconds(30))
        await queue.get()
        assert len(queue) == 0
        return now()

    assert run(main()) == pytest.approx(5)


def test_a_wish_for_a_key_at_work_is_kept_until_the_work_is_done() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        queue.add("b", seconds(1))
        assert await queue.get() == "a"
        queue.add("a")
        assert await queue.get() == "b"
        queue.done("a")
        assert await queue.get() == "a"
        assert now() == pytest.approx(1)

    run(main())


def test_a_wish_that_comes_while_the_consumer_waits_is_served_at_once() -> None:
    async def main() -> float:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("late", seconds(100))
        asyncio.get_running_loop().call_later(3, queue.add, "soon")
        assert await queue.get() == "soon"
        return now()

    assert run(main()) == pytest.approx(3)


def test_a_later_wish_during_work_is_handed_out_at_its_time() -> None:
    async def main() -> float:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        await queue.get()
        queue.add("a", seconds(20))
        queue.done("a")
        await queue.get()
        return now()

    assert run(main()) == pytest.approx(20)


def test_keys_are_handed_out_in_the_order_in_which_they_are_due() -> None:
    async def main() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        for key, after in (("c", 3), ("a", 1), ("b", 2)):
            queue.add(key, seconds(after))
        return [await queue.get() for _ in range(3)]

    assert run(main()) == ["a", "b", "c"]


def test_the_delay_grows_from_ten_milliseconds_to_ten_seconds_and_no_further() -> None:
    delays = [backoff(failures).total_seconds() for failures in range(1, 40)]
    assert delays[:4] == [0.01, 0.02, 0.04, 0.08]
    assert delays == sorted(delays)
    assert delays[-1] == 10


def test_what_is_in_no_hurry_comes_after_all_that_is_due_and_before_what_is_not() -> None:
    async def main() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        for key in ("x", "y", "z"):
            queue.add_patiently(key)
        queue.add("later", seconds(60))
        queue.add("now")
        queue.add("y")
        assert len(queue) == 5
        taken = [await queue.get() for _ in range(5)]
        assert now() == pytest.approx(60)
        assert len(queue) == 0
        return taken

    assert run(main()) == ["now", "y", "x", "z", "later"]


def test_a_patient_wish_is_sooner_than_a_timer_and_is_kept_while_its_key_is_at_work() -> None:
    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a", seconds(60))
        queue.add_patiently("a")
        queue.add("a", seconds(30))
        assert await queue.get() == "a"
        assert now() == 0
        queue.add_patiently("a")
        queue.add_patiently("a")
        getting = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        assert not getting.done()
        queue.done("a")
        assert await getting == "a"
        queue.done("a")
        assert len(queue) == 0

    run(main())
