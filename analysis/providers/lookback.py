"""How far back a query looks that does not say so itself."""

from datetime import timedelta

from rollouts.api.analysis import Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec

INTERVALS = 10
"""So many intervals of the metric, as Flagger: late points are still seen."""
DEFAULT = timedelta(minutes=10)
"""For a metric without an interval."""


def lookback(metric: Metric, interval: str) -> timedelta:
    """The time before now that is asked about.

    Raises:
        InvalidSpec: an interval is no duration.
    """
    try:
        if interval:
            return parse_duration(interval)
        return INTERVALS * parse_duration(metric.interval) if metric.interval else DEFAULT
    except ValueError as problem:
        raise InvalidSpec("interval", str(problem), interval or metric.interval) from None
