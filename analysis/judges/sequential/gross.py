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
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from analysis.judges.sequential.dispersion import Floats

if TYPE_CHECKING:
    from analysis.judges.sequential.tally import Counts

RATES = {0.6: 0.25, 0.98: 0.75}
"""The rates of failure of a canary that is down, and the weight of each."""
WEIGHTS = np.log([*RATES.values()])
_RATES = np.array([*RATES])
_LOG_BAD, _LOG_GOOD = np.log(_RATES), np.log1p(-_RATES)
BEFORE = 0.6, 20.0
"""Bad requests and requests of the reference, as if seen before the first look."""
RARE = 0.1
"""How much of the limit the alternative of `rare` is."""
OWN = (0.5, 0.98)
"""How far from the limit to 1 the alternatives of `own_rate` lie."""


def evidence(max_ratio: float, seen: "Counts", look: "Counts") -> Floats:
    """The log of each e-variable of one look; 0 for no requests."""
    bad, requests = BEFORE
    reference = ((seen.reference_bad + bad) / (seen.reference_requests + requests))[..., None]
    reference = np.minimum(reference, _RATES / (2 * max_ratio))  # else the pair would be no alternative
    canary_n, reference_n = look.canary_requests[..., None], look.reference_requests[..., None]
    null = _closest(max_ratio, canary_n, _RATES, reference_n, reference)
    null_canary = max_ratio * null
    canary_bad, reference_bad = look.canary_bad[..., None], look.reference_bad[..., None]
    return np.asarray(
        canary_bad * (_LOG_BAD - np.log(null_canary))
        + (canary_n - canary_bad) * (_LOG_GOOD - np.log1p(-null_canary))
        + reference_bad * np.log(reference / null)
        + (reference_n - reference_bad) * np.log((1 - reference) / (1 - null))
    )


def _closest(
    max_ratio: float, canary_n: Floats, canary: Floats, reference_n: Floats, reference: Floats
) -> Floats:
    """The reference's rate of the pair (maxRatio * rate, rate) that is closest to the alternative.

    The derivative of the expected log likelihood is a quadratic in the rate: a r^2 - b r + c = 0, and the
    root that keeps both rates below 1 is the lesser one.
    """
    total = np.maximum(canary_n + reference_n, 1e-300)
    a = max_ratio * total
    b = canary_n * (canary + max_ratio) + reference_n * (1 + max_ratio * reference)
    c = canary_n * canary + reference_n * reference
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
    rate = 2 * c / np.maximum(b + root, 1e-300)
    return np.minimum(np.maximum(rate, 1e-9), (1 - 1e-9) / max(max_ratio, 1.0))


def own_rate(limit: float, requests: Floats, bad: Floats) -> Floats:
    """The log evidence that the canary's own rate of bad requests is above the limit; -inf if that is 1."""
    if limit >= 1:
        return np.full(np.shape(requests), -math.inf)
    of_bad, of_good = _above(limit)
    logs = bad[..., None] * of_bad + (requests - bad)[..., None] * of_good
    return np.asarray(np.logaddexp.reduce(logs, axis=-1)) - math.log(len(OWN))


def rare(limit: float, requests: Floats, bad: Floats) -> Floats:
    """The log evidence that the canary's own rate of bad requests is below the limit; -inf if that is 0."""
    if limit <= 0:
        return np.full(np.shape(requests), -math.inf)
    of_good = math.log1p(-RARE * limit) - math.log1p(-limit)
    return np.asarray(bad * math.log(RARE) + (requests - bad) * of_good)


@lru_cache(maxsize=64)
def _above(limit: float) -> tuple[Floats, Floats]:
    """The logs of how much likelier the alternatives make a bad request, and a good one."""
    limit = max(limit, 1e-9)
    rates = limit + (1 - limit) * np.array(OWN)
    return np.log(rates / limit), np.log((1 - rates) / (1 - limit))
