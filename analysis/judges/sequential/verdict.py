"""What a state comes to, in numbers and in one sentence. Pure."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.judges.sequential import dispersion, evidence
from analysis.judges.sequential.counts import ERRORS
from analysis.judges.sequential.dispersion import Floats
from analysis.judges.sequential.effects import Effects, effects
from analysis.judges.sequential.state import State
from rollouts.api.analysis import ArmCounts, Evidence
from rollouts.api.judges import SequentialJudge

Outcome = Literal["failed", "proven", "undecided"]
"""Harm is shown; the canary is shown to be good enough; neither."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked."""

    spec: SequentialJudge
    alpha: float
    """The metric's share of the rate of false alarms."""

    @property
    def effects(self) -> Effects:
        """The ratios that are compared."""
        return effects(self.spec.max_ratio, self.spec.prove_ratio)


@dataclass(frozen=True, slots=True)
class Findings:
    """E-values as logarithms: of a metric, or of many runs of it."""

    harm: Floats
    proof: Floats
    parts: Floats
    """Harm, signal by signal."""
    divisor: Floats
    """What evidence was divided by, signal by signal, on account of overdispersion."""


def findings(terms: Terms, state: State) -> Findings:
    """The evidence of the metric as a whole: errors and edges together.

    Harm is any of them: the mean, half of it the errors'. Proof is all that are telling: the least.
    """
    spec = terms.spec
    limit = 1.0 if spec.max_error_rate is None else spec.max_error_rate
    seen = evidence.weigh(state.tally, limit, spec.negligible_error_rate, guarded=spec.overdispersion)
    of_errors, log_weights = _weights(state.signals)
    parts = np.where(of_errors, seen.down, seen.harm)
    harm = np.asarray(np.logaddexp.reduce(log_weights + parts, axis=-1))
    proofs = np.where(state.telling, np.where(of_errors, seen.good, seen.proof), math.inf).min(axis=-1)
    proof = np.where(np.isfinite(proofs), proofs, 0.0)  # nothing is telling
    enough = state.tally.totals.canary_requests.max(axis=-1) >= spec.min_requests
    most = np.where(enough, math.inf, 0.0)
    return Findings(
        harm=np.minimum(harm, most),
        proof=np.minimum(proof, most),
        parts=parts,
        divisor=seen.divisor,
    )


@lru_cache(maxsize=64)
def _weights(signals: tuple[str, ...]) -> tuple[NDArray[np.bool_], Floats]:
    """Which signal is that of errors, and the logarithm of the weight of each."""
    of_errors = np.array([name == ERRORS for name in signals])
    edges = int((~of_errors).sum())
    if edges in (0, len(signals)):
        return of_errors, np.full(len(signals), -math.log(len(signals)))
    return of_errors, np.log(np.where(of_errors, 0.5, 0.5 / edges))


def outcome(terms: Terms, found: Findings) -> Outcome:
    """The verdict of one metric."""
    bound = -math.log(terms.alpha)
    if float(found.harm) >= bound:
        return "failed"
    return "proven" if float(found.proof) >= bound else "undecided"


def explain(terms: Terms, state: State, found: Findings) -> Evidence:
    """The evidence for people: about the signal that tells most of harm."""
    place = int(np.argmax(found.parts))
    canary_requests, canary_bad, reference_requests, reference_bad = (
        float(each[place]) for each in state.tally.totals
    )
    threshold = 1 / terms.alpha
    points, divisor = state.tally.points[place], float(found.divisor[place])
    bounds = evidence.bounds(terms.effects, points, divisor, threshold)
    told = Evidence(
        judge="sequential",
        against=state.against,
        canary=ArmCounts(requests=canary_requests, bad=canary_bad),
        reference=ArmCounts(requests=reference_requests, bad=reference_bad),
        ratio=_digits(float(dispersion.ratio(state.tally.dispersion)[place])),
        ratio_at_least=_digits(bounds.at_least),
        ratio_at_most=_digits(bounds.at_most),
        harm=_e_value(found.harm),
        harm_threshold=_digits(threshold),
        proof=_e_value(found.proof),
        proof_threshold=_digits(threshold),
        looks=state.looks,
    )
    sentence = _sentence(terms, told, state.signals[place], outcome(terms, found))
    return told.model_copy(update={"reason": sentence})


def _sentence(terms: Terms, told: Evidence, signal: str, verdict: Outcome) -> str:
    bad = "failed" if signal == ERRORS else f"took more than {signal} s"
    facts = f"{_share(told.canary)} canary requests {bad}, and {_share(told.reference)} of {told.against}"
    sure = f"with {100 * (1 - terms.alpha):.3g}% confidence"
    bound, least = terms.spec.max_ratio, told.ratio_at_least
    if verdict == "failed":
        if least is not None and least >= bound:
            return f"{facts}: at least {least:.3g} times as many, {sure}; maxRatio is {bound:g}"
        return f"{facts}: more than maxRatio {bound:g} or maxErrorRate allow, {sure}"
    if verdict == "proven":
        negligible = terms.spec.negligible_error_rate if signal == ERRORS else 0.0
        beside = f", or less than {100 * negligible:.3g}% in all" if negligible else ""
        return f"{facts}: less than {terms.spec.prove_ratio:g} times as many{beside}, {sure}"
    return (
        f"{facts}: undecided; evidence of more than {bound:g} times as many {told.harm:g}, of less than "
        f"{terms.spec.prove_ratio:g} times {told.proof:g}, each of {told.harm_threshold:g}"
    )


def _share(arm: ArmCounts | None) -> str:
    if arm is None or arm.bad is None or not arm.requests:
        return "none"
    return f"{arm.bad:,.7g} of {arm.requests:,.12g} ({100 * arm.bad / arm.requests:.3g}%)"


def _e_value(log: Floats) -> float:
    """What is greater than anyone needs to know is cut off."""
    return float(f"{math.exp(min(float(log), math.log(1e12))):.3g}")


def _digits(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(f"{number:.6g}")
