"""The functions that exist, what each takes and gives; what they do is in functions.py."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a function is called."""

    usage: str
    """The arguments in words, for error messages."""
    least: int
    most: int
    takes: tuple[str, ...] = ("any",)
    """The kind of each argument, the last for all that follow: a kind of natures.py, or `number`."""
    gives: str = "any"
    """The kind of the value."""
    predicate: int = -1
    """Which argument is evaluated once for each element; -1 for none."""


_WORDS = {0: "no argument", 1: "one argument", 2: "two arguments", 3: "three arguments"}


def _plain(takes: str, gives: str, least: int | None = None, most: int | None = None) -> Signature:
    kinds = tuple(takes.split())
    low = len(kinds) if least is None else least
    high = len(kinds) if most is None else most
    usage = _WORDS[low] if low == high else f"{low} to {high} arguments"
    return Signature(usage=usage, least=low, most=high, takes=kinds or ("any",), gives=gives)


def _over(gives: str, usage: str = "an array and a predicate", least: int = 2, most: int = 2) -> Signature:
    kinds = ("array", "any", "any" if most < 3 else "string")
    return Signature(usage=usage, least=least, most=most, takes=kinds, gives=gives, predicate=1)


_MANY = Signature(usage="one or more arguments", least=1, most=64, takes=("numbers",))
_BITS = _plain("int int", "int")

SIGNATURES: Mapping[str, Signature] = {
    # What Argo Rollouts adds to the language.
    "asInt": _plain("any", "int"),
    "asFloat": _plain("any", "float"),
    "isNaN": _plain("float", "bool"),
    "isInf": _plain("float", "bool"),
    "isNil": _plain("any", "bool"),
    "default": _plain("any any", "any"),
    # Predicates.
    "all": _over("bool"),
    "any": _over("bool"),
    "none": _over("bool"),
    "one": _over("bool"),
    "filter": _over("array"),
    "map": _over("array"),
    "find": _over("any"),
    "findIndex": _over("int"),
    "findLast": _over("any"),
    "findLastIndex": _over("int"),
    "count": _over("int", "an array and, if wanted, a predicate", 1),
    "sum": _over("any", "an array and, if wanted, a mapping", 1),
    "groupBy": _over("groups"),
    "sortBy": _over("array", "an array, a mapping and, if wanted, an order", 2, 3),
    "reduce": Signature(
        usage="an array, a step and, if wanted, a first value",
        least=2,
        most=3,
        takes=("array", "any", "any"),
        predicate=1,
    ),
    # Numbers.
    "abs": _plain("number", "any"),
    "ceil": _plain("number", "float"),
    "floor": _plain("number", "float"),
    "round": _plain("number", "float"),
    "min": _MANY,
    "max": _MANY,
    "mean": _MANY,
    "median": _MANY,
    "bitand": _BITS,
    "bitor": _BITS,
    "bitxor": _BITS,
    "bitnand": _BITS,
    "bitshl": _BITS,
    "bitshr": _BITS,
    "bitushr": _BITS,
    "bitnot": _plain("int", "int"),
    # Conversions.
    "int": _plain("numeral", "int"),
    "float": _plain("numeral", "float"),
    "string": _plain("any", "string"),
    "type": _plain("any", "string"),
    "toJSON": _plain("any", "string"),
    "fromJSON": _plain("string", "any"),
    "toBase64": _plain("string", "string"),
    "fromBase64": _plain("string", "string"),
    # Strings.
    "trim": _plain("string string", "string", 1),
    "trimPrefix": _plain("string string", "string", 1),
    "trimSuffix": _plain("string string", "string", 1),
    "upper": _plain("string", "string"),
    "lower": _plain("string", "string"),
    "split": _plain("string string int", "strings", 2),
    "splitAfter": _plain("string string int", "strings", 2),
    "replace": _plain("string string string int", "string", 3),
    "repeat": _plain("string int", "string"),
    "join": _plain("array string", "string", 1),
    "hasPrefix": _plain("string string", "bool"),
    "hasSuffix": _plain("string string", "bool"),
    "indexOf": _plain("string string", "int"),
    "lastIndexOf": _plain("string string", "int"),
    # Arrays and maps.
    "len": _plain("sized", "int"),
    "first": _plain("array", "element"),
    "last": _plain("array", "element"),
    "get": _plain("any any", "any"),
    "take": _plain("array int", "array"),
    "concat": _plain("array", "array", 1, 64),
    "flatten": _plain("array", "array"),
    "reverse": _plain("array", "array"),
    "uniq": _plain("array", "array"),
    "sort": _plain("array string", "array", 1),
    "keys": _plain("map", "array"),
    "values": _plain("map", "array"),
    "toPairs": _plain("map", "array"),
    "fromPairs": _plain("array", "groups"),
    # Time.
    "now": _plain("", "time"),
    "date": _plain("any any", "time", 1),
    "duration": _plain("string", "duration"),
}
