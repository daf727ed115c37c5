"""Many runs at once, for benchmarks and plans: when each is failed, and when it is proven. Pure.

The lines are those that judge one look of one run; only the counts are arrays with one more axis.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.judges.sequential import tally
from analysis.judges.sequential.counts import ERRORS, Counts, of_errors
from analysis.judges.sequential.judge import TELLING
from analysis.judges.sequential.state import State
from analysis.judges.sequential.verdict import Terms, findings

Hits = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Courses:
    """What became of the runs: look numbers from 0, and -1 for never."""

    failed: Hits
    """The look at which each is failed."""
    proven: Hits
    """The first look at which each is proven before it is failed."""


def follow(terms: Terms, looks: Iterable[Counts], signals: tuple[str, ...] = (ERRORS,)) -> Courses:
    """Judge runs look by look.

    Args:
        terms: What is asked.
        looks: Counts in arrays over runs and signals; at least one look.
        signals: `errors`, or the edges of a histogram.
    """
    seen, begun, telling = None, np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    failed, proven, bound = np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), -math.log(terms.alpha)
    errors = of_errors(signals)
    for number, look in enumerate(looks):
        if seen is None:
            shape = np.shape(look.canary_bad)
            seen, telling = tally.nothing(terms.effects, shape), np.ones(shape, dtype=bool)
            failed, proven, begun = (
                np.full(shape[0], -1),
                np.full(shape[0], -1),
                np.zeros(shape[0], dtype=bool),
            )
        told = np.all((look.canary_requests > 0) & (look.reference_requests > 0), axis=-1)
        first = (told & ~begun)[:, None]
        begun = begun | told
        least, most = (share * look.reference_requests for share in TELLING)
        chosen = errors | ((least <= look.reference_bad) & (look.reference_bad < most))
        telling = np.where(first, chosen, telling)
        seen = tally.add(terms.effects, seen, look, of_errors=errors)
        if first.any():
            points = tally.begun(seen, errors).points
            seen = seen._replace(points=np.where(first[..., None], points, seen.points))
        found = findings(terms, State(signals, telling, seen))
        failed = np.where((failed < 0) & (found.harm >= bound), number, failed)
        proven = np.where((proven < 0) & (failed < 0) & (found.proof >= bound), number, proven)
    return Courses(failed=failed, proven=proven)
