"""The functions that exist and how many arguments each takes; what they do is in functions.py."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a function is called."""

    usage: str
    """The arguments in words, for error messages."""
    least: int
    most: int
    predicate: int = -1
    """Which argument is evaluated once for each element; -1 for none."""


def _plain(usage: str, least: int, most: int | None = None) -> Signature:
    return Signature(usage=usage, least=least, most=least if most is None else most)


def _over(usage: str = "an array and a predicate", least: int = 2) -> Signature:
    return Signature(usage=usage, least=least, most=2, predicate=1)


_ONE = _plain("one argument", 1)
_TWO = _plain("two arguments", 2)
_MANY = _plain("one or more arguments", 1, 64)

SIGNATURES: Mapping[str, Signature] = {
    # What Argo Rollouts adds to the language.
    "asInt": _ONE,
    "asFloat": _ONE,
    "isNaN": _ONE,
    "isInf": _ONE,
    "isNil": _ONE,
    "default": _TWO,
    # Predicates.
    "all": _over(),
    "any": _over(),
    "none": _over(),
    "one": _over(),
    "filter": _over(),
    "map": _over(),
    "find": _over(),
    "findIndex": _over(),
    "findLast": _over(),
    "findLastIndex": _over(),
    "count": _over("an array and, if wanted, a predicate", 1),
    "sum": _over("an array and, if wanted, a mapping", 1),
    "reduce": Signature(usage="an array, a step and, if wanted, a first value", least=2, most=3, predicate=1),
    # Numbers.
    "abs": _ONE,
    "ceil": _ONE,
    "floor": _ONE,
    "round": _ONE,
    "min": _MANY,
    "max": _MANY,
    "mean": _MANY,
    "median": _MANY,
    # Conversions.
    "int": _ONE,
    "float": _ONE,
    "string": _ONE,
    "type": _ONE,
    "fromJSON": _ONE,
    # Strings.
    "trim": _ONE,
    "upper": _ONE,
    "lower": _ONE,
    "split": _TWO,
    "join": _plain("an array and, if wanted, a separator", 1, 2),
    "hasPrefix": _TWO,
    "hasSuffix": _TWO,
    "indexOf": _TWO,
    # Arrays and maps.
    "len": _ONE,
    "first": _ONE,
    "last": _ONE,
    "keys": _ONE,
    "values": _ONE,
    "get": _TWO,
    # Time.
    "now": _plain("no argument", 0),
    "date": _ONE,
    "duration": _ONE,
}
