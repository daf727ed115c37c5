"""From a tally to e-values and to the ratios that the data leave possible. Pure, and elementwise as `tally`.

An e-value is what a fair bet against the hypothesis would have made of 1: its expectation is at most 1 where
the hypothesis holds, at any look, and so (Ville) the chance that it ever reaches 1/alpha is at most alpha.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.judges.sequential import dispersion, gross
from analysis.judges.sequential.dispersion import Floats
from analysis.judges.sequential.effects import OTHERS, Effects
from analysis.judges.sequential.tally import Tally

MIXTURE, GROSS, OWN = math.log(0.93), math.log(0.05), math.log(0.02)
"""How the bet against "not worse than maxRatio" is spread: over ratios, over a canary that is down, and over
one that is down whatever the reference does. With a limit of 1 the last part is not used."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ratios that the data leave possible; None for no bound."""

    at_least: float | None
    at_most: float | None


def factor(tally: Tally, *, guarded: bool) -> Floats:
    """By how much evidence is divided, on account of overdispersion."""
    return dispersion.factor(tally.dispersion) if guarded else np.ones(tally.dispersion.looks.shape)


def measured(tally: Tally, *, guarded: bool) -> Floats:
    """The same by what was seen alone. A canary that is down is no cluster, unless there were such clusters,
    and a wrong proof costs less than a wrong abort.
    """
    return (
        dispersion.factor(tally.dispersion, variance=0) if guarded else np.ones(tally.dispersion.looks.shape)
    )


def harm(tally: Tally, max_error_rate: float, *, guarded: bool) -> Floats:
    """The logarithm of the e-value against "not worse than maxRatio, and not above max_error_rate"."""
    effects_seen = slower(tally, guarded=guarded)
    shown = measured(tally, guarded=guarded)
    down = discounted(np.asarray(np.logaddexp.reduce(gross.WEIGHTS + tally.gross, axis=-1)), shown)
    own = gross.own_rate(max_error_rate, tally.totals.canary_requests, tally.totals.canary_bad)
    return np.asarray(
        np.logaddexp(np.logaddexp(MIXTURE + effects_seen, GROSS + down), OWN + discounted(own, shown))
    )


def slower(tally: Tally, *, guarded: bool) -> Floats:
    """The logarithm of the e-value against "at most maxRatio times as many are slower", for each edge."""
    return discounted(np.asarray(np.logaddexp.reduce(tally.harm, axis=-1)), factor(tally, guarded=guarded))


def proof(tally: Tally, *, guarded: bool) -> Floats:
    """The logarithm of the e-value against "at least proveRatio times as bad"."""
    return discounted(tally.proof[..., 0], measured(tally, guarded=guarded))


def bounds(effects: Effects, grid: Floats, divisor: float, threshold: float) -> Bounds:
    """The confidence sequence: the ratios of the grid that are not rejected from below, or from above.

    Each side holds by itself at all looks together with the confidence of the threshold. Ends are taken
    outwards, to the last rejected point.
    """
    least = math.log(threshold) * divisor
    low = np.flatnonzero(_against(grid, 1) >= least)
    high = np.flatnonzero(_against(grid, -1) >= least)
    return Bounds(
        at_least=float(effects.grid[low[-1]]) if len(low) else None,
        at_most=float(effects.grid[high[0]]) if len(high) else None,
    )


def _against(grid: Floats, towards: int) -> Floats:
    """Each point of the grid against others of it; those beyond its end are bets not made."""
    total = np.full(len(grid), -math.inf)
    for steps, weight in OTHERS.items():
        shifted = np.full(len(grid), -math.inf)
        if towards > 0:
            shifted[:-steps] = grid[steps:] - grid[:-steps]
        else:
            shifted[steps:] = grid[:-steps] - grid[steps:]
        total = np.logaddexp(total, shifted + math.log(weight))
    return total


def discounted(logs: Floats, divisor: Floats) -> Floats:
    """The logs divided by a number of at least 1; only those above 0, so that nothing ever grows by it."""
    return np.minimum(logs, logs / divisor)
