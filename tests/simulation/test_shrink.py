"""A program that fails is shown with the events that it takes to fail, and no others."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.draw import draw
from tests.simulation.events import Scale
from tests.simulation.past import Past
from tests.simulation.run import run
from tests.simulation.shrink import Places, fewest, only
from tests.simulation.view import View

SCALED = 168
"""The seed of a program in which somebody scales."""


@given(st.integers(0, 14).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(0, n - 1))))))
def test_what_is_needed_is_kept_and_nothing_else(drawn: tuple[int, set[int]]) -> None:
    count, needed = drawn[0], frozenset(each for each in drawn[1] if each < drawn[0])
    assert fewest(count, needed.issubset) == tuple(sorted(needed))


@given(st.integers(1, 10), st.sets(st.frozensets(st.integers(0, 9), max_size=3), min_size=1, max_size=6))
def test_no_single_event_of_what_is_kept_can_be_left_out(count: int, ways: set[frozenset[int]]) -> None:
    """Of several ways to fail one is left, whichever needs which."""

    def breaks(places: Places) -> bool:
        return len(places) == count or any(way.issubset(places) for way in ways)

    kept = fewest(count, breaks)
    assert breaks(kept)
    assert not any(breaks(tuple(each for each in kept if each != place)) for place in kept)


def test_a_failing_program_comes_down_to_the_event_that_makes_it_fail() -> None:
    program = draw(SCALED)

    def nobody_scales(before: View, after: View, past: Past) -> Iterator[str]:
        if before.rollout and after.rollout and before.replicas != after.replicas:
            yield "somebody scaled"

    def breaks(places: Places) -> bool:
        return run(only(program, places), invariants=(nobody_scales,)).violation is not None

    (place,) = fewest(len(program.events), breaks)
    assert isinstance(program.events[place].event, Scale)
    assert len(program.events) > 4
