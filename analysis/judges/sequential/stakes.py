"""How the bet that a canary is worse is spread over effects. Pure.

Before the first look nobody knows which effects can be seen: with thirty errors a minute a canary that is a
third worse can, with one error in three minutes nothing below three times can. The stake starts out spread
over all of `WORSE`. After the first look, most of what lies on effects that are too small to be seen is
moved to the others. That is decided by the first look and concerns the looks after it, and nothing is
added: the whole stays a fair bet.
"""

import numpy as np
from numpy.typing import NDArray

from analysis.judges.sequential.elementwise import Floats, Numbers, column

WORSE = {1.25: 0.50, 1.7: 0.35, 4.0: 0.06, 8.0: 0.06, 20.0: 0.03}
"""How many times worse than maxRatio, and the stake on each; together 1. The first two are for steady
regressions that take minutes to see, the others for gross ones and for rare errors."""
VISIBLE = 0.1
"""The least squared log effect times information per look of an effect that can be seen: twice the logarithm
of the evidence that a look brings."""
PRIOR_INFORMATION = 0.3
"""Added to the information of the first look: without a single error it moves little."""
MOVED = 0.6
"""The share that is moved. What stays is for services whose first look was not like the others."""
MOVED_OF_EDGES = 0.9
"""The same for the edges of a histogram."""

_NOTHING = -1e6
"""The logarithm of a stake that is gone."""
_LOGS = np.log([*WORSE])
_STAKES = np.array([*WORSE.values()])


POSSIBLE = 0.72
"""Of the reference's requests; with more of them above an edge, not even the least effect is possible."""


def start() -> Floats:
    """The logarithm of the stake on each effect, before the first look."""
    return np.asarray(np.log(_STAKES))


def moved(stakes: Floats, information: Numbers, share: Numbers) -> Floats:
    """The logarithms of the stakes after the first look.

    Args:
        stakes: Over effects, in the last axis.
        information: Of the first look.
        share: How much is moved of what lies on effects that cannot be seen.
    """
    visible = column(information + PRIOR_INFORMATION) * _LOGS**2 >= VISIBLE
    visible[..., -1] = True  # if nothing else can be seen, then the greatest
    shares = np.where(visible, _STAKES, 0.0)
    shares /= shares.sum(axis=-1, keepdims=True)
    # Relative to the greatest, because evidence may be beyond what a double holds.
    top = stakes.max(axis=-1, keepdims=True)
    amounts = np.exp(stakes - top)
    idle = np.where(visible, 0.0, column(share) * amounts)
    amounts = amounts - idle + idle.sum(axis=-1, keepdims=True) * shares
    return np.asarray(np.log(np.maximum(amounts, 1e-300)) + top)


def gathered(stakes: Floats, possible: NDArray[np.bool_]) -> Floats:
    """The logarithms of the stakes after the first look, moved to the signals that can tell anything.

    Args:
        stakes: Over signals and effects.
        possible: Over signals.
    """
    if possible.all():
        return stakes
    top = stakes.max(axis=(-2, -1), keepdims=True)
    amounts = np.exp(stakes - top).sum(axis=-1, keepdims=True)
    kept = np.where(possible[..., None], amounts, 0.0).sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore"):
        factor = np.log(amounts.sum(axis=-2, keepdims=True)) - np.log(kept)
    moved = np.where(possible[..., None], stakes + factor, _NOTHING)
    return np.asarray(np.where(kept > 0, moved, stakes))
