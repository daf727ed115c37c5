"""The ratios that the test compares, and how much it believes in each beforehand. Pure.

Ratios are relative: how many times as bad as the reference. They lie on a geometric grid around maxRatio, so
that one log likelihood per grid point gives the evidence of harm (maxRatio against greater ones), the
confidence sequence (any point against greater and lesser ones). The proof has points of its own: proveRatio
against the ratios of a good canary.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

STEP = 1.15
"""Between two ratios of the grid; the confidence sequence is as fine as that."""
BELOW, ABOVE = 16, 26
"""Grid points on either side of maxRatio: from a tenth of it to forty times as much."""
ALTERNATIVES = {1: 0.20, 2: 0.20, 3: 0.20, 4: 0.20, 7: 0.10, 11: 0.06, 20: 0.04}
"""How much worse than maxRatio, in steps, and the weight of each; together 1."""
GOOD = {1.0: 0.7, 1.4: 0.3}
"""The ratios that a good canary is thought to have, and the weight of each."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The ratios of one judge."""

    max_ratio: float
    prove_ratio: float
    ratios: NDArray[np.float64]
    """The grid."""
    base: int
    """Where maxRatio is in it."""
    worse: NDArray[np.intp]
    """Steps from a ratio to those it is tested against."""
    worse_weights: NDArray[np.float64]
    """The logarithm of how much each is believed."""
    good: NDArray[np.float64]
    """The ratios of a good canary."""
    good_weights: NDArray[np.float64]
    """The logarithm of how much each is believed."""


@lru_cache(maxsize=64)
def effects(max_ratio: float, prove_ratio: float) -> Effects:
    """The ratios for these bounds, both above 0. Proof is against ratios less than proveRatio."""
    good = {ratio: weight for ratio, weight in GOOD.items() if ratio < prove_ratio}
    if not good:  # a bound of 1 or less: then only what is better yet can prove it
        good = {prove_ratio / 2: 1.0}
    total = math.fsum(good.values())
    return Effects(
        max_ratio=max_ratio,
        prove_ratio=prove_ratio,
        ratios=max_ratio * STEP ** np.arange(-BELOW, ABOVE + 1.0),
        base=BELOW,
        worse=np.array([*ALTERNATIVES]),
        worse_weights=np.log([*ALTERNATIVES.values()]),
        good=np.array([*good]),
        good_weights=np.log([weight / total for weight in good.values()]),
    )
