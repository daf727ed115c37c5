"""From a tally to e-values and to the ratios that the data leave possible. Pure, and elementwise as `tally`.

An e-value is what a fair bet against the hypothesis would have made of 1: its expectation is at most 1 where
the hypothesis holds, at any look, and so (Ville) the chance that it ever reaches 1/alpha is at most alpha.
"""

import math
import operator
from functools import reduce
from typing import NamedTuple

import numpy as np

from analysis.judges.sequential import dispersion, gross
from analysis.judges.sequential.counts import EXTRAPOLATED
from analysis.judges.sequential.effects import GRID, HARM, OTHERS, PROOF, Effects
from analysis.judges.sequential.elementwise import Floats, Numbers, log_add, log_sum, part, where
from analysis.judges.sequential.tally import Tally

MIXTURE, GROSS, OWN = math.log(0.93), math.log(0.05), math.log(0.02)
"""How the bet against "not worse than maxRatio" is spread: over ratios, over a canary that is down, and over
one that is down whatever the reference does. With a limit of 1 the last part is not used."""
COMPARED, RARE = math.log(0.9), math.log(0.1)
"""How the bet against "at least proveRatio times as bad, and not negligible" is spread, for errors."""

_OTHERS = {
    towards: [(towards * steps, math.log(weight)) for steps, weight in OTHERS.items()] for towards in (1, -1)
}
"""What a point is tested against, towards greater ratios and towards lesser ones: how many steps from it that
is, and the logarithm of its weight."""
_BEYOND = [-math.inf] * max(OTHERS)
"""Those beyond the end of the grid are bets not made."""


class Bounds(NamedTuple):
    """The ratios that the data leave possible; None for no bound."""

    at_least: float | None
    at_most: float | None


class Evidence(NamedTuple):
    """The logarithms of e-values, and by how much overdispersion has reduced them."""

    harm: Numbers
    """Against "bad at most maxRatio times as often", with the ratios alone."""
    down: Numbers
    """Against the same and "bad at most as often as the limit": with `gross` as well."""
    proof: Numbers
    """Against "bad at least proveRatio times as often"."""
    good: Numbers
    """Against the same and "at a rate of at least the negligible one": with `gross.rare` as well."""
    divisor: Numbers
    """What `harm` was divided by."""


def weigh(tally: Tally, max_error_rate: float, negligible: float, *, guarded: bool) -> Evidence:
    """The evidence of a tally.

    Args:
        tally: The looks.
        max_error_rate: The limit of the canary's own rate; 1 for none.
        negligible: The rate below which it is good, whatever the reference does; 0 for none.
        guarded: Whether overdispersion discounts.
    """
    # By what was seen alone: a canary that is down is no cluster, unless there were such clusters, and a
    # wrong proof costs less than a wrong abort.
    divisor, measured = dispersion.factors(tally.dispersion) if guarded else (1.0, 1.0)
    requests, bad = tally.totals.canary_requests, tally.totals.canary_bad
    harm = discounted(log_sum(tally.points[..., HARM]), divisor)
    down = discounted(reduce(log_add, map(operator.add, tally.gross, gross.WEIGHTS)), measured)
    down = log_add(MIXTURE + harm, GROSS + down)
    if max_error_rate < 1:
        own = discounted(gross.own_rate(max_error_rate, requests, bad), measured)
        down = log_add(down, OWN + own)
    proof = discounted(part(tally.points, PROOF), measured)
    good = proof
    if negligible > 0:
        rare = discounted(gross.rare(negligible, _seen(requests), bad), measured)
        good = log_add(COMPARED + proof, RARE + rare)
    return Evidence(harm=harm, down=down, proof=proof, good=good, divisor=divisor)


def _seen(requests: Numbers) -> Numbers:
    """How many requests there were at least: counts that are not whole are extrapolated."""
    return where(requests % 1 == 0, requests, requests * EXTRAPOLATED)


def bounds(effects: Effects, points: Floats, divisor: float, threshold: float) -> Bounds:
    """The confidence sequence: the ratios of the grid that are not rejected from below, or from above.

    Each side holds by itself at all looks together with the confidence of the threshold. Ends are taken
    outwards, to the last rejected point. For one run, in plain numbers: that is faster here.
    """
    grid, least = points[GRID].tolist(), math.log(threshold) * divisor
    best = grid.index(max(grid))
    logs = [*grid, *_BEYOND]  # A place below the first is one from the end.
    # Where the ends were if the logarithm of the likelihood were a parabola, which it nearly is.
    curvature = 2 * logs[best] - logs[best - 1] - logs[best + 1]
    about = int(math.sqrt(2 * (least + 1) / curvature)) if curvature > 1e-3 else len(grid)
    low = _last_rejected(logs, range(best, -1, -1), 1, least, about)
    high = _last_rejected(logs, range(best, len(grid)), -1, least, about)
    return Bounds(
        at_least=None if low is None else effects.grid[low],
        at_most=None if high is None else effects.grid[high],
    )


def _last_rejected(logs: list[float], outwards: range, towards: int, least: float, about: int) -> int | None:
    """The rejected point next to the likeliest one. The further out, the more evidence against a point."""
    (near, of_near), (far, of_far), (farther, of_farther), (farthest, of_farthest) = _OTHERS[towards]

    def rejected(at: int) -> bool:
        needed = least + logs[at]
        against = (
            logs[at + near] + of_near - needed,
            logs[at + far] + of_far - needed,
            logs[at + farther] + of_farther - needed,
            logs[at + farthest] + of_farthest - needed,
        )
        return max(against) >= 0 or sum(map(math.exp, against)) >= 1

    place = min(about, len(outwards))
    while place < len(outwards) and not rejected(outwards[place]):
        place += 1
    while place > 0 and rejected(outwards[place - 1]):
        place -= 1
    return outwards[place] if place < len(outwards) else None


def discounted(logs: Numbers, divisor: Numbers) -> Numbers:
    """The logs divided by a number of at least 1; only those above 0, so that nothing ever grows by it."""
    if isinstance(logs, float):
        return logs / divisor if logs > 0 else logs
    return np.asarray(np.minimum(logs, logs / divisor))
