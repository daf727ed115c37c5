"""What a provider counted since the look before, read and checked. Pure.

The shape is `{"canary": {"requests": n, "errors": n, "buckets": {"0.1": n, "+Inf": n}}, "stable": {...},
"baseline": {...}}`; `baseline` takes the place of `stable` where it is given. Numbers may be fractions:
`increase` of PromQL extrapolates. Evidence is linear in the counts, so nothing is rounded; instead the counts
of a look with fractions are taken as `EXTRAPOLATED` of what they say, see there.
"""

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson

from analysis.judges.sequential.elementwise import Flags, Numbers

ERRORS = "errors"
"""The name of the signal that is not a bucket."""
EXTRAPOLATED = 0.75
"""How much of a fractional count was really seen, at least, if there are four scrapes between two looks.

Prometheus multiplies what it saw between the first and the last sample of a window (three quarters of it,
with four samples) so that it fits the whole window. Each request seen would then count up to 4/3 times, and
evidence with it. Fewer scrapes stretch more, and break the promise."""
SLACK = 0.02
"""Two queries of one moment need not agree exactly, and fractions less so."""
_EDGE = "and an edge must be a number of seconds, or +Inf"
GREATEST = 1e15
"""Beyond this a double no longer tells one request from the next."""


@lru_cache(maxsize=64)
def of_errors(signals: tuple[str, ...]) -> Flags:
    """Whether a signal is that of errors, rather than an edge of a histogram; for each of several."""
    found = [name == ERRORS for name in signals]
    return found[0] if len(found) == 1 else np.array(found)


class BadCounts(ValueError):
    """The value is no counts; the message says where and why."""


class NoTraffic(ValueError):
    """The value is good and says nothing: an arm had no requests."""


class Counts(NamedTuple):
    """One thing that can go wrong with a request, counted on both sides. A side without requests has no bad
    ones either.
    """

    canary_requests: Numbers
    canary_bad: Numbers
    reference_requests: Numbers
    reference_bad: Numbers


class Look(NamedTuple):
    """Counts of one stretch of time."""

    against: str
    """`stable` or `baseline`."""
    canary_requests: float
    reference_requests: float
    signals: Mapping[str, Counts]
    """By name: `errors`, or the bucket whose edge a slow request is above, such as `0.5`."""
    fractional: bool
    """Some count is no whole number, so that all are taken for extrapolated."""


class _Arm(NamedTuple):
    requests: float
    errors: float | None
    slower: Mapping[float, float]
    timed: float


def read(value: str) -> Look:
    """Read a measured value.

    Raises:
        BadCounts: it is not of the shape, or its numbers contradict each other.
        NoTraffic: canary or reference had no requests.
    """
    try:
        body = _loads(value)
    except (ValueError, RecursionError) as error:
        raise BadCounts(f"not JSON: {_shown(value)}") from error
    if not isinstance(body, dict):
        raise BadCounts(f"must be an object with canary and stable, got {_shown(value)}")
    against = "baseline" if body.get("baseline") is not None else "stable"
    canary, reference = _arm(body, "canary"), _arm(body, against)
    signals = _signals(canary, reference)
    if not signals:
        raise BadCounts(f"canary and {against} need errors or buckets in common, to be compared by")
    for name, arm in (("canary", canary), (against, reference)):
        if arm.requests <= 0:
            raise NoTraffic(f"{name} had no requests")
    numbers: Iterable[Any] = chain.from_iterable(signals.values())
    return Look(
        against=against,
        canary_requests=canary.requests,
        reference_requests=reference.requests,
        signals=signals,
        fractional=not all(map(float.is_integer, numbers)),
    )


def _loads(value: str) -> Any:
    """JSON, and what else Python's takes for it: NaN, infinities, great numbers; they are refused by name."""
    try:
        return orjson.loads(value)
    except ValueError:
        return json.loads(value)


def _signals(canary: _Arm, reference: _Arm) -> dict[str, Counts]:
    found = {}
    if canary.errors is not None and reference.errors is not None:
        found[ERRORS] = Counts(canary.requests, canary.errors, reference.requests, reference.errors)
    for edge in sorted(canary.slower.keys() & reference.slower.keys()):
        slower = canary.slower[edge], reference.slower[edge]
        found[f"{edge:.9g}"] = Counts(canary.timed, slower[0], reference.timed, slower[1])
    return found


def _arm(body: Mapping[str, Any], name: str) -> _Arm:
    arm = body.get(name)
    if arm is None:
        raise NoTraffic(f"no counts of {name}")
    if not isinstance(arm, dict):
        raise BadCounts(f"{name} must be an object with requests and errors or buckets, got {_shown(arm)}")
    requests, errors, buckets = arm.get("requests"), arm.get("errors"), arm.get("buckets")
    slower, timed = _slower(buckets, name) if buckets is not None else ({}, 0.0)
    if requests is not None:
        requests = _number(requests, name, "requests")
    elif slower:
        requests = timed
    else:
        raise BadCounts(f"{name}.requests is missing")
    if errors is not None:
        errors = _number(errors, name, "errors")
        if errors > requests * (1 + SLACK):
            raise BadCounts(
                f"{name} has {errors:g} errors in {requests:g} requests; count both with the same selector"
            )
        errors = min(errors, requests)
    return _Arm(requests, errors, slower, timed)


def _slower(given: Any, arm: str) -> tuple[dict[float, float], float]:
    """How many requests took longer than each edge, and how many there were."""
    if not isinstance(given, dict):
        raise BadCounts(f"{arm}.buckets must be an object of counts by le, got {_shown(given)}")
    counts = {_edge(key, arm): _number(count, arm, f"buckets[{key}]") for key, count in given.items()}
    if not counts:
        return {}, 0.0
    if math.inf not in counts:
        raise BadCounts(f"{arm}.buckets lacks +Inf, the count of all requests")
    before = 0.0
    for edge in sorted(counts):
        if counts[edge] < before * (1 - SLACK):
            raise BadCounts(
                f"{arm}.buckets[{edge:g}] is {counts[edge]:g}, fewer than the {before:g} of a lower edge; "
                "buckets must be cumulative, as Prometheus' are"
            )
        before = counts[edge] = max(before, counts[edge])
    timed = counts.pop(math.inf)
    return {edge: timed - count for edge, count in counts.items()}, timed


def _edge(key: str, arm: str) -> float:
    try:
        edge = float(key)
    except ValueError as error:
        raise BadCounts(f"{arm}.buckets has {_shown(key)}, {_EDGE}") from error
    if math.isnan(edge) or edge == -math.inf:
        raise BadCounts(f"{arm}.buckets has {_shown(key)}, {_EDGE}")
    return edge


def _number(value: Any, arm: str, field: str) -> float:
    if type(value) not in (int, float):  # A bool is no number.
        raise BadCounts(f"{arm}.{field} must be a number, got {_shown(value)}")
    if not 0 <= value <= GREATEST:  # NaN is not
        raise BadCounts(f"{arm}.{field} must be a count from 0 up, got {_shown(value)}")
    return float(value)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else f"{value!r:.80}"
    return text if len(text) <= 80 else f"{text[:80]}..."
