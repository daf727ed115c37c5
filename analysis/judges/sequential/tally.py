"""What all looks together say, as arrays; one number, or one per effect, for each thing judged side by side.

Everything here is elementwise over the leading axes: the judge has one axis (the signals of a metric), the
benchmark two (runs and signals), and both go through these same lines. Pure.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.judges.sequential import dispersion, gross, stakes
from analysis.judges.sequential.dispersion import Dispersion, Floats
from analysis.judges.sequential.effects import HARM, PROOF, Effects

DIGITS = 6
"""Of a log likelihood; the state is a text, and reading it back must change nothing."""


class Counts(NamedTuple):
    """One look. An arm without requests has no bad ones either."""

    canary_requests: Floats
    canary_bad: Floats
    reference_requests: Floats
    reference_bad: Floats


@dataclass(frozen=True, slots=True)
class Kinds:
    """Errors and edges of a histogram, side by side."""

    proving: NDArray[np.bool_]
    """Where the look counts for the proof."""
    moved: Floats
    """See `stakes.moved`."""


_ERRORS = Kinds(np.array(True), np.array(stakes.MOVED))


def kinds(of_errors: NDArray[np.bool_], first: NDArray[np.bool_]) -> Kinds:
    """What is counted at a look.

    Args:
        of_errors: Whether that is errors, rather than an edge.
        first: Whether it is the first look, which chose what edges are telling, and proves nothing of them.
    """
    return Kinds(of_errors | ~first, np.where(of_errors, stakes.MOVED, stakes.MOVED_OF_EDGES))


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over the looks."""

    totals: Counts
    """As counted."""
    points: Floats
    """The log likelihood of each ratio of `effects` relative to what it is compared with; for the ratios of a
    bad canary, the logarithm of what the stake on it has become."""
    gross: Floats
    """See `gross`."""
    dispersion: Dispersion
    """See `dispersion`."""


def nothing(effects: Effects, shape: tuple[int, ...]) -> Tally:
    """Before the first look."""
    points = np.zeros((*shape, len(effects.ratios)))
    points[..., HARM] = stakes.start()
    return Tally(
        totals=Counts(*np.zeros((len(Counts._fields), *shape))),
        points=points,
        gross=np.zeros((*shape, len(gross.RATES))),
        dispersion=dispersion.nothing(shape),
    )


def add(effects: Effects, seen: Tally, look: Counts, scale: float = 1.0, kinds: Kinds | None = None) -> Tally:
    """The sums with one more look. Where an arm had no requests, it says nothing and nothing changes.

    Args:
        effects: Of the judge.
        seen: The looks before.
        look: The counts.
        scale: How much of them was really seen.
        kinds: What is counted; errors by default.
    """
    kinds = kinds or _ERRORS
    told = ((look.canary_requests > 0) & (look.reference_requests > 0)).astype(np.float64)
    counted = np.array(look) * told
    canary_requests, _, reference_requests, _ = counted
    canary, reference = counted[1] * scale, counted[3] * scale
    share = canary_requests / np.maximum(canary_requests + reference_requests, 1e-300)
    more = _likelihood(effects, canary, reference, share)
    more[..., PROOF] *= kinds.proving
    points = seen.points + more
    points[..., HARM] = stakes.moved(seen.points[..., HARM], seen.dispersion, kinds.moved) + more[..., HARM]
    down = gross.evidence(effects.max_ratio, seen.totals, Counts(*counted)) * scale
    return Tally(
        totals=Counts(*(np.array(seen.totals) + counted)),
        points=points.round(DIGITS),
        gross=(seen.gross + down).round(DIGITS),
        dispersion=dispersion.add(seen.dispersion, canary, reference, share, told),
    )


def gather(seen: Tally) -> Tally:
    """After the first look of a histogram: without stakes on edges at which nothing can be worse."""
    totals = seen.totals
    possible = totals.reference_bad <= stakes.POSSIBLE * totals.reference_requests
    points = seen.points.copy()
    points[..., HARM] = stakes.gathered(points[..., HARM], possible).round(DIGITS)
    return replace(seen, points=points)


def _likelihood(effects: Effects, canary: Floats, reference: Floats, share: Floats) -> Floats:
    """The log of how much likelier each ratio makes these bad requests than what it is compared with does.

    A request that is bad is the canary's with chance `share * ratio / (share * ratio + 1 - share)`. The
    expectation of the likelihood ratio is at most 1 for independent requests, each with a rate of its own, if
    the canary's mean rate is at most `bound` times the reference's: with a factor of a for each bad one of n
    requests with mean rate p it is at most `exp(n p (a - 1))`, and at the bound the exponents of both arms
    cancel. For a ratio below the bound the same holds the other way round.
    """
    of_canary = share[..., None]
    both = np.log1p(of_canary * effects.beyond) - np.log1p(of_canary * effects.bounds_beyond)
    return np.asarray(canary[..., None] * effects.logs - (canary + reference)[..., None] * both)
