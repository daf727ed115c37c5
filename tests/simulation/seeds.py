"""The fixed programs that every run of the suite goes through."""

from collections.abc import Iterator
from itertools import count, islice

from tests.simulation.draw import draw
from tests.simulation.program import Kind
from tests.simulation.run import run


def of(kind: Kind, number: int) -> list[int]:
    """The first so many seeds whose worlds are of a kind."""

    def matching() -> Iterator[int]:
        return (seed for seed in count() if draw(seed).setup.kind == kind)

    return list(islice(matching(), number))


def proving(number: int) -> list[int]:
    """The first so many seeds in whose worlds steps are held until the version is proven good."""
    return list(islice((seed for seed in count() if draw(seed).setup.errors), number))


def holds(seed: int) -> None:
    """Run the program of a seed and see that nothing happens in it that must never happen."""
    violation = run(draw(seed)).violation
    assert violation is None, f"{violation}; see it happen: make replay SEED={seed}"
