"""What an AnalysisRun has to do next, and what it has come to. Pure: the time and the measurements come in.

One pass of the controller is `plan`, then its tasks carried out, `record` for each of their measurements, and
`plan` again, whose status is written. Calling plan twice with the same run gives the same plan.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analysis import arguments
from analysis.assessment import Verdict, assess, count_phases, last, proven, summarise
from analysis.judgement import COMPLETED, NOT_JUDGED, VERDICT, Judged, not_counted, not_judged, under_way
from analysis.schedule import Task, Times, due, gave_up, next_time
from analysis.scoring import ends_run, score
from analysis.soundness import clipped
from analysis.templates import require_valid
from analysis.validation import matching
from rollouts.api.analysis import (
    AnalysisPhase,
    AnalysisRun,
    AnalysisRunSpec,
    AnalysisRunStatus,
    Evidence,
    Measurement,
    Metric,
    MetricResult,
)
from rollouts.api.errors import InvalidSpec

TERMINATED = "Run Terminated"
"""What the message of a run says that was ended before its time; upstream's words."""
UNRESOLVED = "Unable to resolve metric arguments"
"""What the message of a run begins with an argument of which has no value; upstream's words."""
ROOM = 600_000
"""Characters that the measurements of a run take together; an object of the API has about a million."""
KEPT_MEASUREMENTS = 10
"""Measurements kept for each metric, unless the run says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """What to tell the user, once."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What is due, what the run has come to, and when to look again."""

    tasks: tuple[Task, ...] = ()
    status: AnalysisRunStatus
    events: tuple[RunEvent, ...] = ()
    requeue_after: timedelta | None = None
    """None: nothing more will happen by itself."""


def fault(spec: AnalysisRunSpec) -> str:
    """Why a run cannot be carried out, whatever is measured; empty if it can."""
    run = AnalysisRun(spec=spec)
    try:
        arguments.require(spec.args)
        metrics = resolved(run)
    except InvalidSpec as error:
        return f"{UNRESOLVED}: {error}"
    try:
        require_valid(spec)
        _rules(run, metrics)
    except InvalidSpec as error:
        return f"Analysis spec invalid: {error}"
    return ""


def plan(run: AnalysisRun, now: datetime, known: str | None = None) -> RunPlan:
    """Decide what to measure, and assess what has been measured.

    A run that cannot be carried out ends in Error and says why.

    Args:
        run: What has been measured so far.
        now: The time.
        known: What `fault` says of its spec, where the caller remembers it: finding out is a third of a pass.
    """
    if run.status.phase in COMPLETED:
        return RunPlan(status=run.status)
    if found := fault(run.spec) if known is None else known:
        return _refuse(run, found, now)
    metrics = resolved(run)
    dry, kept = _rules(run, metrics)
    started = run.status.started_at or now
    results = {result.name: result for result in run.status.metric_results}
    times = Times(started=started, now=now, milestones=run.spec.milestones)
    for metric in metrics:
        if metric.name not in results and (reason := gave_up(metric, times)):
            results[metric.name] = _never_began(metric.name, reason, dry_run=metric.name in dry)
    before = results
    results, stopping = _assessed(run, metrics, before, dry, stopping=run.spec.terminate)
    terminated = run.status.terminated
    if run.spec.terminate and not terminated:
        by_itself, ending = _assessed(run, metrics, before, dry, stopping=False)
        alone = _verdict(run, metrics, by_itself, dry, stopping=ending)[0]
        terminated = not ending and alone not in COMPLETED
    tasks = tuple(
        task
        for metric in metrics
        if (task := due(metric, results.get(metric.name), times, stopping=stopping))
    )
    phase, message = _verdict(run, metrics, results, dry, stopping=stopping)
    if terminated and phase in COMPLETED:
        message = message or TERMINATED
    room = ROOM // max(len(metrics), 1)
    trimmed = tuple(
        _trim(result, kept.get(result.name, KEPT_MEASUREMENTS), room) for result in results.values()
    )
    status = run.status.model_copy(
        update={
            "phase": phase,
            "message": message,
            "started_at": started,
            "completed_at": now if phase in COMPLETED else None,
            "metric_results": trimmed,
            "run_summary": count_phases(metrics, results, lambda name: name not in dry),
            "dry_run_summary": count_phases(metrics, results, lambda name: name in dry) if dry else None,
            "terminated": terminated,
            "proven": proven(metrics, results, dry),
        }
    )
    moments = [
        moment
        for metric in metrics
        if (moment := next_time(metric, results.get(metric.name), times, stopping=stopping))
    ]
    done = status.phase in COMPLETED
    return RunPlan(
        tasks=() if done else tasks,
        status=status,
        events=_events(run.status, status),
        requeue_after=None if done or not moments else max(min(moments) - now, timedelta()),
    )


def resolved(run: AnalysisRun, secrets: Mapping[str, str] | None = None) -> tuple[Metric, ...]:
    """The metrics with their arguments in place.

    Args:
        run: Whose metrics.
        secrets: Values of the arguments that come from Secrets; without them such a value shows as `*****`.

    Raises:
        InvalidSpec: an argument has no value.
    """
    values = {**arguments.known_values(run.spec.args), **(secrets or {})}
    return tuple(arguments.resolve(metric, values) for metric in run.spec.metrics)


def record(
    run: AnalysisRun,
    metric: str,
    judged: Judged | Measurement,
    *,
    dry_run: bool = False,
    ended: bool = False,
) -> AnalysisRun:
    """The run with one more measurement, or with its measurement under way brought up to date.

    What the judge makes of it comes with it, so that a look is either counted and remembered or neither.

    Args:
        run: What has been measured so far.
        metric: Whose measurement it is.
        judged: The measurement, judged or still Running, with what its judge makes of it, if it had one.
        dry_run: Whether the outcome counts for nothing but itself.
        ended: Whether it was ended before its time. If it says Successful then, that is not counted as one.
    """
    if isinstance(judged, Measurement):
        judged = Judged(measurement=judged)
    known = next((result for result in run.status.metric_results if result.name == metric), None)
    result = known or MetricResult(name=metric, phase="Running", dry_run=dry_run)
    measurement, latest = judged.measurement, last(result)
    earlier = result.measurements[:-1] if under_way(latest) else result.measurements
    if latest is not None and under_way(latest) and measurement.phase == "Error":
        # What was noted for going on, as since when is counted, outlives an error that knows nothing of it.
        kept = {**latest.metadata, **measurement.metadata}
        measurement = measurement.model_copy(update={"metadata": kept})
    counted = result if ended and measurement.phase == "Successful" else _count(result, measurement)
    resolved_as = {name: text for name, text in measurement.metadata.items() if name.startswith("Resolved")}
    notes = {**counted.metadata, **resolved_as, **judged.notes}
    updated = counted.model_copy(
        update={
            "measurements": (*earlier, measurement),
            "metadata": {name: text for name, text in notes.items() if text},
            "evidence": judged.evidence or counted.evidence,
            "proven": counted.proven if judged.proven is None else judged.proven,
        }
    )
    if known is None:
        results = (*run.status.metric_results, updated)
    else:
        results = tuple(updated if each.name == metric else each for each in run.status.metric_results)
    return run.model_copy(update={"status": run.status.model_copy(update={"metric_results": results})})


def _never_began(name: str, reason: str, *, dry_run: bool) -> MetricResult:
    return MetricResult(
        name=name,
        phase="Pending",
        message=reason,
        dry_run=dry_run,
        metadata={VERDICT: "Inconclusive"},
        evidence=Evidence(reason=reason),
    )


def _count(result: MetricResult, measurement: Measurement) -> MetricResult:
    """An Error is counted apart: it is no answer, and the measurement will be taken again."""
    if not_judged(measurement):  # An answer all the same, so that no errors in a row are left.
        metadata = {**result.metadata, NOT_JUDGED: str(not_counted(result) + 1)}
        return result.model_copy(update={"consecutive_error": 0, "metadata": metadata})
    phase = measurement.phase
    if phase not in COMPLETED:
        return result
    if phase == "Error":
        return result.model_copy(
            update={
                "error": result.error + 1,
                "consecutive_error": result.consecutive_error + 1,
                "consecutive_success": 0,
            }
        )
    field = phase.lower()
    return result.model_copy(
        update={
            field: getattr(result, field) + 1,
            "count": result.count + 1,
            "consecutive_error": 0,
            "consecutive_success": result.consecutive_success + 1 if phase == "Successful" else 0,
        }
    )


def _rules(run: AnalysisRun, metrics: tuple[Metric, ...]) -> tuple[frozenset[str], Mapping[str, int]]:
    """Which metrics are not judged, and how many measurements of each are kept."""
    names = [metric.name for metric in metrics]
    dry = matching([rule.metric_name for rule in run.spec.dry_run], names, "dryRun")
    retention = run.spec.measurement_retention
    hits = matching([rule.metric_name for rule in retention], names, "measurementRetention")
    kept = {name: retention[place].limit for name, place in hits.items() if retention[place].limit > 0}
    return frozenset(dry), kept


def dry_metrics(run: AnalysisRun) -> frozenset[str]:
    """The metrics whose outcome does not count.

    Raises:
        InvalidSpec: a rule matches no metric.
    """
    return _rules(run, resolved(run))[0]


def _refuse(run: AnalysisRun, message: str, now: datetime) -> RunPlan:
    status = run.status.model_copy(
        update={
            "phase": "Error",
            "message": clipped(message),
            "started_at": run.status.started_at or now,
            "completed_at": now,
        }
    )
    return RunPlan(status=status, events=_events(run.status, status))


def _assessed(
    run: AnalysisRun,
    metrics: tuple[Metric, ...],
    results: Mapping[str, MetricResult],
    dry: frozenset[str],
    *,
    stopping: bool,
) -> tuple[dict[str, MetricResult], bool]:
    """The results with their phases, and whether the run is to end now."""
    assessed = dict(results)
    # Twice: a metric that ends badly in the first round stops the others in the second.
    for _ in range(2):
        assessed = {
            metric.name: assess(metric, assessed[metric.name], stopping=stopping)
            for metric in metrics
            if metric.name in assessed
        }
        stopping = stopping or ends_run(metrics, assessed, dry, run.spec.score)
    return assessed, stopping


def _verdict(
    run: AnalysisRun,
    metrics: tuple[Metric, ...],
    results: Mapping[str, MetricResult],
    dry: frozenset[str],
    *,
    stopping: bool,
) -> Verdict:
    scored = score(metrics, results, dry, run.spec.score)
    return summarise(metrics, results, dry, stopping=stopping, scored=scored)


def _trim(result: MetricResult, limit: int, room: int) -> MetricResult:
    """The newest measurements, so many as are asked for and fit; one at least."""
    kept = 0
    for measurement in reversed(result.measurements[-limit:]):
        room -= _size(measurement)
        if kept and room < 0:
            break
        kept += 1
    if kept == len(result.measurements):
        return result
    return result.model_copy(update={"measurements": result.measurements[-kept:]})


def _size(measurement: Measurement) -> int:
    """About how many characters it takes in the status."""
    metadata = sum(len(name) + len(text) for name, text in measurement.metadata.items())
    return 200 + len(measurement.value) + len(measurement.message) + metadata


def _events(before: AnalysisRunStatus, after: AnalysisRunStatus) -> tuple[RunEvent, ...]:
    return (*_metric_events(before, after), *_run_events(before, after))


def _metric_events(before: AnalysisRunStatus, after: AnalysisRunStatus) -> Iterable[RunEvent]:
    phases = {result.name: result.phase for result in before.metric_results}
    for result in after.metric_results:
        if result.phase in COMPLETED and phases.get(result.name) != result.phase:
            yield _event("Metric", f"Metric '{result.name}' Completed. Result: {result.phase}", result.phase)


def _run_events(before: AnalysisRunStatus, after: AnalysisRunStatus) -> Iterable[RunEvent]:
    if after.phase in COMPLETED and before.phase != after.phase:
        yield _event("AnalysisRun", f"Analysis Completed. Result: {after.phase}", after.phase)


def _event(kind: str, message: str, phase: AnalysisPhase) -> RunEvent:
    bad = phase in ("Failed", "Error")
    return RunEvent(reason=f"{kind}{phase}", message=message, type="Warning" if bad else "Normal")
