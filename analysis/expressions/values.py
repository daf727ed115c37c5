"""What values a condition knows, and how they compare: Go's, as expr-lang has them, not Python's."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

Value = object
"""None, bool, int, float, str, list, dict, datetime or timedelta; what JSON gives, and times."""

MAX_INTEGER = 2**63 - 1
MAX_STEPS = 50_000
"""Nodes visited and elements looked at; about 50 ms."""
MAX_TEXT = 65_536
"""Characters of a string that a condition makes."""
MAX_NESTING = 60
"""How deep a value may be nested that is compared, shown or flattened."""


class Misfit(Exception):
    """An operation does not fit its operands; the evaluator adds the place, as a ConditionError."""


class Budget:
    """The work that one evaluation may do, counted and never timed."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.limit = steps
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Count work before it is done.

        Raises:
            Misfit: it would be too much.
        """
        self.spent += steps
        if self.spent > self.limit:
            raise Misfit(f"needs more than {self.limit} steps on this result")

    def nest(self, depth: int) -> None:
        """Count one value in a nested one.

        Raises:
            Misfit: it is nested too deep, or there are too many.
        """
        self.spend(1)
        if depth > MAX_NESTING:
            raise Misfit("the value is nested too deep")


class AnyMap(dict[object, Value]):
    """A map whose keys need not be strings; see `key`."""


class Groups(AnyMap):
    """What groupBy makes: a group that does not exist is empty."""


_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "string"),
    (list, "array"),
    (tuple, "array"),
    (dict, "map"),
    (datetime, "time.Time"),
    (timedelta, "time.Duration"),
)


def type_name(value: Value) -> str:
    """The type as the function `type` says it."""
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "nil")


_GO = {
    "float": "float64",
    "array": "[]interface {}",
    "map": "map[string]interface {}",
    "nil": "<nil>",
}


def go_type(value: Value) -> str:
    """The type as upstream's messages have it."""
    name = type_name(value)
    return _GO.get(name, name)


def key(value: Value) -> object:
    """The key of an AnyMap for this value: 1, 1.0 and true are three."""
    if isinstance(value, list | dict):
        raise Misfit(f"cannot use {go_type(value)} as a key of a map")
    return value if isinstance(value, str) else (type_name(value), value)


def is_number(value: Value) -> bool:
    """Whether this is an int or a float; a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Value, what: str) -> int | float:
    """The value as a number.

    Raises:
        Misfit: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(f"{what} needs a number, but got {go_type(value)}")
    return value


def integer(value: Value, what: str) -> int:
    """The value as an integer, of which the fraction is cut off.

    Raises:
        Misfit: it is no number, or too large.
    """
    exact = number(value, what)
    if isinstance(exact, int):
        return exact
    if not math.isfinite(exact) or abs(exact) > MAX_INTEGER:
        raise Misfit(f"{what} needs an integer, but got {exact}")
    return int(exact)


def text(value: Value, what: str) -> str:
    """The value as a string.

    Raises:
        Misfit: it is none.
    """
    if not isinstance(value, str):
        raise Misfit(f"{what} needs a string, but got {go_type(value)}")
    return value


def array(value: Value, what: str) -> list[Value]:
    """The value as an array.

    Raises:
        Misfit: it is none.
    """
    if not isinstance(value, list):
        raise Misfit(f"{what} needs an array, but got {go_type(value)}")
    return cast("list[Value]", value)


def mapping(value: Value, what: str) -> Mapping[object, Value]:
    """The value as a map.

    Raises:
        Misfit: it is none.
    """
    if not isinstance(value, dict):
        raise Misfit(f"{what} needs a map, but got {go_type(value)}")
    return cast("Mapping[object, Value]", value)


def fit(value: int | float, what: str) -> int | float:
    """The number, if it fits into 64 bits.

    Raises:
        Misfit: it is an integer that overflows.
    """
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Misfit(f"{what} overflows 64 bits")
    return value


def bounded(made: str) -> str:
    """The string that a condition made, if it is not too long.

    Raises:
        Misfit: it is.
    """
    if len(made) > MAX_TEXT:
        raise Misfit(f"the string would have more than {MAX_TEXT} characters")
    return made


def measured(result: object, budget: Budget, depth: int = 0) -> Value:
    """A result as providers of upstream give it: every number of it is a float.

    Raises:
        Misfit: it is nested too deep, or too large to look through.
    """
    budget.nest(depth)
    if isinstance(result, dict):
        return {str(name): measured(value, budget, depth + 1) for name, value in result.items()}
    if isinstance(result, list | tuple):
        return [measured(value, budget, depth + 1) for value in result]
    if isinstance(result, int) and not isinstance(result, bool):
        return _float(result)
    return result


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def equal(left: Value, right: Value, budget: Budget, depth: int = 0) -> bool:
    """Whether two values are the same: 1 equals 1.0, but not true, and NaN equals nothing.

    In maps the types of numbers must be the same, too, as in Go.

    Raises:
        Misfit: they are nested too deep, or there is too much to compare.
    """
    budget.nest(depth)
    if is_number(left) and is_number(right):
        return _same_number(cast("float", left), cast("float", right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            equal(one, other, budget, depth + 1) for one, other in zip(left, right, strict=True)
        )
    return _identical(left, right, budget, depth)


def _same_number(left: float, right: float) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        return float(left) == float(right)
    return left == right


def _identical(left: Value, right: Value, budget: Budget, depth: int) -> bool:
    """Whether two values are of one type and the same: what Go's reflect.DeepEqual says."""
    budget.nest(depth)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            _identical(left[name], right[name], budget, depth + 1) for name in left
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            _identical(one, other, budget, depth + 1) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(len(left) // 64)
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
        raise Misfit(f"invalid operation: {go_type(left)} {operator} {go_type(right)}")
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
        odd = exponent == math.floor(exponent) and exponent % 2 == 1
        if base == 0:
            return math.copysign(math.inf, base) if odd else math.inf
        return math.nan


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
