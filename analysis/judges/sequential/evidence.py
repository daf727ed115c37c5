"""From a tally to e-values and to the ratios that the data leave possible. Pure, and elementwise as `tally`.

An e-value is what a fair bet against the hypothesis would have made of 1: its expectation is at most 1 where
the hypothesis holds, at any look, and so (Ville) the chance that it ever reaches 1/alpha is at most alpha.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from analysis.judges.sequential import dispersion, gross
from analysis.judges.sequential.counts import EXTRAPOLATED
from analysis.judges.sequential.dispersion import Floats
from analysis.judges.sequential.effects import GRID, HARM, OTHERS, PROOF, Effects
from analysis.judges.sequential.tally import Tally

MIXTURE, GROSS, OWN = math.log(0.93), math.log(0.05), math.log(0.02)
"""How the bet against "not worse than maxRatio" is spread: over ratios, over a canary that is down, and over
one that is down whatever the reference does. With a limit of 1 the last part is not used."""
COMPARED, RARE = math.log(0.9), math.log(0.1)
"""How the bet against "at least proveRatio times as bad, and not negligible" is spread, for errors."""

_OTHERS = [(steps, math.log(weight)) for steps, weight in OTHERS.items()]


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
    good: Floats
    """Against the same and "at a rate of at least the negligible one": with `gross.rare` as well."""
    divisor: Floats
    """What `harm` was divided by."""


def weigh(tally: Tally, max_error_rate: float, negligible: float, *, guarded: bool) -> Evidence:
    """The evidence of a tally.

    Args:
        tally: The looks.
        max_error_rate: The limit of the canary's own rate; 1 for none.
        negligible: The rate below which it is good, whatever the reference does; 0 for none.
        guarded: Whether overdispersion discounts.
    """
    none = np.ones(tally.dispersion.looks.shape)
    divisor = dispersion.factor(tally.dispersion) if guarded else none
    # By what was seen alone: a canary that is down is no cluster, unless there were such clusters, and a
    # wrong proof costs less than a wrong abort.
    measured = dispersion.factor(tally.dispersion, variance=0) if guarded else none
    harm = discounted(np.logaddexp.reduce(tally.points[..., HARM], axis=-1), divisor)
    down = discounted(np.logaddexp.reduce(gross.WEIGHTS + tally.gross, axis=-1), measured)
    own = gross.own_rate(max_error_rate, tally.totals.canary_requests, tally.totals.canary_bad)
    mixed = np.logaddexp(np.logaddexp(MIXTURE + harm, GROSS + down), OWN + discounted(own, measured))
    proof = discounted(tally.points[..., PROOF], measured)
    rare = gross.rare(negligible, _seen(tally.totals.canary_requests), tally.totals.canary_bad)
    return Evidence(
        harm=harm,
        down=mixed,
        proof=proof,
        good=np.logaddexp(COMPARED + proof, RARE + discounted(rare, measured)) if negligible > 0 else proof,
        divisor=divisor,
    )


def _seen(requests: Floats) -> Floats:
    """How many requests there were at least: counts that are not whole are extrapolated."""
    return np.where(requests == np.round(requests), requests, requests * EXTRAPOLATED)


def bounds(effects: Effects, points: Floats, divisor: float, threshold: float) -> Bounds:
    """The confidence sequence: the ratios of the grid that are not rejected from below, or from above.

    Each side holds by itself at all looks together with the confidence of the threshold. Ends are taken
    outwards, to the last rejected point. For one run, in plain numbers: that is faster here.
    """
    grid, least = points[GRID].tolist(), math.log(threshold) * divisor
    best = max(range(len(grid)), key=grid.__getitem__)
    ratios = effects.ratios[GRID]
    low = _last_rejected(grid, range(best, -1, -1), 1, least)
    high = _last_rejected(grid, range(best, len(grid)), -1, least)
    return Bounds(
        at_least=None if low is None else float(ratios[low]),
        at_most=None if high is None else float(ratios[high]),
    )


def _last_rejected(grid: list[float], outwards: range, towards: int, least: float) -> int | None:
    """The rejected point next to the likeliest one. The further out, the more evidence against a point."""
    place = bisect_left(outwards, True, key=lambda at: _against(grid, at, towards) >= least)
    return outwards[place] if place < len(outwards) else None


def _against(grid: list[float], at: int, towards: int) -> float:
    """The log evidence against a point, tested against others; those beyond the end are bets not made."""
    logs = [
        grid[other] - grid[at] + log_weight
        for steps, log_weight in _OTHERS
        if 0 <= (other := at + towards * steps) < len(grid)
    ]
    if not logs:
        return -math.inf
    top = max(logs)
    return top + math.log(sum(math.exp(each - top) for each in logs))


def discounted(logs: Floats, divisor: Floats) -> Floats:
    """The logs divided by a number of at least 1; only those above 0, so that nothing ever grows by it."""
    return np.minimum(logs, logs / divisor)
