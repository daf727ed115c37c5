"""What an analysis would have decided in the past, from values that were recorded then. Pure.

Each run is carried out by the engine's own planning (`analysis.run`) with the clock of the recording: what
is measured is the newest recorded value or, for a judge that counts, the sum of what was recorded since the
look before. The run's milestones are taken to have come about at its start.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analysis import run as runs
from analysis.judgement import COMPLETED
from analysis.looks import conclude
from analysis.policies import is_sequential
from rollouts.api.analysis import (
    AnalysisPhase,
    AnalysisRun,
    AnalysisRunSpec,
    AnalysisRunStatus,
    Measurement,
    Milestones,
)

STALE = timedelta(minutes=5)
"""An older value is none, as with Prometheus; the judge that counts takes all since its last look."""
_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at a moment."""

    at: datetime
    value: str
    """As a measurement has it; empty for no data."""


Recording = Mapping[str, Sequence[Point]]
"""The points of each metric, in order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a run that started at a moment of the past came to."""

    start: datetime
    phase: AnalysisPhase
    """`Running` if it was not over when the recording, or the time allowed, was."""
    ended: datetime | None
    metric: str
    """The metric that decided, where one did."""
    reason: str
    """Why, where the run was not Successful."""
    proven: bool
    """The canary was proven good, at the end or when the time was over."""


def trials(
    spec: AnalysisRunSpec, recording: Recording, starts: Sequence[datetime], longest: timedelta
) -> Iterator[Trial]:
    """Carry a run out at each of the moments.

    Args:
        spec: With the arguments in place.
        recording: What was measured.
        starts: When the runs begin.
        longest: After which a run is left as it is.
    """
    over = max((points[-1].at for points in recording.values() if points), default=None)
    for start in starts:
        yield _trial(spec, recording, start, min(start + longest, over or start))


def _trial(spec: AnalysisRunSpec, recording: Recording, start: datetime, end: datetime) -> Trial:
    milestones = Milestones(pods_ready=start, first_traffic=start)
    run = AnalysisRun(spec=spec.model_copy(update={"milestones": milestones}))
    run = run.model_copy(update={"status": AnalysisRunStatus(started_at=start)})
    now, seen = start, dict.fromkeys(recording, start)
    while True:
        plan = runs.plan(run, now)
        run = run.model_copy(update={"status": plan.status})
        if plan.status.phase in COMPLETED:
            return _told(run, start)
        metrics = {metric.name: metric for metric in runs.resolved(run)}
        dry = runs.dry_metrics(run)
        for task in plan.tasks:
            metric = metrics[task.metric]
            points, counted = recording.get(task.metric, ()), is_sequential(metric)
            since = seen.get(task.metric, start) if counted else now - STALE
            found = _between(points, since, now)
            taken = Measurement(
                value=(together(found) if counted else found[-1]) if found else "",
                started_at=now,
                finished_at=now,
                metadata={"at": now.isoformat(), "from": since.isoformat()} if counted else {},
            )
            judged = conclude(run, metric, taken, now)
            run = runs.record(run, task.metric, judged, dry_run=task.metric in dry)
            seen[task.metric] = now
        plan = runs.plan(run, now)
        run = run.model_copy(update={"status": plan.status})
        if plan.status.phase in COMPLETED or plan.requeue_after is None:
            return _told(run, start)
        now += max(plan.requeue_after, _SHORTEST)
        if now > end:
            return _told(run, start)


def _between(points: Sequence[Point], since: datetime, now: datetime) -> list[str]:
    """The values after one moment and until another."""
    first, last = (bisect_right(points, each, key=lambda point: point.at) for each in (since, now))
    return [point.value for point in points[first:last] if point.value]


def together(values: Sequence[str]) -> str:
    """The sum of several looks, each number by its name; what is no counts is left to the judge to refuse."""
    try:
        total = json.loads(values[0])
        for value in values[1:]:
            total = _sum(total, json.loads(value))
    except (ValueError, RecursionError):
        return values[-1]
    return json.dumps(total)


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        names = [name for name in one if name in other]
        return {name: _sum(one[name], other[name]) for name in names}
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return None


def _told(run: AnalysisRun, start: datetime) -> Trial:
    status = run.status
    phase: AnalysisPhase = status.phase if status.phase in COMPLETED else "Running"
    decided = next((each for each in status.metric_results if not each.dry_run and each.phase == phase), None)
    said = decided.evidence.reason if decided is not None and decided.evidence is not None else ""
    good = phase in ("Successful", "Running")
    return Trial(
        start=start,
        phase=phase,
        ended=status.completed_at,
        metric=decided.name if decided is not None and not good else "",
        reason="" if good else said or (decided.message if decided else "") or status.message,
        proven=status.proven,
    )
