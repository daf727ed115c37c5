"""What a metric asks for about time and missing data: when its clock starts, which values are not judged yet,
and what no data is. Pure.

Not for: what values mean, which is the judges' business.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from analysis.values import absent, decode
from rollouts.api.analysis import Measurement, Metric, MetricResult, Milestones
from rollouts.api.duration import format_duration, parse_duration
from rollouts.api.meta import dump

NO_DATA_DEADLINE = "10m"
"""How long `wait` waits, and how long a metric waits for its start."""
WARM_UP = "2m"
"""Of the sequential judge."""

_TOLERANCE = timedelta(seconds=1)
"""Times in the status are whole seconds, and timers are not exact."""

STARTED = "start"
"""Note on a metric: when its clock started, where only its values told."""
NO_DATA_SINCE = "noDataSince"
"""Note on a metric: since when it has waited for data."""
LOOKED_AT = "lookedAt"
"""Note on a metric: the end of the time that its last look covers."""

StartOn = Literal["firstTraffic", "podsReady", "stepStart"]
OnNoData = Literal["", "wait", "inconclusive", "fail", "success"]


def judge_name(metric: Metric) -> str:
    """The judge of the metric, as `.judge` names it."""
    return next(iter(dump(metric.judge)), "threshold") if metric.judge else "threshold"


def is_sequential(metric: Metric) -> bool:
    """Whether counts are compared after every look."""
    return metric.judge is not None and metric.judge.sequential is not None


def is_kayenta(metric: Metric) -> bool:
    """Whether series are compared by rank, and scored with others."""
    return metric.judge is not None and metric.judge.kayenta is not None


def is_consecutive(metric: Metric) -> bool:
    """Whether failed checks are counted."""
    return metric.judge is not None and metric.judge.consecutive is not None


def start_on(metric: Metric) -> StartOn:
    """When the clock of the metric starts."""
    return metric.start_on or ("firstTraffic" if is_sequential(metric) else "stepStart")


def on_no_data(metric: Metric) -> OnNoData:
    """What a measurement without data is; the empty text is what upstream, or the judge, makes of it."""
    patient = metric.provider.traffic is not None or is_sequential(metric) or is_kayenta(metric)
    return metric.on_no_data or ("wait" if patient else "")


def deadline(metric: Metric) -> timedelta:
    """How long the metric waits for data, or for its start."""
    return parse_duration(metric.no_data_deadline or NO_DATA_DEADLINE)


def warm_up(metric: Metric) -> timedelta:
    """How long after its start values are not judged."""
    return parse_duration(metric.warm_up or (WARM_UP if is_sequential(metric) else "0"))


def tells_traffic(metric: Metric) -> bool:
    """Whether the values of the metric show when traffic begins, so that it measures from the beginning."""
    provider = metric.provider
    arms = provider.prometheus is not None and provider.prometheus.arms is not None
    return is_sequential(metric) or provider.traffic is not None or arms


def clock_start(
    metric: Metric, result: MetricResult | None, started: datetime, milestones: Milestones | None
) -> datetime | None:
    """When the clock of the metric started, or None while that is not known.

    Args:
        metric: With its arguments in place.
        result: What has been measured.
        started: When the run started.
        milestones: What the rollout's controller has seen.
    """
    rule = start_on(metric)
    if rule == "stepStart":
        return started
    if rule == "podsReady":
        return milestones.pods_ready if milestones else None
    noted = moment(result.metadata.get(STARTED, "")) if result else None
    told = milestones.first_traffic if milestones else None
    # Requests that came before the route gave any (by a header, say) have started the clock for good.
    return min(noted, told) if noted and told else noted or told


def measured_from(metric: Metric, started: datetime, milestones: Milestones | None) -> datetime | None:
    """When the first measurement is due, or None while the metric waits for its start."""
    if start_on(metric) == "firstTraffic" and tells_traffic(metric):
        base: datetime | None = started
    else:
        base = clock_start(metric, None, started, milestones)
    if base is None:
        return None
    delay = parse_duration(metric.initial_delay) if metric.initial_delay else timedelta()
    return max(base + delay, started)


def gave_up(metric: Metric, started: datetime, now: datetime) -> str:
    """Why a metric that still waits for its start ends now, or nothing."""
    if now - started < deadline(metric):
        return ""
    what = {
        "podsReady": "the canary's pods were not ready",
        "firstTraffic": "no traffic reached the canary",
        "stepStart": "nothing began",
    }[start_on(metric)]
    return f"{what} within noDataDeadline ({format_duration(deadline(metric))}), for which startOn waits"


def warming(metric: Metric, began: datetime, start: datetime | None) -> str:
    """Why a value is not judged yet, or nothing.

    Args:
        metric: With its arguments in place.
        began: Since when the value counts.
        start: When the clock of the metric started.
    """
    length = warm_up(metric)
    if length <= timedelta() or (start is not None and began + _TOLERANCE >= start + length):
        return ""
    return f"not judged: within warmUp ({format_duration(length)})"


def missing(metric: Metric, result: Any, metadata: Mapping[str, str]) -> str:
    """Why a result is no data: what is absent, or too few samples; nothing for data.

    Args:
        metric: With its arguments in place.
        result: The value, decoded.
        metadata: Of the measurement; `requests` may tell what a value rests on.
    """
    if nothing := absent(result):
        return f"metric result is {nothing}: no data returned from the metric provider"
    if is_kayenta(metric) and metric.min_samples is None:
        return ""  # The judge knows what an empty side is.
    count = samples(result, metadata)
    wanted = max(int(metric.min_samples or 1), 1)
    if count is None or not count < wanted:  # What is no number is for the judge to refuse.
        return ""
    what = "requests of the canary" if isinstance(result, dict) and _is_counts(result) else "samples"
    return f"no data: {count:g} {what}, fewer than minSamples ({wanted})"


def samples(result: Any, metadata: Mapping[str, str]) -> float | None:
    """How many samples a result rests on; None where nothing tells."""
    if isinstance(result, dict):
        canary = result.get("canary")
        if isinstance(canary, dict):
            count = canary.get("requests")
            return float(count) if isinstance(count, int | float) and not isinstance(count, bool) else None
        return float(sum(x is not None for x in canary)) if isinstance(canary, list) else None
    told = metadata.get("requests", "")
    if told.isdigit():
        return float(told)
    return float(len(result)) if isinstance(result, list) else None


def _is_counts(result: Mapping[str, Any]) -> bool:
    return isinstance(result.get("canary"), dict)


def moment(text: str) -> datetime | None:
    """A time that was noted, or None."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def is_absent(measurement: Measurement) -> bool:
    """Whether a measurement has no value, rather than one that rests on too little."""
    return bool(absent(decode(measurement.value)))


def waits_since(result: MetricResult | None) -> datetime | None:
    """Since when the metric has waited for data, or None where it does not."""
    return moment(result.metadata.get(NO_DATA_SINCE, "")) if result else None


def covers(
    measurement: Measurement, result: MetricResult | None, started: datetime, *, counting: bool
) -> tuple[datetime, datetime]:
    """The time that a value counts for: from when, and until when.

    Of counts the provider may tell it, as `at` and either `from` or `window` in the metadata; otherwise they
    reach back to the look before, or to the start of the run. Any other value is of the moment, or of the
    `window` before it: a source that answers the same for ever must not be able to stop time.

    Args:
        measurement: Finished.
        result: What has been measured before.
        started: When the run started.
        counting: Whether the value is counted since the look before.
    """
    end = measurement.finished_at or started
    window = _window(measurement)
    if not counting:
        return end - (window or timedelta()), end
    noted = moment(result.metadata.get(LOOKED_AT, "")) if result else None
    if noted is not None:  # Though the clock was set back: what is counted since a look is counted after it.
        end = max(end, noted + timedelta(milliseconds=1))
    end = moment(measurement.metadata.get("at", "")) or end
    begin = moment(measurement.metadata.get("from", ""))
    if begin is None and window is not None:
        begin = end - window
    return begin or noted or started, end


def _window(measurement: Measurement) -> timedelta | None:
    try:
        return parse_duration(measurement.metadata["window"])
    except (KeyError, ValueError):
        return None


def seen_before(measurement: Measurement, result: MetricResult | None) -> str:
    """Why a look must not be counted, because its time was counted already; nothing for a new one."""
    last = moment(result.metadata.get(LOOKED_AT, "")) if result else None
    end, begin = (moment(measurement.metadata.get(name, "")) for name in ("at", "from"))
    if last is None or end is None:
        return ""
    if end <= last:
        return f"look dropped: it ends at {end.isoformat()}, and all until {last.isoformat()} is counted"
    if begin is not None and begin < last:
        return f"look dropped: it begins at {begin.isoformat()}, and all until {last.isoformat()} is counted"
    return ""
