"""Makes a program that breaks an invariant shorter: whoever looks into it has fewer events to think about."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.program import Program

Places = tuple[int, ...]
"""Events of a program by their place in it, from 0."""


def only(program: Program, places: Places) -> Program:
    """The program with just these of its events, each at its time."""
    return replace(program, events=tuple(program.events[place] for place in places))


def fewest(count: int, breaks: Callable[[Places], bool]) -> Places:
    """Places that still break what all of them break, and of which no single one can be left out.

    Args:
        count: how many events there are.
        breaks: whether these events alone break it too; asked some dozens of times.
    """
    kept, size = tuple(range(count)), count
    while size:
        shorter = kept
        for end in range(len(kept), 0, -size):
            left = frozenset(kept[max(0, end - size) : end])
            fewer = tuple(place for place in shorter if place not in left)
            if breaks(fewer):
                shorter = fewer
        again = size == 1 and shorter != kept  # what could not be left out before may be now
        kept, size = shorter, size if again else size // 2
    return kept
