"""Counts of the sides of a comparison: requests, and how many of them were errors or slow. Pure.

What they must satisfy before a judge may see them. A count that cannot be is an error and says so: a judge
that multiplies evidence over looks would never forget it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.api.errors import Unavailable

INFINITY = "+Inf"
"""The bound of the last bucket, which holds every request."""
_SLACK = 1.1
"""Prometheus extrapolates each increase by itself, so that a part may come out a little above the whole."""


class Unusable(Unavailable):
    """The counts contradict each other; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side: what was counted since the look before."""

    requests: float
    errors: float | None = None
    """None: not asked for."""
    buckets: Mapping[str, float] | None = None
    """How many requests took at most so many seconds, by that bound as text; None: not asked for."""


def counts(arms: Mapping[str, Arm]) -> dict[str, Any]:
    """The value of a measurement: `{"canary": {"requests": n, "errors": n, "buckets": {...}}, ...}`.

    Raises:
        Unusable: a number is negative or infinite, errors outnumber requests, buckets do not add up, or the
            sides have other bounds.
    """
    checked = _aligned({name: _checked(name, arm) for name, arm in arms.items()})
    return {name: _plain(arm) for name, arm in checked.items()}


def bound(text: str, *, per_second: float = 1) -> str:
    """The bound of a bucket in seconds, spelled in one way: `1`, `1.0` and `1e0` are the same.

    Raises:
        Unusable: it is no number above zero.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number) or number < 0:
        raise Unusable(f'a bucket has the bound le="{text[:40]}", which is no time')
    return INFINITY if math.isinf(number) else str(number / per_second).removesuffix(".0")


def _checked(name: str, arm: Arm) -> Arm:
    requests = _number(f"{name}: requests", arm.requests)
    errors = None if arm.errors is None else _part(f"{name}: errors", arm.errors, requests)
    buckets = None if arm.buckets is None else _cumulative(name, arm.buckets)
    return Arm(requests=requests, errors=errors, buckets=buckets)


def _number(what: str, number: float) -> float:
    if math.isnan(number) or math.isinf(number):
        raise Unusable(f"{what} is {number:g}, which is no count")
    if number < 0:
        raise Unusable(
            f"{what} is {number:g}; a count is never negative: use increase(), which knows of resets"
        )
    return number


def _part(what: str, part: float, whole: float) -> float:
    part = _number(what, part)
    if part > whole * _SLACK + 1:
        raise Unusable(f"{what} is {part:g} of {whole:g} requests; are both queries about the same requests?")
    return min(part, whole)


def _cumulative(name: str, buckets: Mapping[str, float]) -> dict[str, float]:
    """The buckets from the shortest to the longest, each at least as full as the one before."""
    if INFINITY not in buckets:
        raise Unusable(f'{name}: the buckets lack le="{INFINITY}"; sum by (le), and leave none out')
    below, full = 0.0, {}
    for le in sorted(buckets, key=float):
        count = _number(f'{name}: the bucket le="{le}"', buckets[le])
        if below > count * _SLACK + 1:
            raise Unusable(
                f'{name}: the bucket le="{le}" holds {count:g}, fewer than the {below:g} of a shorter one'
            )
        full[le] = below = max(below, count)
    return full


def _aligned(arms: Mapping[str, Arm]) -> dict[str, Arm]:
    """All sides with the same bounds; one that nobody asked anything has none of its own."""
    known = {name: tuple(arm.buckets) for name, arm in arms.items() if arm.buckets and arm.buckets[INFINITY]}
    if not known:
        return dict(arms)
    first, bounds = next(iter(known.items()))
    for name, others in known.items():
        if others != bounds:
            raise Unusable(_other_bounds(first, bounds, name, others))
    idle = dict.fromkeys(bounds, 0.0)
    return {
        name: arm if name in known or arm.buckets is None else replace(arm, buckets=idle)
        for name, arm in arms.items()
    }


def _other_bounds(one: str, bounds: tuple[str, ...], other: str, others: tuple[str, ...]) -> str:
    text = f"the buckets of {one} ({', '.join(bounds)}) and {other} ({', '.join(others)}) have other bounds"
    for factor in (1000, 0.001):
        if all(
            math.isclose(float(a) * factor, float(b)) for a, b in zip(bounds[:-1], others[:-1], strict=False)
        ):
            return f"{text}: one counts in seconds, one in milliseconds"
    return f"{text}; only the same bounds can be compared"


def _plain(arm: Arm) -> dict[str, Any]:
    found: dict[str, Any] = {"requests": _whole(arm.requests)}
    if arm.errors is not None:
        found["errors"] = _whole(arm.errors)
    if arm.buckets is not None:
        found["buckets"] = {le: _whole(count) for le, count in arm.buckets.items()}
    return found


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else round(number, 6)
