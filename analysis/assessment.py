"""What the measurements of a metric come to, and what the metrics of a run come to. Pure.

The order of the questions is upstream's and matters: an error run outweighs inconclusive ones, which outweigh
failures, and only then does reaching the count mean success.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from analysis.judgement import COMPLETED, VERDICT, under_way
from analysis.judging import classification, phase_of
from analysis.policies import is_consecutive, is_kayenta, is_sequential
from analysis.validation import CONSECUTIVE_ERROR_LIMIT, effective_count, whole
from rollouts.api.analysis import AnalysisPhase, Measurement, Metric, MetricResult, RunSummary

_FROM_BEST_TO_WORST: tuple[AnalysisPhase, ...] = (
    "Successful",
    "Running",
    "Pending",
    "Inconclusive",
    "Error",
    "Failed",
)

_BAD: frozenset[AnalysisPhase] = frozenset({"Failed", "Error", "Inconclusive"})
_NOT_BAD: frozenset[AnalysisPhase] = frozenset({"Running", "Successful"})

Verdict = tuple[AnalysisPhase, str]
"""A phase and the reason for it, empty where there is nothing to explain."""


def last(result: MetricResult | None) -> Measurement | None:
    """The newest measurement."""
    return result.measurements[-1] if result is not None and result.measurements else None


def assess(metric: Metric, result: MetricResult, *, stopping: bool) -> MetricResult:
    """The result with the phase that its measurements come to.

    Args:
        metric: With its arguments in place.
        result: What has been measured. A phase that is final stays.
        stopping: Whether the run is to end now.
    """
    if result.phase in COMPLETED:
        return result
    phase, _ = _phase(metric, result, stopping=stopping)
    if phase == result.phase:
        return result
    latest = last(result)
    message = latest.message if latest is not None else result.message
    assessed = result.model_copy(update={"phase": phase, "message": message})
    if not result.dry_run or phase not in _BAD or not (why := reason(metric, assessed)):
        return assessed
    return assessed.model_copy(update={"message": f"Metric assessed {phase} due to {why}"})


def _phase(metric: Metric, result: MetricResult, *, stopping: bool) -> Verdict:
    latest = last(result)
    if settled := settled_by_judge(result):
        return settled
    if latest is None:
        return ("Successful", "") if stopping else ("Pending", "")
    if under_way(latest):
        return "Running", ""
    phase, reason = limit_exceeded(metric, result)
    if phase:
        return phase, reason
    wanted = whole(metric.consecutive_success_limit, 0)
    if wanted > 0 and result.consecutive_success >= wanted:
        return "Successful", ""
    count = effective_count(metric)
    if count is not None and result.count >= count:
        return _at_count(metric, result, count)
    return _stopped(metric, result) if stopping else ("Running", "")


def _stopped(metric: Metric, result: MetricResult) -> Verdict:
    """What a metric comes to that is ended early: upstream's answer, or what its ranks said last."""
    found = classification(metric, result)
    return (phase_of(found), found.reason) if found is not None else ("Successful", "")


def settled_by_judge(result: MetricResult) -> Verdict | None:
    """The phase that the judge of the metric has settled, whatever the limits are."""
    for phase in _FROM_BEST_TO_WORST:
        if result.metadata.get(VERDICT) == phase and phase in COMPLETED:
            return phase, result.evidence.reason if result.evidence else ""
    return None


def limit_exceeded(metric: Metric, result: MetricResult) -> Verdict:
    """Which limit is exceeded; the last of failures, inconclusive measurements and errors in a row wins."""
    verdict: Verdict = ("", "")
    failures = whole(metric.failure_limit, 0)
    own_count = is_consecutive(metric) or is_kayenta(metric)
    if failures >= 0 and result.failed > failures and not own_count:
        verdict = ("Failed", f"failed ({result.failed}) > failureLimit ({failures})")
    unclear = whole(metric.inconclusive_limit, 0)
    if result.inconclusive > unclear and not is_kayenta(metric):
        verdict = ("Inconclusive", f"inconclusive ({result.inconclusive}) > inconclusiveLimit ({unclear})")
    errors = whole(metric.consecutive_error_limit, CONSECUTIVE_ERROR_LIMIT)
    if result.consecutive_error > errors:
        verdict = (
            "Error",
            f"consecutiveErrors ({result.consecutive_error}) > consecutiveErrorLimit ({errors})",
        )
    return verdict


def _at_count(metric: Metric, result: MetricResult, count: int) -> Verdict:
    found = classification(metric, result)
    if found is not None:
        return phase_of(found), found.reason
    wanted = whole(metric.consecutive_success_limit, 0)
    if wanted > 0:
        reason = (
            f"consecutiveSuccess ({result.consecutive_success}) < consecutiveSuccessLimit ({wanted}) "
            f"at count ({count})"
        )
        return ("Inconclusive" if whole(metric.failure_limit, 0) >= 0 else "Failed"), reason
    if result.successful == 0:
        # Limits as wide as the count would let a metric pass that has never once been good.
        return "Inconclusive", f"count ({count}) reached without a successful measurement"
    undecided = metric.judge.sequential.undecided if metric.judge and metric.judge.sequential else "success"
    if undecided == "inconclusive" and not result.proven:
        evidence = f": {result.evidence.reason}" if result.evidence else ""
        return "Inconclusive", f"count ({count}) reached{evidence}"
    return "Successful", ""


def reason(metric: Metric, result: MetricResult) -> str:
    """Why a completed metric did not succeed, as far as its judge and its counts tell."""
    if settled := settled_by_judge(result):
        return settled[1]
    phase, text = limit_exceeded(metric, result)
    if phase:
        return text
    count = effective_count(metric)
    if count is not None and result.count >= count and result.phase != "Successful":
        return _at_count(metric, result, count)[1]
    found = classification(metric, result)
    return found.reason if found is not None else ""


def summarise(
    metrics: Sequence[Metric],
    results: Mapping[str, MetricResult],
    dry: Collection[str],
    *,
    stopping: bool,
    scored: Verdict | None = None,
) -> Verdict:
    """What the run comes to: the worst of its judged metrics, once nothing more is to be awaited.

    Args:
        metrics: With their arguments in place.
        results: What was measured.
        dry: The metrics that have no say.
        stopping: Whether the run is to end now. One that is told so before it measured anything is
            Successful, as upstream has it.
        scored: What the metrics with the kayenta judge come to together; it takes the place of their phases.
    """
    found = [results.get(metric.name) for metric in metrics]
    if any(result is not None and result.phase not in COMPLETED for result in found):
        return "Running", ""
    if not stopping and any(result is None for result in found):
        return "Running", ""
    worst: AnalysisPhase = ""
    message = ""
    for metric, result in zip(metrics, found, strict=True):
        if result is None or metric.name in dry or has_a_score(metric, result):
            continue
        if worst and _FROM_BEST_TO_WORST.index(result.phase) <= _FROM_BEST_TO_WORST.index(worst):
            continue
        worst = result.phase
        if text := reason(metric, result) if worst != "Successful" else "":
            message = f'Metric "{metric.name}" assessed {worst} due to {text}'
            if result.message and result.message != text:
                message += f': "Error Message: {result.message}"'
    if scored and (not worst or _FROM_BEST_TO_WORST.index(scored[0]) >= _FROM_BEST_TO_WORST.index(worst)):
        return scored
    return worst or "Successful", message


def has_a_score(metric: Metric, result: MetricResult) -> bool:
    """Whether the metric counts by its part of the score, and not by a phase that has another reason."""
    if classification(metric, result) is None or settled_by_judge(result):
        return False
    return not limit_exceeded(metric, result)[0]


def proven(metrics: Sequence[Metric], results: Mapping[str, MetricResult], dry: Collection[str]) -> bool:
    """Whether every metric with a say that can prove the canary good has done so, and there is one."""
    good = {name for name, result in results.items() if result.proven and result.phase in _NOT_BAD}
    proofs = [metric.name in good for metric in metrics if is_sequential(metric) and metric.name not in dry]
    return bool(proofs) and all(proofs)


def count_phases(
    metrics: Sequence[Metric], results: Mapping[str, MetricResult], counted: Callable[[str], bool]
) -> RunSummary:
    """How many of the counted metrics ended how."""
    phases = [
        result.phase if (result := results.get(metric.name)) else ""
        for metric in metrics
        if counted(metric.name)
    ]
    return RunSummary(
        count=len(phases),
        successful=phases.count("Successful"),
        failed=phases.count("Failed"),
        inconclusive=phases.count("Inconclusive"),
        error=phases.count("Error"),
    )
