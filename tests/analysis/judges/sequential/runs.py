"""Many runs side by side, through the judge's own lines."""

import math

import numpy as np

from analysis.judges.sequential import tally
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.state import State
from analysis.judges.sequential.verdict import Terms, findings
from rollouts.api.judges import SequentialJudge


def ever(looks, alpha=0.05, **spec):
    """Which runs were failed at some look, and which were proven at some look before that.

    `looks` gives, look by look, four arrays over the runs: requests and errors of the canary, then of stable.
    """
    terms = Terms(SequentialJudge(**spec), alpha)
    seen, failed, proven = None, False, False
    for look in looks:
        counts = Counts(*(np.asarray(each, dtype=np.float64)[:, None] for each in look))
        if seen is None:
            seen = tally.nothing(terms.effects, counts.canary_bad.shape)
        seen = tally.add(terms.effects, seen, counts)
        found = findings(terms, State(("errors",), np.array([True]), seen))
        proven = proven | ((found.proof >= -math.log(alpha)) & ~failed)
        failed = failed | (found.harm >= -math.log(alpha))
    return failed, proven


def draw(rng, runs, requests, share, rate, *, ratio):
    """One look of independent requests; rate and ratio may differ from run to run."""
    canary, stable = rng.poisson(requests * share, runs), rng.poisson(requests * (1 - share), runs)
    return (
        canary,
        rng.binomial(canary, np.minimum(rate * ratio, 1)),
        stable,
        rng.binomial(stable, np.minimum(rate, 1)),
    )
