"""What a state comes to, in numbers and in one sentence. Pure."""

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from analysis.judges.sequential import dispersion, evidence, tally
from analysis.judges.sequential.counts import ERRORS, of_errors
from analysis.judges.sequential.effects import Effects, effects
from analysis.judges.sequential.elementwise import (
    Numbers,
    at,
    greatest,
    least,
    log_sum,
    minimum,
    where,
)
from analysis.judges.sequential.state import State
from rollouts.api.analysis import Evidence
from rollouts.api.judges import SequentialJudge

Outcome = Literal["failed", "proven", "undecided"]
"""Harm is shown; the canary is shown to be good enough; neither."""
_MOST = math.log(1e12)
"""A greater e-value is more than anyone needs to know."""


class Terms(NamedTuple):
    """What is asked."""

    spec: SequentialJudge
    alpha: float
    """The metric's share of the rate of false alarms."""

    @property
    def effects(self) -> Effects:
        """The ratios that are compared."""
        return effects(self.spec.max_ratio, self.spec.prove_ratio)


class Findings(NamedTuple):
    """E-values as logarithms: of a metric, or of many runs of it."""

    harm: Numbers
    proof: Numbers
    parts: Numbers
    """Harm, signal by signal."""
    divisor: Numbers
    """What evidence was divided by, signal by signal, on account of overdispersion."""


def findings(terms: Terms, state: State) -> Findings:
    """The evidence of the metric as a whole: errors and edges together.

    Harm is any of them: the mean, half of it the errors'. Proof is all that are telling: the least.
    """
    spec = terms.spec
    limit = 1.0 if spec.max_error_rate is None else spec.max_error_rate
    seen = evidence.weigh(state.tally, limit, spec.negligible_error_rate, guarded=spec.overdispersion)
    errors = of_errors(state.signals)
    parts = where(errors, seen.down, seen.harm)
    harm = log_sum(_log_weights(state.signals) + parts)
    proof = least(where(state.telling, where(errors, seen.good, seen.proof), math.inf))
    enough = greatest(state.tally.totals.canary_requests) >= spec.min_requests
    most = where(enough, math.inf, 0.0)
    return Findings(
        harm=minimum(harm, most),
        proof=minimum(where(proof < math.inf, proof, 0.0), most),  # infinite where nothing is telling
        parts=parts,
        divisor=seen.divisor,
    )


@lru_cache(maxsize=64)
def _log_weights(signals: tuple[str, ...]) -> Numbers:
    """The logarithm of the weight of each signal."""
    if len(signals) == 1:
        return 0.0
    errors = of_errors(signals)
    edges = len(signals) - signals.count(ERRORS)
    if edges == len(signals):
        return np.full(edges, -math.log(edges))
    return np.log(where(errors, 0.5, 0.5 / edges))


def outcome(terms: Terms, found: Findings) -> Outcome:
    """The verdict of one metric."""
    bound = -math.log(terms.alpha)
    if float(found.harm) >= bound:
        return "failed"
    return "proven" if float(found.proof) >= bound else "undecided"


def explain(terms: Terms, state: State, found: Findings, verdict: Outcome) -> Evidence:
    """The evidence for people: about the signal that tells most of harm."""
    place = int(found.parts.argmax()) if isinstance(found.parts, np.ndarray) else 0
    seen, threshold = tally.one(state.tally, place), 1 / terms.alpha
    totals, signal = seen.totals, state.signals[place]
    bounds = evidence.bounds(terms.effects, seen.points, at(found.divisor, place), threshold)
    ratio = dispersion.ratio(seen.dispersion)
    harm, proof, needed = _e_value(found.harm), _e_value(found.proof), _digits(threshold)
    facts = (
        f"{_share(totals.canary_bad, totals.canary_requests)} canary requests {_bad(signal)}, "
        f"and {_share(totals.reference_bad, totals.reference_requests)} of {state.against}"
    )
    match verdict:
        case "failed":
            sense = _failed(terms, bounds.at_least)
        case "proven":
            sense = _proven(terms, signal)
        case "undecided":
            sense = _undecided(terms, harm, proof, needed)
    return Evidence(
        judge="sequential",
        against=state.against,
        canary={"requests": totals.canary_requests, "bad": totals.canary_bad},
        reference={"requests": totals.reference_requests, "bad": totals.reference_bad},
        ratio=None if ratio is None else _digits(ratio),
        ratio_at_least=bounds.at_least,
        ratio_at_most=bounds.at_most,
        harm=harm,
        harm_threshold=needed,
        proof=proof,
        proof_threshold=needed,
        looks=state.looks,
        reason=f"{facts}{sense}",
    )


def _bad(signal: str) -> str:
    return "failed" if signal == ERRORS else f"took more than {signal} s"


def _share(bad: Numbers, requests: Numbers) -> str:
    return f"{bad:,.7g} of {requests:,.12g} ({100 * bad / requests:.3g}%)" if requests else "none"


def _failed(terms: Terms, at_least: float | None) -> str:
    bound = terms.spec.max_ratio
    if at_least is not None and at_least >= bound:
        return f": at least {at_least:.3g} times as many, {_sure(terms)}; maxRatio is {bound:g}"
    return f": more than maxRatio {bound:g} or maxErrorRate allow, {_sure(terms)}"


def _proven(terms: Terms, signal: str) -> str:
    negligible = terms.spec.negligible_error_rate if signal == ERRORS else 0.0
    beside = f", or less than {100 * negligible:.3g}% in all" if negligible else ""
    return f": less than {terms.spec.prove_ratio:g} times as many{beside}, {_sure(terms)}"


def _undecided(terms: Terms, harm: float, proof: float, needed: float) -> str:
    spec = terms.spec
    return (
        f": undecided; evidence of more than {spec.max_ratio:g} times as many {harm:g}, "
        f"of less than {spec.prove_ratio:g} times {proof:g}, each of {needed:g}"
    )


def _sure(terms: Terms) -> str:
    return f"with {100 * (1 - terms.alpha):.3g}% confidence"


def _e_value(log: Numbers) -> float:
    return float(f"{math.exp(min(float(log), _MOST)):.3g}")


def _digits(number: float) -> float:
    return float(f"{number:.6g}")
