"""What a traffic metric asks for, checked and with its defaults. Pure."""

import re
from datetime import timedelta

from rollouts.api.analysis import Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import TrafficMetric

WINDOW = "30s"
"""Of a metric that names neither a window nor an interval."""
QUANTILE = 0.99

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def checked(spec: TrafficMetric | None) -> TrafficMetric:
    """The spec, if it makes sense.

    Raises:
        InvalidSpec: a name is none of a Service, or a quantile none.
    """
    if spec is None:
        raise InvalidSpec(".provider.traffic", "is missing")
    for name, service in (("service", spec.service), ("stableService", spec.stable_service)):
        if not _NAME.fullmatch(service) and (service or name == "service"):
            raise InvalidSpec(f".provider.traffic.{name}", f'"{service}" is no name of a Service', service)
    if not 0 < quantile(spec) < 1:
        raise InvalidSpec(".provider.traffic.quantile", "must lie between 0 and 1, like 0.99", spec.quantile)
    return spec


def quantile(spec: TrafficMetric) -> float:
    """Of the latency, 0 to 1."""
    return QUANTILE if spec.quantile is None else spec.quantile


def floor(spec: TrafficMetric) -> int:
    """Requests below which a window is no data."""
    return 1 if spec.min_requests is None else max(spec.min_requests, 1)


def window_of(spec: TrafficMetric, metric: Metric) -> timedelta:
    """How long each measurement counts.

    Raises:
        InvalidSpec: that is no time above zero.
    """
    text = spec.window or metric.interval or WINDOW
    try:
        window = parse_duration(text)
    except ValueError as problem:
        raise InvalidSpec(".provider.traffic.window", str(problem), text) from None
    if window <= timedelta():
        raise InvalidSpec(".provider.traffic.window", f'"{text}" must be above zero', text)
    return window
