"""The functions without predicates: what they do to values. All pure; the time comes in."""

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from analysis.expressions.values import (
    Misfit,
    Value,
    array,
    fit,
    mapping,
    number,
    text,
    type_name,
)
from rollouts.api.duration import format_duration, parse_duration
from rollouts.api.meta import format_time, parse_time

Function = Callable[[Sequence[Value]], Value]


def _as_int(arguments: Sequence[Value]) -> Value:
    (value,) = arguments
    try:
        if isinstance(value, str):
            return fit(int(value), "asInt")
        exact = number(value, "asInt")
        return fit(int(exact), "asInt")
    except (ValueError, OverflowError):
        raise Misfit(f"asInt cannot read {_quoted(value)} as an integer") from None


def _as_float(arguments: Sequence[Value]) -> Value:
    (value,) = arguments
    try:
        return float(value) if isinstance(value, str) else float(number(value, "asFloat"))
    except ValueError:
        raise Misfit(f"asFloat cannot read {_quoted(value)} as a number") from None


def _quoted(value: Value) -> str:
    shown = str(value)
    return f'"{shown[:40]}..."' if len(shown) > 40 else f'"{shown}"'


def _numbers(arguments: Sequence[Value], what: str) -> list[int | float]:
    """Numbers, and arrays of them, one after the other."""
    found = [
        number(item, what)
        for argument in arguments
        for item in (argument if isinstance(argument, list) else [argument])
    ]
    if not found:
        raise Misfit(f"{what} of nothing")
    return found


def _extreme(what: str, choose: Callable[[list[int | float]], int | float]) -> Function:
    def call(arguments: Sequence[Value]) -> Value:
        found = _numbers(arguments, what)
        # Python's min and max skip over a NaN depending on its place; a NaN anywhere must show.
        return math.nan if any(map(math.isnan, found)) else choose(found)

    return call


def _mean(arguments: Sequence[Value]) -> Value:
    found = _numbers(arguments, "mean")
    return sum(map(float, found)) / len(found)


def _median(arguments: Sequence[Value]) -> Value:
    found = _numbers(arguments, "median")
    return math.nan if any(map(math.isnan, found)) else float(statistics.median(found))


def _rounded(what: str, how: Callable[[float], float]) -> Function:
    def call(arguments: Sequence[Value]) -> Value:
        value = float(number(arguments[0], what))
        return float(how(value)) if math.isfinite(value) else value

    return call


def _half_away(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value)


def _abs(arguments: Sequence[Value]) -> Value:
    return fit(abs(number(arguments[0], "abs")), "abs")


def _string(arguments: Sequence[Value]) -> Value:
    return show(arguments[0])


def show(value: Value) -> str:
    """A value as text: strings as they are, the rest as JSON or as Kubernetes writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    try:
        return json.dumps(value, default=show)
    except RecursionError:
        raise Misfit("the value is nested too deep to be shown") from None


def _from_json(arguments: Sequence[Value]) -> Value:
    source = text(arguments[0], "fromJSON")
    try:
        value: Value = json.loads(source)
    except (ValueError, RecursionError):
        raise Misfit("fromJSON: the string is not JSON") from None
    return value


def _len(arguments: Sequence[Value]) -> Value:
    (value,) = arguments
    if not isinstance(value, str | list | dict):
        raise Misfit(f"len needs a string, an array or a map, but got {type_name(value)}")
    return len(value)


def _split(arguments: Sequence[Value]) -> Value:
    source, separator = text(arguments[0], "split"), text(arguments[1], "split")
    return list(source.split(separator) if separator else source)


def _join(arguments: Sequence[Value]) -> Value:
    separator = text(arguments[1], "join") if len(arguments) > 1 else ""
    return separator.join(text(item, "join") for item in array(arguments[0], "join"))


def _get(arguments: Sequence[Value]) -> Value:
    target, key = arguments
    if isinstance(target, dict):
        return mapping(target, "get").get(text(key, "get"))
    if target is None:
        return None
    items, at = array(target, "get"), key
    if not isinstance(at, int) or isinstance(at, bool):
        raise Misfit(f"get needs an integer for an array, but got {type_name(key)}")
    return items[at] if -len(items) <= at < len(items) else None


def _date(arguments: Sequence[Value]) -> Value:
    source = text(arguments[0], "date")
    try:
        return parse_time(source)
    except ValueError:
        pass
    try:
        return datetime.strptime(source, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Misfit(f"date cannot read {_quoted(source)}; write 2026-01-31T12:00:00Z") from None


def _duration(arguments: Sequence[Value]) -> Value:
    source = text(arguments[0], "duration")
    try:
        return parse_duration(source)
    except (ValueError, OverflowError):
        raise Misfit(f"duration cannot read {_quoted(source)}; write 30s, 5m or 1h30m") from None


def _edge(what: str, at: int) -> Function:
    def call(arguments: Sequence[Value]) -> Value:
        items = array(arguments[0], what)
        return items[at] if items else None

    return call


def _is(what: str, test: Callable[[float], bool]) -> Function:
    return lambda arguments: test(float(number(arguments[0], what)))


FUNCTIONS: Mapping[str, Function] = {
    "asInt": _as_int,
    "asFloat": _as_float,
    "isNaN": _is("isNaN", math.isnan),
    "isInf": _is("isInf", math.isinf),
    "isNil": lambda arguments: arguments[0] is None,
    "default": lambda arguments: arguments[1] if arguments[0] is None else arguments[0],
    "abs": _abs,
    "ceil": _rounded("ceil", math.ceil),
    "floor": _rounded("floor", math.floor),
    "round": _rounded("round", _half_away),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "mean": _mean,
    "median": _median,
    "int": _as_int,
    "float": _as_float,
    "string": _string,
    "type": lambda arguments: type_name(arguments[0]),
    "fromJSON": _from_json,
    "trim": lambda arguments: text(arguments[0], "trim").strip(),
    "upper": lambda arguments: text(arguments[0], "upper").upper(),
    "lower": lambda arguments: text(arguments[0], "lower").lower(),
    "split": _split,
    "join": _join,
    "hasPrefix": lambda arguments: text(arguments[0], "hasPrefix").startswith(
        text(arguments[1], "hasPrefix")
    ),
    "hasSuffix": lambda arguments: text(arguments[0], "hasSuffix").endswith(text(arguments[1], "hasSuffix")),
    "indexOf": lambda arguments: text(arguments[0], "indexOf").find(text(arguments[1], "indexOf")),
    "len": _len,
    "first": _edge("first", 0),
    "last": _edge("last", -1),
    "keys": lambda arguments: list(mapping(arguments[0], "keys")),
    "values": lambda arguments: list(mapping(arguments[0], "values").values()),
    "get": _get,
    "date": _date,
    "duration": _duration,
}
"""Without `now` and the functions that take a predicate: the evaluator has those."""
