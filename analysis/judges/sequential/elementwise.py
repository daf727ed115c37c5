"""The functions that the formulas are written in: numpy's for arrays, and Python's own for one number. Pure.

A metric of errors is one number of each kind, a simulation arrays of thousands, and both go through the same
formulas. For an array of one number numpy takes a microsecond per operation, ten times as long as Python
takes for the number itself, and a look has two hundred operations; docs/judges.md has what it costs.

Of two arguments the first says which it is; the second may be one number for all of an array. All are total,
so that whatever the numbers are there is an answer.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Numbers = float | Floats
"""One, or an array of them."""
Flags = bool | NDArray[np.bool_]
TINY = 1e-300
"""What a divisor is at least, where both it and what it divides may be 0."""


def log(of: Numbers) -> Numbers:
    """The natural logarithm; minus infinity for 0."""
    if isinstance(of, float):
        return math.log(of) if of > 0 else -math.inf
    return np.log(of)


def log1p(of: Numbers) -> Numbers:
    """The logarithm of one more; minus infinity for -1."""
    if isinstance(of, float):
        return math.log1p(of) if of > -1 else -math.inf
    return np.log1p(of)


def sqrt(of: Numbers) -> Numbers:
    """The square root; 0 for less than that."""
    if isinstance(of, float):
        return math.sqrt(of) if of > 0 else 0.0
    return np.sqrt(np.maximum(of, 0.0))


def maximum(one: Numbers, other: Numbers) -> Numbers:
    """The greater of each two."""
    if isinstance(one, float):
        return max(other, one)
    return np.maximum(one, other)


def minimum(one: Numbers, other: Numbers) -> Numbers:
    """The lesser of each two."""
    if isinstance(one, float):
        return min(other, one)
    return np.minimum(one, other)


def clipped(numbers: Numbers, low: float, high: float) -> Numbers:
    """Each, or the end of the range that it is beyond."""
    if isinstance(numbers, np.ndarray):
        return numbers.clip(low, high)
    return low if numbers < low else min(numbers, high)


def where(flags: Flags, chosen: Numbers, other: Numbers) -> Numbers:
    """Each number of the first where the flag is set, of the second elsewhere."""
    if isinstance(flags, np.ndarray):
        return np.where(flags, chosen, other)
    return chosen if flags else other


def rounded(numbers: Numbers, digits: int) -> Numbers:
    """To so many digits after the point."""
    return numbers.round(digits) if isinstance(numbers, np.ndarray) else round(numbers, digits)


def log_add(one: Numbers, other: Numbers) -> Numbers:
    """The logarithm of the sum of two numbers whose logarithms these are."""
    if isinstance(one, float) and isinstance(other, float):
        greater, lesser = (one, other) if one > other else (other, one)
        return greater if lesser == -math.inf else greater + math.log1p(math.exp(lesser - greater))
    return np.logaddexp(one, other)


def log_sum(logs: Numbers) -> Numbers:
    """The logarithm of the sum over the last axis; one number is its own sum."""
    if not isinstance(logs, np.ndarray):
        return logs
    if logs.ndim > 1:
        return np.asarray(np.logaddexp.reduce(logs, axis=-1))
    each: list[float] = logs.tolist()
    top = max(each)
    return top + math.log(sum([math.exp(log - top) for log in each]))


def greatest(numbers: Numbers) -> Numbers:
    """The greatest over the last axis; one number is its own."""
    return np.asarray(numbers.max(axis=-1)) if isinstance(numbers, np.ndarray) else numbers


def least(numbers: Numbers) -> Numbers:
    """The least over the last axis; one number is its own."""
    return np.asarray(numbers.min(axis=-1)) if isinstance(numbers, np.ndarray) else numbers


def some(flags: Flags) -> bool:
    """Whether any flag is set."""
    return bool(flags.any()) if isinstance(flags, np.ndarray) else flags


def part(numbers: Floats, place: int) -> Numbers:
    """Of the last axis one; one number, if there is no other axis."""
    return numbers[..., place] if numbers.ndim > 1 else float(numbers[place])


def column(values: Numbers | Flags) -> NDArray[Any] | float:
    """With one more axis, over which something else is an array."""
    return values[..., None] if isinstance(values, np.ndarray) else values


def at(numbers: Numbers, place: int) -> float:
    """One of them."""
    return float(numbers[place]) if isinstance(numbers, np.ndarray) else numbers
