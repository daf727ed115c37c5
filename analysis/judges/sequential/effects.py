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
GOOD_RATIO = 1.0
"""The ratio that a good canary is thought to have."""

HARM, PROOF, GRID = slice(0, len(WORSE)), len(WORSE), slice(len(WORSE) + 1, None)
"""Where the ratios of each kind are among all."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The ratios of one judge; arrays over all of them."""

    max_ratio: float
    prove_ratio: float
    ratios: NDArray[np.float64]
    """First those of a bad canary, in the order of the stakes; then that of a good one; then the grid."""
    beyond: NDArray[np.float64]
    """In two rows: the ratios less 1, and what each is compared with less 1 (maxRatio, for the second kind
    proveRatio)."""
    grid: list[float]
    """Those of the grid again, for people: with six digits."""
    logs: NDArray[np.float64]
    """The logarithm of the ratio over what it is compared with."""


@lru_cache(maxsize=64)
def effects(max_ratio: float, prove_ratio: float) -> Effects:
    """The ratios for these bounds, both above 0. Proof is against ratios less than proveRatio."""
    worse = max_ratio * np.array([*WORSE])
    # With a bound of 1 or less, only what is better yet can prove it.
    good = GOOD_RATIO if prove_ratio > GOOD_RATIO else prove_ratio / 2
    grid = max_ratio * STEP ** np.arange(-BELOW, ABOVE + 1.0)
    ratios = np.array([*worse, good, *grid])
    bounds = np.full(len(ratios), max_ratio)
    bounds[PROOF] = prove_ratio
    return Effects(
        max_ratio=max_ratio,
        prove_ratio=prove_ratio,
        ratios=ratios,
        beyond=np.stack((ratios, bounds)) - 1,
        grid=[float(f"{ratio:.6g}") for ratio in ratios[GRID]],
        logs=np.log(ratios / bounds),
    )
