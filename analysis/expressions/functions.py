"""The functions without predicates: what they do to values. All pure; the time comes in."""

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from analysis.expressions import arrays, formats, texts, times
from analysis.expressions.values import (
    MAX_INTEGER,
    Budget,
    Misfit,
    Value,
    bounded,
    fit,
    go_type,
    integer,
    number,
    text,
    type_name,
)

Function = Callable[[Sequence[Value], Budget], Value]


def _to_int(what: str) -> Function:
    def call(arguments: Sequence[Value], _: Budget) -> Value:
        (value,) = arguments
        return texts.read_integer(value) if isinstance(value, str) else integer(value, what)

    return call


def _to_float(what: str) -> Function:
    def call(arguments: Sequence[Value], _: Budget) -> Value:
        (value,) = arguments
        return texts.read_float(value) if isinstance(value, str) else float(number(value, what))

    return call


def _numbers(arguments: Sequence[Value], what: str, budget: Budget) -> list[int | float]:
    """Numbers, and those of arrays however nested, one after the other."""
    return [number(each, what) for each in arrays.flattened(list(arguments), budget)]


def _extreme(what: str, choose: Callable[[list[int | float]], int | float]) -> Function:
    def call(arguments: Sequence[Value], budget: Budget) -> Value:
        found = _numbers(arguments, what, budget)
        if not found:
            return None
        # Upstream skips over a NaN depending on its place; a NaN anywhere must show.
        return math.nan if any(map(math.isnan, found)) else choose(found)

    return call


def _mean(arguments: Sequence[Value], budget: Budget) -> Value:
    found = _numbers(arguments, "mean", budget)
    total = 0.0
    for each in found:
        total += each
    return total / len(found) if found else 0.0


def _median(arguments: Sequence[Value], budget: Budget) -> Value:
    found = _numbers(arguments, "median", budget)
    if any(map(math.isnan, found)):
        return math.nan
    return float(statistics.median(map(float, found))) if found else 0.0


def _rounded(what: str, how: Callable[[float], float]) -> Function:
    def call(arguments: Sequence[Value], _: Budget) -> Value:
        value = float(number(arguments[0], what))
        if not math.isfinite(value):
            return value
        whole = float(how(value))
        return whole or math.copysign(whole, value)

    return call


def _half_away(value: float) -> float:
    whole = math.floor(abs(value))
    return math.copysign(whole + (abs(value) - whole >= 0.5), value)


def _from_json(arguments: Sequence[Value], budget: Budget) -> Value:
    source = text(arguments[0], "fromJSON")
    budget.spend(len(source) // 8)
    try:
        value: Value = json.loads(source, parse_int=_finite, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise Misfit("fromJSON: the string is not JSON") from None
    return value


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(written)
    return value


def _is(what: str, test: Callable[[float], bool]) -> Function:
    return lambda arguments, _: test(float(number(arguments[0], what)))


def _whole(value: Value, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Misfit(f"{what} needs an integer, but got {go_type(value)}")
    return value


def _bits(what: str, how: Callable[[int, int], int]) -> Function:
    def call(arguments: Sequence[Value], _: Budget) -> Value:
        one, other = (_whole(argument, what) for argument in arguments)
        if what.endswith(("shl", "shr")) and other < 0:
            raise Misfit(f"invalid operation: negative shift count {other} (type int)")
        return _signed(how(one, min(other, 64) if what.endswith(("shl", "shr")) else other))

    return call


def _signed(value: int) -> int:
    """The lowest 64 bits, the first of them the sign."""
    kept = value & (2 * MAX_INTEGER + 1)
    return kept - 2 * MAX_INTEGER - 2 if kept > MAX_INTEGER else kept


def _unsigned(value: int) -> int:
    return value & (2 * MAX_INTEGER + 1)


FUNCTIONS: Mapping[str, Function] = {
    **texts.FUNCTIONS,
    **arrays.FUNCTIONS,
    "asInt": _to_int("asInt"),
    "asFloat": _to_float("asFloat"),
    "isNaN": _is("isNaN", math.isnan),
    "isInf": _is("isInf", math.isinf),
    "isNil": lambda arguments, _: arguments[0] is None,
    "default": lambda arguments, _: arguments[1] if arguments[0] is None else arguments[0],
    "abs": lambda arguments, _: fit(abs(number(arguments[0], "abs")), "abs"),
    "ceil": _rounded("ceil", math.ceil),
    "floor": _rounded("floor", math.floor),
    "round": _rounded("round", _half_away),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "mean": _mean,
    "median": _median,
    "int": _to_int("int"),
    "float": _to_float("float"),
    "string": lambda arguments, budget: bounded(formats.show(arguments[0], budget)),
    "type": lambda arguments, _: type_name(arguments[0]),
    "toJSON": lambda arguments, budget: bounded(formats.to_json(arguments[0], budget)),
    "fromJSON": _from_json,
    "date": lambda arguments, _: times.read_date(*arguments),
    "duration": lambda arguments, _: times.read_duration(arguments[0]),
    "bitand": _bits("bitand", lambda one, other: one & other),
    "bitor": _bits("bitor", lambda one, other: one | other),
    "bitxor": _bits("bitxor", lambda one, other: one ^ other),
    "bitnand": _bits("bitnand", lambda one, other: one & ~other),
    "bitshl": _bits("bitshl", lambda one, other: one << other),
    "bitshr": _bits("bitshr", lambda one, other: one >> other),
    "bitushr": _bits("bitushr", lambda one, other: _unsigned(one) >> other),
    "bitnot": lambda arguments, _: ~_whole(arguments[0], "bitnot"),
}
"""Without `now` and the functions that take a predicate: the evaluator has those."""
