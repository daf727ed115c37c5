"""The Mann-Whitney test of Kayenta: by how much the canary's values are shifted, and how sure that is.

It is R's `wilcox.test(experiment, control, conf.int=TRUE, exact=FALSE)`: the normal approximation with the
corrections for continuity and ties, inverted. The estimate is that of Hodges and Lehmann (1963).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from analysis.judges.kayenta.roots import zero

Values = NDArray[np.float64]
Numbers = Values | Sequence[float]
"""What callers have at hand."""


class Untestable(ValueError):
    """These values cannot be tested; the message says why."""


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much a canary value is greater than a control value."""

    lower: float
    """The least shift that the values leave possible."""
    upper: float
    """The greatest shift that the values leave possible."""
    estimate: float
    """The median of the differences, to the solver's tolerance."""


def mann_whitney_test(experiment: Numbers, control: Numbers, confidence: float = 0.95) -> Shift:
    """The shift of the canary's values against the control's.

    Args:
        experiment: The canary's values; neither empty nor NaN.
        control: The values to compare with; neither empty nor NaN.
        confidence: How often the interval holds the true shift.

    Raises:
        Untestable: all values are tied at some shift, or are too large to be subtracted.
    """
    x, y = _sorted(experiment), _sorted(control)
    low, high = float(x[0]) - float(y[-1]), float(x[-1]) - float(y[0])
    if not (math.isfinite(low) and math.isfinite(high)):
        raise Untestable("the values are infinite, or too far apart to be compared")
    z = NormalDist().inv_cdf((1.0 - confidence) / 2)
    at_low, at_high = _deviation(low, x, y), _deviation(high, x, y)

    def bound(quantile: float) -> float:
        if at_low - quantile <= 0:
            return low
        if at_high - quantile >= 0:
            return high
        return zero(_shifted(x, y, quantile), low, high, at_low - quantile, at_high - quantile)

    return Shift(
        lower=bound(-z),
        upper=bound(z),
        estimate=zero(_shifted(x, y, 0.0), low, high, at_low, at_high),
    )


def _shifted(x: Values, y: Values, quantile: float) -> Callable[[float], float]:
    return lambda shift: _deviation(shift, x, y) - quantile


def wilcoxon_deviation(shift: float, experiment: Numbers, control: Numbers, quantile: float = 0.0) -> float:
    """How many standard deviations the canary's rank sum, its values less `shift`, is from what chance gives,
    less `quantile`.

    Raises:
        Untestable: all values are tied at this shift.
    """
    return _deviation(shift, _sorted(experiment), _sorted(control)) - quantile


def _sorted(values: Numbers) -> Values:
    return np.sort(np.asarray(values, dtype=np.float64))


def _deviation(shift: float, x: Values, y: Values) -> float:
    """As wilcoxon_deviation, of sorted values."""
    m, n = len(x), len(y)
    moved = x - shift
    # A canary value's rank is its place among its own, plus the control values below it, ties halved.
    below = int(np.searchsorted(y, moved, "left").sum()) + int(np.searchsorted(y, moved, "right").sum())
    excess = below / 2 - m * n / 2
    total = float(m + n)
    correction = _tied(np.concatenate((moved, y))) / (total * (total - 1))
    variance = m * n / 12 * (total + 1 - correction)
    if variance <= 0:
        raise Untestable("all values are tied, so there is no interval for their shift")
    continuity = math.copysign(0.5, excess) if excess else 0.0
    return (excess - continuity) / math.sqrt(variance)


def _tied(values: Values) -> float:
    """The sum of t**3 - t over every t values that are equal."""
    values.sort()
    edges = np.flatnonzero(values[1:] != values[:-1])
    if len(edges) == len(values) - 1:
        return 0.0
    ends = np.concatenate(([-1], edges, [len(values) - 1]))
    sizes = (ends[1:] - ends[:-1]).astype(np.float64)
    return float((sizes**3 - sizes).sum())
