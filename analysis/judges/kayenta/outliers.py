"""Which values are far from the others."""

import numpy as np
from numpy.typing import NDArray

from analysis.judges.kayenta.rank_test import Numbers

Mask = NDArray[np.bool_]


def detect_outliers(values: Numbers, factor: float = 1.5, *, reduce_sensitivity: bool = False) -> Mask:
    """True for each value outside of Tukey's fences.

    Args:
        values: Without NaN.
        factor: Interquartile ranges beyond the quartiles; above 0.
        reduce_sensitivity: Move the fences out to the 1st and 99th percentile where those are farther, as
            Kayenta's judge does, so that no more than the last hundredth at each end is lost.

    Raises:
        ValueError: the factor is not above 0.
    """
    if not factor > 0:
        raise ValueError(f"the outlier factor must be above 0, not {factor}")
    given = np.asarray(values, dtype=np.float64)
    if len(given) == 0:
        return np.zeros(0, dtype=np.bool_)
    first, lower, upper, last = (float(each) for each in np.percentile(given, (1, 25, 75, 99)))
    low, high = lower - factor * (upper - lower), upper + factor * (upper - lower)
    if reduce_sensitivity:
        low, high = min(first, low), max(last, high)
    return (given < low) | (given > high)


def detect_by_deviation(values: Numbers, k: float = 3.0) -> Mask:
    """True for each value more than k (population) standard deviations from the mean."""
    given = np.asarray(values, dtype=np.float64)
    if len(given) == 0:
        return np.zeros(0, dtype=np.bool_)
    far: Mask = np.abs(given - given.mean()) > k * given.std()
    return far
