"""What all looks together say, as arrays; one number, or one per effect, for each thing judged side by side.

Everything here is elementwise over the leading axes: the judge has one axis (the signals of a metric), the
benchmark two (runs and signals), and both go through these same lines. Pure.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.judges.sequential import dispersion, gross, stakes
from analysis.judges.sequential.dispersion import Dispersion, Floats
from analysis.judges.sequential.effects import Effects

Flags = NDArray[np.bool_]

DIGITS = 6
"""Of a log likelihood; the state is a text, and reading it back must change nothing."""


class Counts(NamedTuple):
    """One look."""

    canary_requests: Floats
    canary_bad: Floats
    reference_requests: Floats
    reference_bad: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over the looks."""

    totals: Counts
    """As counted."""
    harm: Floats
    """The logarithm of what the stake on each ratio of `Effects.worse` has become; see `stakes`."""
    grid: Floats
    """The log likelihood of each ratio of `Effects.grid`, relative to that of maxRatio."""
    proof: Floats
    """The log likelihood of `Effects.good`, relative to that of proveRatio."""
    gross: Floats
    """See `gross`."""
    dispersion: Dispersion
    """See `dispersion`."""


def nothing(effects: Effects, shape: tuple[int, ...]) -> Tally:
    """Before the first look."""
    return Tally(
        totals=Counts(*(np.zeros(shape) for _ in Counts._fields)),
        harm=np.broadcast_to(stakes.start(), (*shape, len(effects.worse))).copy(),
        grid=np.zeros((*shape, len(effects.grid))),
        proof=np.zeros((*shape, len(effects.good))),
        gross=np.zeros((*shape, len(gross.RATES))),
        dispersion=dispersion.nothing(shape),
    )


def add(
    effects: Effects, seen: Tally, look: Counts, scale: float = 1.0, proving: Flags | None = None
) -> Tally:
    """The sums with one more look. Where an arm had no requests, it says nothing and nothing changes.

    Args:
        effects: Of the judge.
        seen: The looks before.
        look: The counts.
        scale: How much of them was really seen.
        proving: Where the look counts for the proof; everywhere by default.
    """
    told = (look.canary_requests > 0) & (look.reference_requests > 0)
    counted = Counts(*(np.where(told, each, 0.0) for each in look))
    requests = np.where(told, counted.canary_requests + counted.reference_requests, 2.0)
    share = np.where(told, counted.canary_requests, 1.0) / requests
    canary, reference = counted.canary_bad * scale, counted.reference_bad * scale
    harm = _likelihood(effects.worse, effects.max_ratio, canary, reference, share)
    grid = _likelihood(effects.grid, effects.max_ratio, canary, reference, share)
    proof = _likelihood(effects.good, effects.prove_ratio, canary, reference, share)
    if proving is not None:
        proof = np.where(proving[..., None], proof, 0.0)
    down = gross.evidence(effects.max_ratio, seen.totals, counted) * scale
    return Tally(
        totals=Counts(*(a + b for a, b in zip(seen.totals, counted, strict=True))),
        harm=np.round(stakes.moved(seen.harm, seen.dispersion) + harm, DIGITS),
        grid=np.round(seen.grid + grid, DIGITS),
        proof=np.round(seen.proof + proof, DIGITS),
        gross=np.round(seen.gross + down, DIGITS),
        dispersion=dispersion.add(seen.dispersion, canary, reference, share, told.astype(np.float64)),
    )


def _likelihood(ratios: Floats, bound: float, canary: Floats, reference: Floats, share: Floats) -> Floats:
    """The log of how much likelier each ratio makes these bad requests than the bound does.

    A request that is bad is the canary's with chance `share * ratio / (share * ratio + 1 - share)`. The
    expectation of the likelihood ratio is at most 1 for independent requests, each with a rate of its own, if
    the canary's mean rate is at most `bound` times the reference's: with a factor of a for each bad one of n
    requests with mean rate p it is at most `exp(n p (a - 1))`, and at the bound the exponents of both arms
    cancel. For a ratio below the bound the same holds the other way round.
    """
    bound_share = np.log1p(share * (bound - 1))[..., None]
    return np.asarray(
        canary[..., None] * np.log(ratios / bound)
        - (canary + reference)[..., None] * (np.log1p(share[..., None] * (ratios - 1)) - bound_share)
    )
