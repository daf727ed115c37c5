"""A soak runs thousands of programs in one process: what each leaves behind is there to the end."""

import gc

from tests.simulation.draw import draw
from tests.simulation.run import run

SEEDS = (2, 7, 13)
"""A rolling update, a canary behind nginx, and one with proofs."""


def test_programs_leave_nothing_behind_in_memory() -> None:
    def objects() -> int:
        for seed in SEEDS:
            run(draw(seed))
        gc.collect()
        return len(gc.get_objects())

    objects()  # what is read once for all of them
    first = objects()
    rounds = 3
    for _ in range(rounds - 1):
        objects()
    # A handful may come late or belong to others; a world kept for good is hundreds in each program.
    assert objects() - first < 100 * rounds
