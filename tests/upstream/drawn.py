"""Values of Go's types, drawn at random with the corners in which spellings differ."""

import json
from pathlib import Path
from random import Random
from typing import Any

import strategies

_TYPES = json.loads(Path(strategies.__file__).with_name("shapes.json").read_bytes())["types"]
_TEXTS = (
    "",
    "a",
    "nginx:1.19",
    "<b>&amp;</b>",
    "é😀",
    "\u2028\u2029",
    '\x00\x08\x0c\x1f\x7f\n\r\t"\\/',
    "true",
)
_INTEGERS = (0, 1, -1, 80, 2**31 - 1, 7.0)
_MIXED = (0, 80, -1, "http", "50%", "", "0", 3.0)
_TIMES = (
    "2024-02-29T23:59:59Z",
    "2024-03-01T00:30:00+02:00",
    "0001-01-01T00:00:00Z",
    "2024-02-29T23:59:59.9Z",
)
_NUMBERS = ("0", "1", "-1", "+2", "007", "0.5", ".5", "5.", "1.10", "1024", "1536", "100000", "0.0000000001")
_NUMBERS += (
    "-0.0000000001",
    "1000",
    "9223372036854775807",
    "12345678901234567890",
    "1023.5",
    "0.001",
    "-1024",
)
_SUFFIXES = (
    *"numkMGTP",
    "",
    "",
    "",
    "Ki",
    "Mi",
    "Gi",
    "Ti",
    "Pi",
    "Ei",
    "e3",
    "E3",
    "e-3",
    "e1",
    "E-2",
    "e+6",
)
_RAW = (
    None,
    True,
    "<",
    1,
    1.0,
    0.1,
    1e-5,
    2.5e-7,
    1e21,
    1.5e300,
    123456789.25,
    -3e-6,
    {},
    [],
    {"b": 1, "a": [None]},
)
_PLAIN = {
    "bool": (True, False),
    "int": _INTEGERS,
    "string": _TEXTS,
    "IntOrString": _MIXED,
    "Time": _TIMES,
    "RawMessage": _RAW,
}


def value(random: Random, type_: str, likely: float = 0.3) -> Any:
    """A value of a type; each optional field is there as likely as told, and those deeper are rarer."""
    if random.random() < 0.03:
        return None
    if type_.startswith("*"):
        return value(random, type_[1:], likely)
    if type_.startswith("[]"):
        return [value(random, type_[2:], likely) for _ in range(random.choice((0, 1, 1, 2)))]
    if type_.startswith("map[string]"):
        of = type_.removeprefix("map[string]")
        return {key: value(random, of, likely) for key in random.sample(_TEXTS, random.choice((0, 1, 3)))}
    if type_ == "Quantity":
        return quantity(random)
    if type_ in _PLAIN:
        return random.choice(_PLAIN[type_])
    fields = [each.removesuffix("?").split(" ") for each in _TYPES[type_]]
    random.shuffle(fields)
    found = {name: value(random, of, likely * 0.8) for name, of in fields if random.random() < likely}
    return found | ({"noSuchField": 1} if random.random() < 0.05 else {})


def quantity(random: Random) -> str | float:
    """One of a resource, with a unit or as a number."""
    if random.random() < 0.1:
        return random.choice((0, 1, 0.5, 1.5, 1e3, 0.001, 2048, -1, 1e16))
    return random.choice(_NUMBERS) + random.choice(_SUFFIXES)
