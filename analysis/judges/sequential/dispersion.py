"""How much more canary and reference vary from look to look than chance alone would have them. Pure.

The hypothesis of the test is about independent requests. Errors that come in clusters (one bad pod, a client
that repeats) vary more, and would be taken for a difference. The factor is Pearson's: the squared distance of
the canary's share from the running ratio, over what a binomial would give. A steady difference is no
dispersion, because the running ratio follows it.

The factor only ever takes evidence away (`evidence.discounted`), so the promise for independent requests
holds exactly, however the factor is estimated. For clustered ones it holds as far as the estimate is right.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRIOR_LOOKS = 3.0
"""As if so many looks had been seen that vary as chance has it."""
PRIOR_BAD = 0.25
"""As if so much evidence for a ratio of 1 had been seen, which keeps the first estimates finite."""
WHOLE = 1.0
"""Looks are put together until they hold so much information; a single rare error is no measure of spread."""


class Dispersion(NamedTuple):
    """Sums over the looks; each is an array over whatever is judged side by side."""

    canary: Floats
    """Mantel and Haenszel's: bad canary requests, weighted by the share of the reference."""
    reference: Floats
    """The other way round; the quotient is the ratio."""
    information: Floats
    """Of the looks that are in `spread`."""
    residual: Floats
    """Of the looks that are not yet."""
    open_information: Floats
    """Of the same."""
    spread: Floats
    """Pearson's statistic."""
    looks: Floats
    """Its degrees of freedom."""


@dataclass(frozen=True, slots=True)
class _Look:
    canary_bad: Floats
    reference_bad: Floats
    share: Floats


def nothing(shape: tuple[int, ...]) -> Dispersion:
    """Before the first look."""
    return Dispersion(*(np.zeros(shape) for _ in Dispersion._fields))


def ratio(seen: Dispersion) -> Floats:
    """How many times as bad the canary is; NaN where nothing bad was seen on either side."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return seen.canary / seen.reference


def factor(seen: Dispersion) -> Floats:
    """How much to divide evidence by; 1 where the looks vary as chance has it, or less."""
    return np.maximum(1.0, (PRIOR_LOOKS + seen.spread) / (PRIOR_LOOKS + seen.looks))


def add(seen: Dispersion, canary_bad: Floats, reference_bad: Floats, share: Floats) -> Dispersion:
    """The sums with one more look.

    Args:
        seen: The looks before.
        canary_bad: Bad requests of the canary.
        reference_bad: Bad requests of the reference.
        share: The canary's share of the requests, between 0 and 1.
    """
    expected = (seen.canary + PRIOR_BAD) / (seen.reference + PRIOR_BAD)
    chance = share * expected / (share * expected + 1 - share)
    bad = canary_bad + reference_bad
    information = seen.open_information + bad * chance * (1 - chance)
    residual = seen.residual + canary_bad - bad * chance
    # The first whole look only says what the others are compared with. After it, a distance is that of the
    # look and of the running ratio together: the recursive residuals of a regression.
    whole, first = information >= WHOLE, seen.information <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = residual**2 / (information * (1 + information / seen.information))
    measured = whole & ~first
    return Dispersion(
        canary=seen.canary + canary_bad * (1 - share),
        reference=seen.reference + reference_bad * share,
        information=seen.information + np.where(whole, information, 0.0),
        residual=np.where(whole, 0.0, residual),
        open_information=np.where(whole, 0.0, information),
        spread=seen.spread + np.where(measured, spread, 0.0),
        looks=seen.looks + measured,
    )
