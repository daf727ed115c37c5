"""One look at a metric: what came from its source, held against its policies and then judged. Pure.

The order of the questions: what is under way, what the source settled by itself, what is no data, what comes
too early, and only then the judge.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from analysis import judging, policies
from analysis.judgement import COMPLETED, VERDICT, Judged
from analysis.judging import Look, noting, told
from analysis.values import decode
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.duration import format_duration
from rollouts.api.meta import format_time

_AHEAD = timedelta(minutes=1)
"""By how much a source's clock may be ahead of the controller's."""


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
    before = next((each for each in run.status.metric_results if each.name == metric.name), None)
    started = run.status.started_at or now
    counting = policies.is_sequential(metric)
    since, until = policies.covers(ended, before, started, counting=counting)
    look = Look(run=run, metric=metric, measurement=ended, before=before, since=since, until=until, now=now)
    if ended.phase in COMPLETED:
        config = metric.judge.consecutive if metric.judge else None
        failed_check = config if ended.phase == "Error" else None
        return judging.consecutive(look, failed_check) if failed_check else told(look, ended)
    if "at" in ended.metadata and until > now + _AHEAD:
        return told(look, look.ends("Error", _clocks(until, now)))
    if counting and (repeated := policies.seen_before(ended, before)):
        return _no_data(look, repeated)
    notes = {policies.LOOKED_AT: until.isoformat()} if counting else {}
    if nothing := policies.missing(metric, decode(ended.value), ended.metadata):
        return noting(_no_data(look, nothing), notes)
    start = policies.clock_start(metric, before, started, run.spec.milestones)
    if start is None:
        start = since
        notes[policies.STARTED] = since.isoformat()
    if early := policies.warming(metric, since, start):
        return Judged(measurement=look.ends("Pending", early), notes={**notes, policies.NO_DATA_SINCE: ""})
    judged = judging.verdict(look)
    if isinstance(judged, str):
        return noting(_no_data(look, judged), notes)
    return noting(judged, {**notes, policies.NO_DATA_SINCE: ""})


def _no_data(look: Look, nothing: str) -> Judged:
    """What the metric asks for where there is nothing to judge; by default what upstream makes of it."""
    message = look.measurement.message
    reason = f"{nothing}: {message}" if message else nothing
    match policies.on_no_data(look.metric):
        case "wait":
            return _wait(look, reason)
        case "inconclusive":
            return told(look, look.ends("Inconclusive", f"{reason} (onNoData: inconclusive)"))
        case "fail":
            return told(look, look.ends("Failed", f"{reason} (onNoData: fail)"))
        case "success":
            return told(look, look.ends("Successful", f"{reason} (onNoData: success)"))
    if look.metric.judge and look.metric.judge.consecutive:
        empty = look.measurement.model_copy(update={"value": ""})
        return judging.consecutive(replace(look, measurement=empty), look.metric.judge.consecutive)
    if policies.is_absent(look.measurement):
        return judging.threshold(look)
    return told(look, look.ends("Error", reason))


def _wait(look: Look, reason: str) -> Judged:
    """Not judged, until the deadline; a failure condition that was written for no data still holds."""
    if not look.metric.on_no_data and look.metric.failure_condition:
        judged = judging.threshold(look)
        if judged.measurement.phase == "Failed":
            return judged
    since = policies.waits_since(look.before) or look.since
    limit = policies.deadline(look.metric)
    if look.now - since < limit:
        message = f"{reason}; waiting for data until {format_time(since + limit)}"
        notes = {policies.NO_DATA_SINCE: since.isoformat()}
        return Judged(measurement=look.ends("Pending", message), notes=notes)
    message = f"{reason}; and none within noDataDeadline ({format_duration(limit)})"
    return noting(told(look, look.ends("Inconclusive", message)), {VERDICT: "Inconclusive"})


def _clocks(until: datetime, now: datetime) -> str:
    return f"the source says that it is {format_time(until)}, and it is {format_time(now)}; set the clocks"
