"""What all looks together say: one number, or one per effect, for each thing judged side by side.

Everything here is elementwise over what is judged side by side: one number for a metric of errors, an array
for one of several signals, an array of two axes (runs and signals) for the benchmark; all go through these
same lines (`elementwise`). Pure.
"""

import operator
from typing import NamedTuple

import numpy as np

from analysis.judges.sequential import dispersion, gross, stakes
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.dispersion import Dispersion
from analysis.judges.sequential.effects import HARM, PROOF, Effects
from analysis.judges.sequential.elementwise import (
    TINY,
    Flags,
    Floats,
    Numbers,
    at,
    column,
    maximum,
    rounded,
    some,
    where,
)

DIGITS = 6
"""Of a log likelihood; the state is a text, and reading it back must change nothing."""


class Tally(NamedTuple):
    """Sums over the looks."""

    totals: Counts
    """As counted."""
    points: Floats
    """The log likelihood of each ratio of `effects` relative to what it is compared with; for the ratios of a
    bad canary, the logarithm of what the stake on it has become. Over the effects in the last axis."""
    gross: list[Numbers]
    """See `gross`."""
    dispersion: Dispersion
    """See `dispersion`."""


def nothing(effects: Effects, shape: tuple[int, ...] = ()) -> Tally:
    """Before the first look.

    Args:
        effects: Of the judge.
        shape: Of what is judged side by side; empty for a single thing, whose numbers are then no arrays.
    """
    zero = np.zeros(shape) if shape else 0.0
    points = np.zeros((*shape, len(effects.ratios)))
    points[..., HARM] = stakes.start()
    return Tally(
        totals=Counts(zero, zero, zero, zero),
        points=points,
        gross=[zero for _ in gross.RATES],
        dispersion=dispersion.nothing(shape),
    )


def one(seen: Tally, place: int) -> Tally:
    """Of several things judged side by side, one."""
    if seen.points.ndim == 1:
        return seen
    return Tally(
        totals=Counts(*(at(each, place) for each in seen.totals)),
        points=seen.points[place],
        gross=[at(each, place) for each in seen.gross],
        dispersion=Dispersion(*(at(each, place) for each in seen.dispersion)),
    )


def add(
    effects: Effects,
    seen: Tally,
    look: Counts,
    scale: float = 1.0,
    of_errors: Flags = True,
) -> Tally:
    """The sums with one more look. Where an arm had no requests, it says nothing and nothing changes.

    Args:
        effects: Of the judge.
        seen: The looks before.
        look: The counts.
        scale: How much of them was really seen.
        of_errors: Whether errors are counted, rather than an edge of a histogram.
    """
    told = (look.canary_requests > 0) & (look.reference_requests > 0)
    counted = look if told is True else Counts(*[each * told for each in look])
    canary, reference = counted.canary_bad * scale, counted.reference_bad * scale
    requests = counted.canary_requests + counted.reference_requests
    share = counted.canary_requests / maximum(requests, TINY)
    points = _placed(seen, of_errors) + _likelihood(effects, canary, reference, share)
    down = gross.evidence(effects.max_ratio, seen.totals, counted)
    return Tally(
        totals=Counts(*map(operator.add, seen.totals, counted)),
        points=points.round(DIGITS),
        gross=[rounded(each + more * scale, DIGITS) for each, more in zip(seen.gross, down, strict=True)],
        dispersion=dispersion.add(seen.dispersion, canary, reference, share, told),
    )


def _placed(seen: Tally, of_errors: Flags) -> Floats:
    """The points before a look; before the second one the stakes are moved."""
    first = seen.dispersion.looks == 1
    if not some(first):
        return seen.points
    points = seen.points.copy()
    share = where(of_errors, stakes.MOVED, stakes.MOVED_OF_EDGES)
    moved = stakes.moved(points[..., HARM], seen.dispersion.information, share)
    points[..., HARM] = np.where(column(first), moved, points[..., HARM])
    return points


def begun(seen: Tally, of_errors: Flags) -> Tally:
    """After the first look, which chose what edges of a histogram are telling: it proves nothing of them.

    And without errors, there are no stakes on edges at which nothing can be worse.
    """
    totals, points = seen.totals, seen.points.copy()
    points[..., PROOF] = where(of_errors, points[..., PROOF], 0.0)
    if points.ndim > 1 and not some(of_errors):
        possible = np.asarray(totals.reference_bad <= stakes.POSSIBLE * totals.reference_requests)
        points[..., HARM] = stakes.gathered(points[..., HARM], possible).round(DIGITS)
    return seen._replace(points=points)


def _likelihood(effects: Effects, canary: Numbers, reference: Numbers, share: Numbers) -> Floats:
    """The log of how much likelier each ratio makes these bad requests than what it is compared with does.

    A request that is bad is the canary's with chance `share * ratio / (share * ratio + 1 - share)`. The
    expectation of the likelihood ratio is at most 1 for independent requests, each with a rate of its own, if
    the canary's mean rate is at most `bound` times the reference's: with a factor of a for each bad one of n
    requests with mean rate p it is at most `exp(n p (a - 1))`, and at the bound the exponents of both arms
    cancel. For a ratio below the bound the same holds the other way round.
    """
    both = np.log1p(column(column(share)) * effects.beyond)
    more: Floats = column(canary) * effects.logs
    more -= column(canary + reference) * (both[..., 0, :] - both[..., 1, :])
    return more
