"""When a comparison was last looked at, as its measurements tell, so that every request counts once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.providers.answers import no_data, value
from analysis.providers.counts import Arm, counts
from analysis.validation import whole
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.duration import format_duration

_EARLY = 0.9
"""A window is over at nine tenths of it; the timers of a busy controller are not exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One measurement of a metric that compares."""

    run: AnalysisRun
    metric: Metric
    previous: Measurement | None
    """The same measurement, while it is still Running."""
    started: datetime

    def kept(self, *names: str) -> Mapping[str, str]:
        """What the newest measurement that noted all of `names` has noted under them, whatever came of it.

        One that failed without a look notes again what stood before it. So nothing is left out and nothing
        counted twice, even if a measurement is lost together with the controller that took it.
        """
        results = (result for result in self.run.status.metric_results if result.name == self.metric.name)
        taken = [measurement for result in results for measurement in result.measurements]
        for measurement in reversed([*taken, self.previous] if self.previous else taken):
            if all(name in measurement.metadata for name in names):
                return {name: measurement.metadata[name] for name in names}
        return {}


def remaining(since: datetime, now: datetime, window: timedelta) -> timedelta:
    """How long a window still lasts; nothing from nine tenths of it on.

    Args:
        since: When it began, `min(since, now)`: a clock that was set back does not hold up what waits for it.
        now: The same clock, now.
        window: How long it is.
    """
    return timedelta() if now - since >= window * _EARLY else since + window - now


def fewest(metric: Metric, own: int | None = None) -> int:
    """Requests of the canary below which a look is no data, and its window goes on; 1 at least."""
    return max(whole(metric.min_samples, 1), own or 1, 1)


def read_time(text: str) -> datetime | None:
    """The time that a look has noted; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A window that is over."""

    started: datetime
    """When its measurement began."""
    now: datetime
    length: timedelta
    after: Mapping[str, str]
    """What to note for the next look, if this one counts."""
    before: Mapping[str, str]
    """What to note if it does not, so that the next one counts what this one saw."""


def conclude(counted: Mapping[str, Arm], window: Ended, *, who: str, least: int) -> Measurement:
    """The counts of a window, or that the canary had too few requests: then they count in the next look.

    Raises:
        Unusable: the counts contradict each other.
    """
    result = counts(counted)
    canary, length = result["canary"]["requests"], format_duration(window.length)
    if canary >= least:
        return value(window.started, window.now, result, {**window.after, "window": length})
    # Without any request of the canary there is nothing to keep for it, and stable's would only grow old.
    notes = window.before if canary else window.after
    message = f"{who} answered {canary:g} requests in {length}, fewer than {least}"
    return no_data(window.started, window.now, message, {**notes, "window": length})
