"""The values of canary and control, as a provider measures them, and what a judgement of them shows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.judges.kayenta.classify import Classification
from rollouts.api.analysis import ArmCounts, Evidence

MAX_POINTS = 10_000
"""Points of one arm; a week of minutes is 10,080."""


class NoSeries(ValueError):
    """The measured value is not of the shape that the judge reads; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of two arms over the same time; None for a missing one."""

    experiment: tuple[float | None, ...]
    """The canary's."""
    control: tuple[float | None, ...]
    """Those that it is compared with."""
    against: str
    """`baseline` where the value has one, else `stable`."""


def read_series(value: object) -> Series:
    """Read `{"canary": [...], "stable": [...], "baseline": [...]}`.

    The baseline takes the place of stable where there is one; an arm that is not there has no points.

    Raises:
        NoSeries: it is of another shape, holds what is no number, or more than MAX_POINTS.
    """
    if not isinstance(value, Mapping):
        raise NoSeries('the kayenta judge compares two lists, as in {"canary": [1, ...], "stable": [1, ...]}')
    against = "baseline" if value.get("baseline") is not None else "stable"
    return Series(_points(value, "canary"), _points(value, against), against)


def _points(value: Mapping[str, object], arm: str) -> tuple[float | None, ...]:
    points = value.get(arm)
    if points is None:
        return ()
    if not isinstance(points, list | tuple):
        raise NoSeries(f'"{arm}" must be one series, a list of numbers with null for a missing point')
    if len(points) > MAX_POINTS:
        raise NoSeries(f'"{arm}" has {len(points)} points; at most {MAX_POINTS} are judged')
    return tuple(_point(point, arm, place) for place, point in enumerate(points))


def _point(point: object, arm: str, place: int) -> float | None:
    if point is None:
        return None
    if isinstance(point, list | tuple | Mapping):
        raise NoSeries(
            f'point {place + 1} of "{arm}" is a series itself; the query must give one, not several'
        )
    if isinstance(point, bool) or not isinstance(point, int | float):
        raise NoSeries(f'point {place + 1} of "{arm}" is {str(point)[:40]!r}, no number')
    try:
        number = float(point)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise NoSeries(f'point {place + 1} of "{arm}" is infinite')
    return number


def evidence(found: Classification, against: str, *, looks: int = 1) -> Evidence:
    """What a classification rests on.

    Args:
        found: The classification.
        against: `baseline` or `stable`.
        looks: How often the metric was judged.
    """
    canary, reference = found.counts
    return Evidence(
        judge="kayenta",
        against=against,
        canary=ArmCounts(requests=canary),
        reference=ArmCounts(requests=reference),
        ratio=None if found.shift is None or math.isnan(found.deviation) else float(f"{found.deviation:.6g}"),
        looks=looks,
        reason=describe(found, against),
    )


def describe(found: Classification, against: str) -> str:
    """The classification in one sentence."""
    said = f"{found.label}: {found.reason or 'no difference that matters'}"
    if found.shift is None:
        return said
    shift = found.shift
    interval = f"between {shift.lower:.4g} and {shift.upper:.4g}"
    points = f"{found.counts[0]} points with {found.counts[1]} of {against}"
    return f"{said}; the canary's values are shifted by {shift.estimate:.4g} ({interval}), comparing {points}"
