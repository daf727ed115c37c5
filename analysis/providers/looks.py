"""When a comparison was last looked at, as its measurements tell, so that every request counts once. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from analysis.validation import whole
from rollouts.api.analysis import AnalysisRun, Measurement, Metric

_EARLY = 0.9
"""A window is over at nine tenths of it; the timers of a busy controller are not exact."""


def kept(
    run: AnalysisRun, metric: Metric, previous: Measurement | None, names: tuple[str, ...]
) -> Mapping[str, str] | None:
    """What the newest measurement that noted all of `names` has noted under them, whatever came of it.

    One that failed without a look notes again what stood before it. So nothing is left out and nothing
    counted twice, even if a measurement is lost together with the controller that took it.
    """
    results = (result for result in run.status.metric_results if result.name == metric.name)
    taken = [measurement for result in results for measurement in result.measurements]
    for measurement in reversed([*taken, previous] if previous else taken):
        if all(name in measurement.metadata for name in names):
            return {name: measurement.metadata[name] for name in names}
    return None


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
