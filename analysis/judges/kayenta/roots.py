"""Where a function is zero: Brent's method (1973), as R's `zeroin` and Kayenta's solver have it.

A rank test's intervals depend on the path that the solver takes, because the function is a staircase: any
point of a step may be its zero. Whoever wants Kayenta's numbers must look where Kayenta looks.
"""

import math
from collections.abc import Callable

TOLERANCE = 1e-4
"""How far from the zero a result may be; absolute, in the unit of the values."""
ITERATIONS = 1000
"""After so many steps the best point so far is taken."""
_EPSILON = math.ulp(1.0)


def zero(
    function: Callable[[float], float],
    low: float,
    high: float,
    at_low: float,
    at_high: float,
) -> float:
    """A point within TOLERANCE of where the function changes its sign.

    Args:
        function: Falls from `low` to `high`, or rises.
        low: Where to begin.
        high: Where to end.
        at_low: The function's value at `low`; of the other sign than at `high`.
        at_high: The function's value at `high`.
    """
    if at_low == 0.0:
        return low
    if at_high == 0.0:
        return high
    previous, f_previous = low, at_low
    best, f_best = high, at_high
    other, f_other = low, at_low  # on the far side of the zero
    for _ in range(ITERATIONS + 1):
        last_step = best - previous
        if abs(f_other) < abs(f_best):
            previous, best, other = best, other, best
            f_previous, f_best, f_other = f_best, f_other, f_best
        least = 2 * _EPSILON * abs(best) + TOLERANCE / 2
        step = (other - best) / 2
        if abs(step) <= least or f_best == 0.0:
            return best
        if abs(last_step) >= least and abs(f_previous) > abs(f_best):
            points = (previous, f_previous), (best, f_best), (other, f_other)
            step = _interpolated(points, last_step, least, step)
        if abs(step) < least:
            step = math.copysign(least, step) if step else -least
        previous, f_previous = best, f_best
        best += step
        f_best = function(best)
        if (f_best > 0) == (f_other > 0) and f_best != 0 and f_other != 0:
            other, f_other = previous, f_previous
    return best


_Point = tuple[float, float]


def _interpolated(
    points: tuple[_Point, _Point, _Point], last_step: float, least: float, halving: float
) -> float:
    """The step of a line through two points, or of a parabola through three, where it is a good one."""
    (a, f_a), (b, f_b), (c, f_c) = points
    width = c - b
    if a == c:
        ratio = f_b / f_a
        p, q = width * ratio, 1.0 - ratio
    else:
        u, v, w = f_a / f_c, f_b / f_c, f_b / f_a
        p = w * (width * u * (u - v) - (b - a) * (v - 1.0))
        q = (u - 1.0) * (v - 1.0) * (w - 1.0)
    if p > 0.0:
        q = -q
    else:
        p = -p
    within = p < 0.75 * width * q - abs(least * q) / 2
    shrinks = p < abs(last_step * q / 2)
    return p / q if within and shrinks else halving
