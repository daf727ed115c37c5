"""One look at a metric: what came from its source, held against its policies and then judged. Pure.

The order of the questions: what is under way, what the source settled by itself, what is no data, what comes
too early, and only then the judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from analysis import judgement, policies
from analysis.judgement import COMPLETED, VERDICT, Judged
from analysis.values import decode
from rollouts.api.analysis import AnalysisPhase, AnalysisRun, Measurement, Metric, MetricResult
from rollouts.api.duration import format_duration
from rollouts.api.meta import format_time

_AHEAD = timedelta(minutes=1)
"""By how much a source's clock may be ahead of the controller's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A finished measurement that is not judged yet, and what it is judged by."""

    metric: Metric
    measurement: Measurement
    before: MetricResult | None
    """What has been measured before."""
    since: datetime
    """The beginning of the time that the value counts for."""
    now: datetime

    def ends(self, phase: AnalysisPhase, message: str) -> Measurement:
        """The measurement with its phase."""
        return self.measurement.model_copy(update={"phase": phase, "message": message})


def conclude(run: AnalysisRun, metric: Metric, taken: Measurement, now: datetime) -> Judged:
    """What a measurement comes to.

    Args:
        run: With what has been measured before this.
        metric: Whose measurement it is, with arguments and secrets in place.
        taken: What the provider answered.
        now: For conditions that ask, and for deadlines.
    """
    if taken.phase == "Running":
        return Judged(measurement=taken)
    ended = taken.model_copy(update={"finished_at": taken.finished_at or now})
    if ended.phase in COMPLETED:
        return _told(metric, ended)
    before = next((each for each in run.status.metric_results if each.name == metric.name), None)
    started = run.status.started_at or now
    counting = policies.is_sequential(metric)
    since, until = policies.covers(ended, before, started, counting=counting)
    look = Look(metric=metric, measurement=ended, before=before, since=since, now=now)
    if until > now + _AHEAD:
        return _told(metric, look.ends("Error", _clocks(until, now)))
    if counting and (repeated := policies.seen_before(ended, before)):
        return _no_data(look, repeated)
    notes = {policies.LOOKED_AT: until.isoformat()} if counting else {}
    if nothing := policies.missing(metric, decode(ended.value), ended.metadata):
        return _noting(_no_data(look, nothing), notes)
    notes[policies.NO_DATA_SINCE] = ""
    start = policies.clock_start(metric, before, started, run.spec.milestones)
    if start is None:
        start = since
        notes[policies.STARTED] = since.isoformat()
    if early := policies.warming(metric, since, start):
        return Judged(measurement=look.ends("Pending", early), notes=notes)
    return _noting(_threshold(look), notes)


def _threshold(look: Look) -> Judged:
    return _told(look.metric, judgement.judge(look.metric, look.measurement, look.now))


def _told(metric: Metric, measurement: Measurement) -> Judged:
    return Judged(measurement=measurement, evidence=judgement.evidence(metric, measurement))


def _no_data(look: Look, nothing: str) -> Judged:
    """What the metric asks for where there is nothing to judge; by default what upstream makes of it."""
    message = look.measurement.message
    reason = f"{nothing}: {message}" if message else nothing
    match policies.on_no_data(look.metric):
        case "wait":
            return _wait(look, reason)
        case "inconclusive":
            return _told(look.metric, look.ends("Inconclusive", f"{reason} (onNoData: inconclusive)"))
        case "fail":
            return _told(look.metric, look.ends("Failed", f"{reason} (onNoData: fail)"))
        case "success":
            return _told(look.metric, look.ends("Successful", f"{reason} (onNoData: success)"))
    if policies.is_absent(look.measurement):
        return _threshold(look)
    return _told(look.metric, look.ends("Error", reason))


def _wait(look: Look, reason: str) -> Judged:
    """Not judged, until the deadline; a failure condition that was written for no data still holds."""
    if not look.metric.on_no_data and look.metric.failure_condition:
        judged = _threshold(look)
        if judged.measurement.phase == "Failed":
            return judged
    since = policies.waits_since(look.before) or look.since
    limit = policies.deadline(look.metric)
    if look.now - since < limit:
        message = f"{reason}; waiting for data until {format_time(since + limit)}"
        notes = {policies.NO_DATA_SINCE: since.isoformat()}
        return Judged(measurement=look.ends("Pending", message), notes=notes)
    message = f"{reason}; and none within noDataDeadline ({format_duration(limit)})"
    return _noting(_told(look.metric, look.ends("Inconclusive", message)), {VERDICT: "Inconclusive"})


def _noting(judged: Judged, notes: Mapping[str, str]) -> Judged:
    return replace(judged, notes={**notes, **judged.notes})


def _clocks(until: datetime, now: datetime) -> str:
    return f"the source says that it is {format_time(until)}, and it is {format_time(now)}; set the clocks"
