"""Many runs at once, for benchmarks and backtests: what classify says of each, with most of the work shared.

Most runs of a healthy canary pass, and that shows at two shifts already; only the others take the whole way.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from analysis.judges.kayenta.classify import CONFIDENCE, TOLERANCE, Direction, Label, Limits, classify
from analysis.judges.kayenta.effect import Measure
from analysis.judges.kayenta.rank_test import Untestable
from analysis.judges.kayenta.roots import TOLERANCE as SOLVER

Table = NDArray[np.float64]
_CHUNK = 2_000_000
"""Pairs of values that are compared at once; a few megabytes."""


def classify_many(
    experiments: Table,
    controls: Table,
    *,
    direction: Direction = "either",
    confidence: float = CONFIDENCE,
    tolerance: float = TOLERANCE,
    measure: Measure = "meanRatio",
    allowed: Limits | None = None,
) -> list[Label]:
    """The label of each run.

    Args:
        experiments: One row for each run, without missing points.
        controls: One row for each run, without missing points.
        direction: Which difference is bad.
        confidence: How sure the interval of the shift is.
        tolerance: The share of the estimated shift that its interval must be beyond.
        measure: How large a difference is is measured by this.
        allowed: Effects that do not matter.
    """
    labels: list[Label] = ["Pass"] * len(experiments)
    for row in np.flatnonzero(_doubtful(experiments, controls, confidence)):
        try:
            labels[row] = classify(
                experiments[row],
                controls[row],
                direction=direction,
                tolerance=tolerance,
                confidence=confidence,
                measure=measure,
                allowed=allowed,
            ).label
        except Untestable:
            labels[row] = "Error"
    return labels


def _doubtful(experiments: Table, controls: Table, confidence: float) -> Sequence[bool] | NDArray[np.bool_]:
    """Which runs may be other than Pass: those whose interval does not surely hold 0."""
    if 0 in (experiments.shape[1], controls.shape[1]):
        return np.ones(len(experiments), dtype=np.bool_)
    z = -NormalDist().inv_cdf((1 - confidence) / 2)
    # The solver may be off by its tolerance; twice that on either side leaves nothing to it.
    rising = deviations(experiments, controls, -2 * SOLVER)
    falling = deviations(experiments, controls, 2 * SOLVER)
    sure = (rising - z <= 0) & (falling + z >= 0)
    return ~sure


def deviations(experiments: Table, controls: Table, shift: float) -> NDArray[np.float64]:
    """wilcoxon_deviation of each run; NaN where all of its values are tied."""
    pairs = max(1, experiments.shape[1] * controls.shape[1])
    step = max(1, _CHUNK // pairs)
    parts = [
        _deviations(experiments[start : start + step], controls[start : start + step], shift)
        for start in range(0, len(experiments), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _deviations(experiments: Table, controls: Table, shift: float) -> NDArray[np.float64]:
    m, n = experiments.shape[1], controls.shape[1]
    total = float(m + n)
    moved = experiments - shift
    left, right = moved[:, :, None], controls[:, None, :]
    below = (left > right).sum(axis=(1, 2)) + (left >= right).sum(axis=(1, 2))
    excess = below / 2 - m * n / 2
    together = np.sort(np.concatenate((moved, controls), axis=1), axis=1)
    place = np.arange(m + n)
    begins = np.where(np.diff(together, axis=1, prepend=np.nan) != 0, place, 0)
    within = place - np.maximum.accumulate(begins, axis=1)  # how many equal ones stand before
    ties = (3.0 * within * (within + 1)).sum(axis=1)  # adds up to t**3 - t for each t tied values
    variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = (excess - 0.5 * np.sign(excess)) / np.sqrt(variance)
    return np.where(variance > 0, found, np.nan)
