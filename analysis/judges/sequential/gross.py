"""Tests of a canary by its own rate of bad requests, and of one that is down. Pure.

The likelihood of `tally` bounds independent requests by Poisson counts. That is next to nothing for rare
errors, but when half of the requests or more fail it gives evidence away: with half of the traffic and five
requests that all fail, while all of the reference's succeed, it cannot get beyond 25.

`evidence` is the e-variable of Turner, Ly and Grünwald for two Bernoulli streams (arXiv 2106.02693), look
by look: the likelihood of a canary that fails at a rate of `RATES` beside a reference that fails as it did
before, over that of the closest pair of rates with canary <= maxRatio * reference. Those pairs are a convex
set, so the expectation is at most 1 for each of them, whatever the looks before were.

`own_rate` is about the canary alone, against rates up to a limit, for failures that the reference shares;
`rare` is the other way round, against rates of at least a limit, for a canary of which next to nothing fails.
"""

import math
from functools import lru_cache, reduce

from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.elementwise import (
    TINY,
    Numbers,
    clipped,
    log,
    log1p,
    log_add,
    maximum,
    minimum,
    sqrt,
)

RATES = {0.6: 0.25, 0.98: 0.75}
"""The rates of failure of a canary that is down, and the weight of each."""
WEIGHTS = [math.log(weight) for weight in RATES.values()]
BEFORE = 0.6, 20.0
"""Bad requests and requests of the reference, as if seen before the first look."""
RARE = 0.1
"""How much of the limit the alternative of `rare` is."""
OWN = (0.5, 0.98)
"""How far from the limit to 1 the alternatives of `own_rate` lie."""
_CERTAIN = 1e-9
"""How close to 0 and 1 a rate may be."""


def evidence(max_ratio: float, seen: Counts, look: Counts) -> list[Numbers]:
    """The log of the e-variable of one look for each of `RATES`; 0 for no requests."""
    bad, requests = BEFORE
    usual = (seen.reference_bad + bad) / (seen.reference_requests + requests)
    return [_against(max_ratio, rate, usual, look) for rate in RATES]


def _against(max_ratio: float, canary: float, usual: Numbers, look: Counts) -> Numbers:
    """The e-variable for a canary that fails at this rate beside a reference that fails as usual."""
    reference = minimum(usual, canary / (2 * max_ratio))  # else the pair would be no alternative
    null = _closest(max_ratio, look.canary_requests, canary, look.reference_requests, reference)
    null_canary = max_ratio * null
    return (
        look.canary_bad * (math.log(canary) - log(null_canary))
        + (look.canary_requests - look.canary_bad) * (math.log1p(-canary) - log1p(-null_canary))
        + look.reference_bad * log(reference / null)
        + (look.reference_requests - look.reference_bad) * log((1 - reference) / (1 - null))
    )


def _closest(
    max_ratio: float, canary_n: Numbers, canary: float, reference_n: Numbers, reference: Numbers
) -> Numbers:
    """The reference's rate of the pair (maxRatio * rate, rate) that is closest to the alternative.

    The derivative of the expected log likelihood is a quadratic in the rate: a r^2 - b r + c = 0, and the
    root that keeps both rates below 1 is the lesser one.
    """
    a = max_ratio * (canary_n + reference_n)
    b = canary_n * (canary + max_ratio) + reference_n * (1 + max_ratio * reference)
    c = canary_n * canary + reference_n * reference
    rate = 2 * c / maximum(b + sqrt(b * b - 4 * a * c), TINY)
    return clipped(rate, _CERTAIN, (1 - _CERTAIN) / max(max_ratio, 1.0))


def own_rate(limit: float, requests: Numbers, bad: Numbers) -> Numbers:
    """The log evidence that the canary's own rate of bad requests is above the limit, which is below 1."""
    logs = [bad * of_bad + (requests - bad) * of_good for of_bad, of_good in _above(limit)]
    return reduce(log_add, logs) - math.log(len(OWN))


def rare(limit: float, requests: Numbers, bad: Numbers) -> Numbers:
    """The log evidence that the canary's own rate of bad requests is below the limit, which is above 0."""
    of_good = math.log1p(-RARE * limit) - math.log1p(-limit)
    return bad * math.log(RARE) + (requests - bad) * of_good


@lru_cache(maxsize=64)
def _above(limit: float) -> list[tuple[float, float]]:
    """The logs of how much likelier the alternatives make a bad request, and a good one."""
    limit = max(limit, _CERTAIN)
    rates = [limit + (1 - limit) * part for part in OWN]
    return [(math.log(rate / limit), math.log((1 - rate) / (1 - limit))) for rate in rates]
