"""How much more canary and reference vary from look to look than chance alone would have them. Pure.

The hypothesis of the test is about independent requests. Errors that come in clusters (one bad pod, a
client that repeats) vary more, and would be taken for a difference. The factor is Pearson's: the squared
distance of the canary's share from the running ratio, over what a binomial would give. A steady difference
is no dispersion, because the running ratio follows it.

The factor only ever takes evidence away (`evidence.discounted`), so the promise for independent requests
holds exactly, however the factor is estimated. For clustered ones it holds as far as the estimate is right.
"""

from typing import NamedTuple

import numpy as np

from analysis.judges.sequential.elementwise import TINY, Flags, Numbers, maximum, minimum, where

PRIOR_LOOKS = 3.0
"""As if so many looks had been seen before the first."""
PRIOR_VARIANCE = 0.1
"""And as if in them the ratio had varied as much by itself: the square of a
coefficient of variation. What that makes of counts grows with them, and is nothing for rare errors."""
MOST_PRIOR = 3.0
"""The greatest factor that is assumed before anything is seen."""
PRIOR_BAD = 0.25
"""As if so much evidence for a ratio of 1 had been seen, which keeps the first estimates finite."""
WHOLE = 1.0
"""Looks are put together until they hold so much information; a single rare error is no measure of spread."""


class Dispersion(NamedTuple):
    """Sums over the looks, for each thing judged side by side."""

    canary: Numbers
    """Mantel and Haenszel's: bad canary requests, weighted by the share of the reference."""
    reference: Numbers
    """The other way round; the quotient is the ratio."""
    looks: Numbers
    """How many there were."""
    information: Numbers
    """About the logarithm of the ratio, of all of them."""
    open_residual: Numbers
    """Of the looks that are not yet in the three sums below."""
    open_information: Numbers
    """Of the same."""
    whole_information: Numbers
    """Of the others."""
    spread: Numbers
    """Pearson's statistic."""
    freedom: Numbers
    """Its degrees of freedom."""


def nothing(shape: tuple[int, ...]) -> Dispersion:
    """Before the first look; the shape is that of `tally.nothing`."""
    return Dispersion(*(np.zeros(shape) if shape else 0.0 for _ in Dispersion._fields))


def ratio(seen: Dispersion) -> float | None:
    """How many times as bad the canary is, of one thing; None if nothing bad was seen of the reference."""
    canary, reference = float(seen.canary), float(seen.reference)
    return canary / reference if reference else None


def factors(seen: Dispersion) -> tuple[Numbers, Numbers]:
    """By how much to divide the logarithm of evidence; 1 where the looks vary as chance has it, or less.

    Returns:
        The factor with what is assumed before anything is seen, and the one by what was seen alone.
    """
    each = seen.information / maximum(seen.looks, 1.0)
    prior = minimum(1 + PRIOR_VARIANCE * each, MOST_PRIOR)
    freedom = PRIOR_LOOKS + seen.freedom
    return (
        maximum((PRIOR_LOOKS * prior + seen.spread) / freedom, 1.0),
        maximum((PRIOR_LOOKS + seen.spread) / freedom, 1.0),
    )


def add(
    seen: Dispersion, canary_bad: Numbers, reference_bad: Numbers, share: Numbers, told: Flags
) -> Dispersion:
    """The sums with one more look.

    Args:
        seen: The looks before.
        canary_bad: Bad requests of the canary.
        reference_bad: Bad requests of the reference.
        share: The canary's share of the requests, between 0 and 1.
        told: Where this look says something, for neither arm was without requests.
    """
    expected = (seen.canary + PRIOR_BAD) / (seen.reference + PRIOR_BAD)
    odds = share * expected
    chance = odds / maximum(odds + 1 - share, TINY)
    bad = canary_bad + reference_bad
    here = bad * chance * (1 - chance)
    information = seen.open_information + here
    residual = seen.open_residual + canary_bad - bad * chance
    # The first whole look only says what the others are compared with. After it, a distance is that of the
    # look and of the running ratio together: the recursive residuals of a regression.
    whole = information >= WHOLE
    known = seen.whole_information
    measured = whole & (known > 0)
    spread = residual * residual * known / maximum(information * (known + information), TINY)
    return Dispersion(
        canary=seen.canary + canary_bad * (1 - share),
        reference=seen.reference + reference_bad * share,
        looks=seen.looks + told,
        information=seen.information + here,
        open_residual=where(whole, 0.0, residual),
        open_information=where(whole, 0.0, information),
        whole_information=known + information * whole,
        spread=seen.spread + spread * measured,
        freedom=seen.freedom + measured,
    )
