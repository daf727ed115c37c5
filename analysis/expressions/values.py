"""What values a condition knows, and how they compare: Go's, as expr-lang has them, not Python's."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

Value = object
"""None, bool, int, float, str, list, dict, datetime or timedelta; what JSON gives, and times."""

MAX_INTEGER = 2**63 - 1


class Misfit(Exception):
    """An operation does not fit its operands; the evaluator adds the place, as a ConditionError."""


_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "string"),
    (list, "array"),
    (tuple, "array"),
    (dict, "map"),
    (datetime, "time"),
    (timedelta, "duration"),
)


def type_name(value: Value) -> str:
    """The type as users know it."""
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "nil")


def is_number(value: Value) -> bool:
    """Whether this is an int or a float; a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Value, what: str) -> int | float:
    """The value as a number.

    Raises:
        Misfit: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(f"{what} needs a number, but got {type_name(value)}")
    return value


def integer(value: Value, what: str) -> int:
    """The value as an integer; a float without a fraction is one, because JSON does not tell them apart.

    Raises:
        Misfit: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INTEGER:
        return int(value)
    raise Misfit(f"{what} needs an integer, but got {type_name(value)}")


def text(value: Value, what: str) -> str:
    """The value as a string.

    Raises:
        Misfit: it is none.
    """
    if not isinstance(value, str):
        raise Misfit(f"{what} needs a string, but got {type_name(value)}")
    return value


def array(value: Value, what: str) -> list[Value]:
    """The value as an array.

    Raises:
        Misfit: it is none.
    """
    if not isinstance(value, list):
        raise Misfit(f"{what} needs an array, but got {type_name(value)}")
    return cast("list[Value]", value)


def mapping(value: Value, what: str) -> Mapping[str, Value]:
    """The value as a map.

    Raises:
        Misfit: it is none.
    """
    if not isinstance(value, dict):
        raise Misfit(f"{what} needs a map, but got {type_name(value)}")
    return cast("Mapping[str, Value]", value)


def fit(value: int | float, what: str) -> int | float:
    """The number, if it fits into 64 bits.

    Raises:
        Misfit: it is an integer that overflows.
    """
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Misfit(f"{what} overflows 64 bits")
    return value


def equal(left: Value, right: Value, depth: int = 0) -> bool:
    """Whether two values are the same: 1 equals 1.0, but not true, and NaN equals nothing.

    Raises:
        Misfit: they are nested deeper than anyone's metrics are.
    """
    if depth > 60:
        raise Misfit("the values are nested too deep to be compared")
    if is_number(left) and is_number(right):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            equal(one, other, depth + 1) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key], depth + 1) for key in left)
    return type(left) is type(right) and left == right


def order(left: Value, right: Value, operator: str) -> bool:
    """`<`, `<=`, `>` or `>=`, on two numbers, two strings, two times or two durations.

    Raises:
        Misfit: they cannot be ordered.
    """
    comparable = (is_number(left) and is_number(right)) or any(
        isinstance(left, kind) and isinstance(right, kind) for kind in (str, datetime, timedelta)
    )
    if not comparable:
        raise Misfit(f"cannot compare {type_name(left)} {operator} {type_name(right)}")
    one, other = cast("float", left), cast("float", right)  # checked above; any ordered pair does
    if operator == "<":
        return one < other
    if operator == "<=":
        return one <= other
    return one > other if operator == ">" else one >= other


def power(base: float, exponent: float) -> float:
    """As Go's math.Pow: out of range is infinite, undefined is NaN."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        odd = exponent == math.floor(exponent) and exponent % 2 == 1
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan


def divide(left: float, right: float) -> float:
    """As Go divides floats: by zero is infinite, zero by zero is NaN."""
    if right != 0:
        try:
            return left / right
        except OverflowError:
            return math.inf
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)
