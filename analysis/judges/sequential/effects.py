"""The ratios that the test compares. Pure.

Ratios are relative: how many times as bad as the reference. Harm is maxRatio against the greater ones of
`stakes`, proof is proveRatio against that of a good canary, and the confidence sequence is each ratio of a
geometric grid against greater and lesser ones.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from analysis.judges.sequential.stakes import WORSE

STEP = 1.15
"""Between two ratios of the grid; the confidence sequence is as fine as that."""
BELOW, ABOVE = 16, 26
"""Grid points on either side of maxRatio: from a tenth of it to forty times as much."""
OTHERS = {2: 0.5, 4: 0.35, 10: 0.1, 20: 0.05}
"""How far from a grid point the ratios are that it is tested against, in steps, and the weight of each."""
GOOD = 1.0
"""The ratio that a good canary is thought to have."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The ratios of one judge."""

    max_ratio: float
    prove_ratio: float
    worse: NDArray[np.float64]
    """The ratios of a bad canary, in the order of the stakes."""
    grid: NDArray[np.float64]
    """The ratios of the confidence sequence."""
    good: NDArray[np.float64]
    """The ratio of a good canary."""


@lru_cache(maxsize=64)
def effects(max_ratio: float, prove_ratio: float) -> Effects:
    """The ratios for these bounds, both above 0. Proof is against ratios less than proveRatio."""
    return Effects(
        max_ratio=max_ratio,
        prove_ratio=prove_ratio,
        worse=max_ratio * np.array([*WORSE]),
        grid=max_ratio * STEP ** np.arange(-BELOW, ABOVE + 1.0),
        # With a bound of 1 or less, only what is better yet can prove it.
        good=np.array([GOOD if prove_ratio > GOOD else prove_ratio / 2]),
    )
