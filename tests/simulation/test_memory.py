"""A soak runs thousands of programs in one process: what each leaves behind is there to the end."""

import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.draw import draw
from tests.simulation.run import run

SEEDS = (2, 7, 13)
"""A rolling update, a canary behind nginx, and one with proofs."""

ROUNDS = 4


def objects() -> int:
    """How many objects the process keeps once the programs of SEEDS have run in it."""
    for seed in SEEDS:
        run(draw(seed))
    gc.collect()
    return len(gc.get_objects())


def kept() -> list[int]:
    objects()  # what is read once for all of them
    objects()  # and the weak references that a second world makes of it
    return [objects() for _ in range(ROUNDS)]


def test_programs_leave_nothing_behind_in_memory() -> None:
    # In a process of its own: threads and finalizers of other tests keep and drop objects when they like.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        counted = alone.submit(kept).result(timeout=300)
    # A world kept for good is hundreds of objects in each program; a handful may come late.
    assert max(counted) - counted[0] < 10 * ROUNDS, counted
