"""From a tally to e-values and to the ratios that the data leave possible. Pure, and elementwise as `tally`.

An e-value is what a fair bet against the hypothesis would have made of 1: its expectation is at most 1 where
the hypothesis holds, at any look, and so (Ville) the chance that it ever reaches 1/alpha is at most alpha.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.judges.sequential import dispersion, gross
from analysis.judges.sequential.dispersion import Floats
from analysis.judges.sequential.effects import ABOVE, BELOW, GRID, HARM, OTHERS, PROOF, Effects
from analysis.judges.sequential.tally import Tally

MIXTURE, GROSS, OWN = math.log(0.93), math.log(0.05), math.log(0.02)
"""How the bet against "not worse than maxRatio" is spread: over ratios, over a canary that is down, and over
one that is down whatever the reference does. With a limit of 1 the last part is not used."""


# Each point of the grid is tested against others of it; those beyond its end are bets that are not made.
_WEIGHTS = np.log([*OTHERS.values()])[:, None]
_BEYOND = np.full(max(OTHERS), -1e300)
_PLACES = len(_BEYOND) + np.arange(BELOW + ABOVE + 1)
_ABOVE = _PLACES + np.array([*OTHERS])[:, None]
_BELOW = _PLACES - np.array([*OTHERS])[:, None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ratios that the data leave possible; None for no bound."""

    at_least: float | None
    at_most: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The logarithms of e-values, and by how much overdispersion has reduced them."""

    harm: Floats
    """Against "bad at most maxRatio times as often", with the ratios alone."""
    down: Floats
    """Against the same and "bad at most as often as the limit": with `gross` as well."""
    proof: Floats
    """Against "bad at least proveRatio times as often"."""
    divisor: Floats
    """What `harm` was divided by."""


def weigh(tally: Tally, max_error_rate: float, *, guarded: bool) -> Evidence:
    """The evidence of a tally.

    Args:
        tally: The looks.
        max_error_rate: The limit of the canary's own rate; 1 for none.
        guarded: Whether overdispersion discounts.
    """
    none = np.ones(tally.dispersion.looks.shape)
    divisor = dispersion.factor(tally.dispersion) if guarded else none
    # By what was seen alone: a canary that is down is no cluster, unless there were such clusters, and a
    # wrong proof costs less than a wrong abort.
    measured = dispersion.factor(tally.dispersion, variance=0) if guarded else none
    harm = discounted(np.logaddexp.reduce(tally.points[..., HARM], axis=-1), divisor)
    down = discounted(_total(gross.WEIGHTS + tally.gross), measured)
    own = gross.own_rate(max_error_rate, tally.totals.canary_requests, tally.totals.canary_bad)
    parts = MIXTURE + harm, GROSS + down, OWN + discounted(own, measured)
    return Evidence(
        harm=harm,
        down=_total(np.stack(parts, axis=-1)),
        proof=discounted(tally.points[..., PROOF], measured),
        divisor=divisor,
    )


def bounds(effects: Effects, points: Floats, divisor: float, threshold: float) -> Bounds:
    """The confidence sequence: the ratios of the grid that are not rejected from below, or from above.

    Each side holds by itself at all looks together with the confidence of the threshold. Ends are taken
    outwards, to the last rejected point.
    """
    least = math.log(threshold) * divisor
    grid = points[GRID]
    padded = np.concatenate((_BEYOND, grid, _BEYOND))
    low = np.flatnonzero(_total((padded[_ABOVE] - grid + _WEIGHTS).T) >= least)
    high = np.flatnonzero(_total((padded[_BELOW] - grid + _WEIGHTS).T) >= least)
    return Bounds(
        at_least=float(effects.ratios[GRID][low[-1]]) if len(low) else None,
        at_most=float(effects.ratios[GRID][high[0]]) if len(high) else None,
    )


def discounted(logs: Floats, divisor: Floats) -> Floats:
    """The logs divided by a number of at least 1; only those above 0, so that nothing ever grows by it."""
    return np.minimum(logs, logs / divisor)


def _total(logs: Floats) -> Floats:
    """The logarithm of the sum over the last axis."""
    top = logs.max(axis=-1)
    return np.asarray(top + np.log(np.exp(logs - top[..., None]).sum(axis=-1)))
