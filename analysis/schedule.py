"""When a metric is measured, gone on with, ended, or given up. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analysis import policies
from analysis.assessment import last
from analysis.judgement import COMPLETED, under_way
from analysis.validation import effective_count, interval
from rollouts.api.analysis import Measurement, Metric, MetricResult, Milestones

ERROR_RETRY = timedelta(seconds=10)
"""When a measurement that ended in Error is taken again, whatever the interval."""
RESUME_EVERY = timedelta(seconds=10)
"""When to look again at a measurement under way that names no time itself."""
SET_BACK = timedelta(minutes=1)
"""How far in the future a measurement may lie before the clock is taken to have been set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A measurement to take, to go on with, or to end."""

    metric: str
    do: Literal["measure", "resume", "terminate"]
    previous: Measurement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What the clocks of the metrics go by."""

    started: datetime
    """When the run started."""
    now: datetime
    milestones: Milestones | None = None


def due(metric: Metric, result: MetricResult | None, times: Times, *, stopping: bool) -> Task | None:
    """What is to be done for this metric now."""
    if result is not None and result.phase in COMPLETED:
        return None
    latest = last(result)
    if latest is not None and under_way(latest):
        if stopping:
            return Task(metric=metric.name, do="terminate", previous=latest)
        if latest.resume_at is not None and latest.resume_at > times.now and not _ahead(latest, times):
            return None
        # It began now, then, so that this is noticed once.
        began = {"started_at": times.now} if _ahead(latest, times) else {}
        return Task(metric=metric.name, do="resume", previous=latest.model_copy(update=began))
    if latest is None and _first(metric, times) is None:
        return None
    moment = next_time(metric, result, times, stopping=stopping)
    return Task(metric=metric.name, do="measure") if moment is not None and moment <= times.now else None


def next_time(
    metric: Metric, result: MetricResult | None, times: Times, *, stopping: bool
) -> datetime | None:
    """When there is next something to do for this metric; None for never."""
    latest = last(result)
    if result is not None and result.phase in COMPLETED:
        return None
    if latest is not None and under_way(latest):
        if stopping or _ahead(latest, times):
            return times.now
        return latest.resume_at or times.now + RESUME_EVERY
    if stopping:
        return None
    if result is None or latest is None:
        return _first(metric, times) or times.started + policies.deadline(metric)
    count = effective_count(metric)
    if count is not None and result.count >= count:
        return None
    finished = latest.finished_at or times.now
    if _ahead(latest, times):
        return times.now
    if latest.phase == "Error":
        return finished + ERROR_RETRY
    moment = finished + (interval(metric) or ERROR_RETRY)
    waits = policies.waits_since(result)
    return min(moment, max(waits + policies.deadline(metric), finished)) if waits else moment


def _ahead(latest: Measurement, times: Times) -> bool:
    """Whether a measurement lies in the future: the clock was set back, and that must hold up no look."""
    began = latest.started_at or latest.finished_at
    return began is not None and began > times.now + SET_BACK


def gave_up(metric: Metric, times: Times) -> str:
    """Why a metric that was never measured ends now, because it waited for its start for too long."""
    return "" if _first(metric, times) else policies.gave_up(metric, times.started, times.now)


def _first(metric: Metric, times: Times) -> datetime | None:
    return policies.measured_from(metric, times.started, times.milestones)
