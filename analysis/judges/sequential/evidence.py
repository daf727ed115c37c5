"""From a tally to e-values and to the ratios that the data leave possible. Pure, and elementwise as `tally`.

An e-value is what a fair bet against the hypothesis would have made of 1: its expectation is at most 1 where
the hypothesis holds, at any look, and so (Ville) the chance that it ever reaches 1/alpha is at most alpha.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.judges.sequential import dispersion, gross
from analysis.judges.sequential.dispersion import Floats
from analysis.judges.sequential.effects import Effects
from analysis.judges.sequential.tally import Tally

MIXTURE, GROSS, OWN = math.log(0.85), math.log(0.10), math.log(0.05)
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


def harm(effects: Effects, tally: Tally, divisor: Floats, max_error_rate: float) -> Floats:
    """The logarithm of the e-value against "not worse than maxRatio, and not above max_error_rate"."""
    worse = tally.curve[..., effects.base + effects.worse]  # relative to maxRatio already
    mixture = _mean(effects.worse_weights, worse, divisor)
    down = _mean(np.full(len(gross.RATES), -math.log(len(gross.RATES))), tally.gross, divisor)
    own = gross.own_rate(max_error_rate, tally.totals.canary_requests, tally.totals.canary_bad)
    return np.asarray(
        np.logaddexp(np.logaddexp(MIXTURE + mixture, GROSS + down), OWN + discounted(own, divisor))
    )


def slower(effects: Effects, tally: Tally, divisor: Floats) -> Floats:
    """The logarithm of the e-value against "at most maxRatio times as many are slower", for each edge."""
    return _mean(effects.worse_weights, tally.curve[..., effects.base + effects.worse], divisor)


def proof(effects: Effects, tally: Tally, divisor: Floats) -> Floats:
    """The logarithm of the e-value against "at least proveRatio times as bad"."""
    return _mean(effects.good_weights, tally.proof, divisor)


def bounds(effects: Effects, curve: Floats, divisor: float, threshold: float) -> Bounds:
    """The confidence sequence: the ratios of the grid that are not rejected from below, or from above.

    Each side holds by itself at all looks together with the confidence of the threshold. Ends are taken
    outwards, to the last rejected point.
    """
    places = np.arange(len(curve))[:, None]
    rejected_below = _against(effects, curve, places + effects.worse, divisor) >= math.log(threshold)
    rejected_above = _against(effects, curve, places - effects.worse, divisor) >= math.log(threshold)
    low, high = np.flatnonzero(rejected_below), np.flatnonzero(rejected_above)
    return Bounds(
        at_least=float(effects.ratios[low[-1]]) if len(low) else None,
        at_most=float(effects.ratios[high[0]]) if len(high) else None,
    )


def _against(effects: Effects, grid: Floats, others: np.ndarray, divisor: float) -> Floats:
    """Each point of the grid against others; those beyond its end are bets not made."""
    inside = (others >= 0) & (others < len(grid))
    logs = np.where(inside, grid[np.clip(others, 0, len(grid) - 1)] - grid[:, None], -math.inf)
    return _mean(effects.worse_weights, logs, np.asarray(divisor))


def discounted(logs: Floats, divisor: Floats) -> Floats:
    """The logs divided by a number of at least 1; only those above 0, so that nothing ever grows by it."""
    return np.minimum(logs, logs / divisor)


def _mean(log_weights: Floats, logs: Floats, divisor: Floats) -> Floats:
    shrunk = log_weights + discounted(logs, divisor[..., None])
    return np.asarray(np.logaddexp.reduce(shrunk, axis=-1))
