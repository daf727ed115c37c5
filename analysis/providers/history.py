"""What a Prometheus server would have answered to a metric at moments of the past, for backtests."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from analysis.backtest import Point
from analysis.providers import arms
from analysis.providers.counts import Arm, Unusable, bound, counts
from analysis.providers.query import Answer, QueryFailed, Span, Target, ask
from analysis.validation import interval
from analysis.values import encode
from rollouts.api.analysis import Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import PrometheusArm

MOST_POINTS = 1000
"""Of one query; the server has a limit, and so has the size of an answer."""
EVERY = timedelta(minutes=1)
"""Between two points of a metric without an interval."""

Column = Mapping[int, list[tuple[Mapping[str, str], float]]]
"""The series that a query has at each moment, in milliseconds."""


async def history(target: Target, metric: Metric, start: datetime, end: datetime) -> list[Point]:
    """The values of a metric, one for each of its intervals.

    Args:
        target: The server.
        metric: With `provider.prometheus` and its arguments in place.
        start: The beginning.
        end: The end.

    Raises:
        InvalidSpec: the metric asks for what cannot be asked of the past.
        QueryFailed: the server has no answer.
    """
    spec = metric.provider.prometheus
    if spec is None:
        raise InvalidSpec(
            f"metric {metric.name}", "has no provider.prometheus; give its recorded values with --series"
        )
    if spec.range_query is not None:
        raise InvalidSpec(f"metric {metric.name}", "rangeQuery is not replayed; give recorded values")
    step = interval(metric) or EVERY
    moments = _moments(start, end, step)
    if spec.arms is None:
        column = await _column(target, spec.query, moments, step)
        return [Point(at, _plain(column.get(_key(at), []))) for at in moments]
    sides = {"canary": spec.arms.canary, "stable": spec.arms.stable}
    asked = {side: arms.filled(arm, step, None) for side, arm in sides.items()}
    columns = {
        (side, field): await _column(target, getattr(arm, field), moments, step)
        for side, arm in asked.items()
        for field in ("requests", "errors", "buckets")
        if getattr(arm, field)
    }
    return [Point(at, _counts(asked, columns, _key(at))) for at in moments]


def _moments(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    number = max(math.floor((end - start) / step), 0)
    return [start + place * step for place in range(number + 1)]


def _key(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def _column(target: Target, query: str, moments: Sequence[datetime], step: timedelta) -> Column:
    parts = [moments[first : first + MOST_POINTS] for first in range(0, len(moments), MOST_POINTS)]
    seconds = f"{round(step.total_seconds() * 1000)}ms"
    answers = await asyncio.gather(
        *(ask(target, query, Span(start=part[0], end=part[-1], step=seconds)) for part in parts)
    )
    column: dict[int, list[tuple[Mapping[str, str], float]]] = {}
    for answer in answers:
        for labels, points in _series(answer):
            for at, number in points:
                column.setdefault(_key(datetime.fromtimestamp(at, UTC)), []).append((labels, number))
    return column


def _series(answer: Answer) -> list[tuple[Mapping[str, str], tuple[tuple[float, float], ...]]]:
    if not answer.points and answer.result:
        raise QueryFailed("answered with something else than a range")
    return list(zip(answer.labels, answer.points, strict=True))


def _plain(found: list[tuple[Mapping[str, str], float]]) -> str:
    """As an instant query answers: the numbers of all series; none at all is no data."""
    return encode([number for _, number in found]) if found else ""


def _counts(asked: Mapping[str, PrometheusArm], columns: Mapping[tuple[str, str], Column], key: int) -> str:
    """As the provider counts; a moment at which it cannot be done is one without data."""
    try:
        return encode(counts({side: _arm(side, columns, key) for side in asked}))
    except (LookupError, Unusable):
        return ""


def _arm(side: str, columns: Mapping[tuple[str, str], Column], key: int) -> Arm:
    def single(field: str) -> float | None:
        if (side, field) not in columns:
            return None
        numbers = [number for _, number in columns[side, field].get(key, [])]
        if len(numbers) != 1 or math.isnan(numbers[0]):
            raise LookupError(field)
        return numbers[0]

    buckets = None
    if (side, "buckets") in columns:
        found = columns[side, "buckets"].get(key, [])
        buckets = {bound(labels["le"]): number for labels, number in found}
        if not buckets:
            raise LookupError("buckets")
    requests = single("requests")
    if requests is None:
        requests = (buckets or {}).get("+Inf", 0.0)
    return Arm(requests=requests, errors=single("errors"), buckets=buckets)
