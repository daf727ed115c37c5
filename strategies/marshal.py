"""JSON as Go writes it. Upstream names a pod template and a list of steps by these bytes.

`shapes.json` holds Go's types: of each the fields in order, and which are left out when empty.
`python -m tests.upstream.record` wrote it, around upstream's own packages.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from json.encoder import encode_basestring
from typing import Any

from rollouts.api import quantities

Writer = Callable[[Any], str]

_EMPTY = frozenset({"null", "false", "0", '""', "[]", "{}"})
_NULL = frozenset({"null"})
# Go escapes what a browser could take for markup, or for the end of a line of a script.
_ESCAPED = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Misfit(ValueError):
    """A value that Go could not read as what it should be."""

    def __init__(self, value: object, type_: str) -> None:
        super().__init__(f"{value!r} is no {type_}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What is to be written otherwise than Go writes it."""

    additive: bool = False
    """Fields that Go does not know are written, too, after those that it knows; else they are left out."""
    quantity: Callable[[str], str | None] = quantities.canonical
    """How a quantity is spelled; None where a text is none."""


GO = Style()


def marshal(value: object, type_: str, style: Style = GO) -> bytes:
    """Write a value as Go does.

    Args:
        value: what the JSON of an object was read into.
        type_: its type in Go, such as `PodTemplateSpec` or `[]CanaryStep`.
        style: where to differ from Go.

    Raises:
        Misfit: somewhere in it is a value of another type.
    """
    text = _writer(type_, style)(value)
    for each, escaped in _ESCAPED.items():
        text = text.replace(each, escaped)
    return text.encode(errors="replace")


@cache
def _shapes() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.files("strategies").joinpath("shapes.json").read_bytes())
    return found


@cache
def _writer(type_: str, style: Style) -> Writer:
    """What writes a value of the type, and where there is none what Go has instead."""
    if type_.startswith("*"):
        write, absent = _writer(type_[1:], style), "null"
    elif type_.startswith("[]"):
        write, absent = _list(_writer(type_[2:], style)), "null"
    elif type_.startswith("map[string]"):
        write, absent = _map(_writer(type_.removeprefix("map[string]"), style)), "null"
    elif type_ == "Quantity":
        write, absent = _quantity(style.quantity), '"0"'
    elif type_ in _PLAIN:
        write, absent = _PLAIN[type_]
    else:
        write = _struct(type_, style)
        absent = write({})
    return lambda value: absent if value is None else write(value)


def _list(write: Writer) -> Writer:
    return lambda value: f"[{','.join(map(write, _fitting(value, list, 'list')))}]"


def _map(write: Writer) -> Writer:
    def write_all(value: Any) -> str:
        items = sorted(_fitting(value, dict, "map").items())
        return "{" + ",".join(f"{_text(key)}:{write(each)}" for key, each in items) + "}"

    return write_all


def _struct(name: str, style: Style) -> Writer:
    fields = [_field(each, style) for each in _shapes()["types"][name]]
    known = {key for key, *_ in fields}

    def write_all(value: Any) -> str:
        found = _fitting(value, dict, name)
        written = []
        for key, prefix, write, left_out in fields:
            each = found.get(key)
            if each is None and left_out:
                continue
            text = write(each)
            if text not in left_out:
                written.append(prefix + text)
        if style.additive:
            more = sorted(key for key in found if key not in known and found[key] is not None)
            written += [f"{_text(key)}:{_raw(found[key])}" for key in more]
        return "{" + ",".join(written) + "}"

    return write_all


def _field(text: str, style: Style) -> tuple[str, str, Writer, frozenset[str]]:
    """The name, what is written before the value, its writer, and the values at which nothing is written."""
    key, type_ = text.removesuffix("?").split(" ")
    empty = _NULL if type_.startswith("*") or type_ in {"Time", "RawMessage"} else _EMPTY
    return key, f"{_text(key)}:", _writer(type_, style), empty if text.endswith("?") else frozenset()


def _fitting(value: Any, kind: type, type_: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Misfit(value, type_)
    return value


def _text(value: Any) -> str:
    return str(encode_basestring(_fitting(value, str, "string")))


def _integer(value: Any) -> str:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return str(_fitting(whole, int, "integer"))


def _quantity(spell: Callable[[str], str | None]) -> Writer:
    def write(value: Any) -> str:
        text = _number(value) if isinstance(value, int | float) else value
        return _text(spell(_fitting(text, str, "quantity")))

    return write


def _time(value: Any) -> str:
    try:
        read = datetime.fromisoformat(value)
        seconds = read.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        raise Misfit(value, "time") from None
    return f'"{seconds.isoformat()}Z"' if seconds.year > 1 else "null"


def _raw(value: Any) -> str:
    """Whatever JSON it is, by the order of its keys."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return _number(value)
        case dict():
            return _map(_raw)(value)
        case list():
            return _list(_raw)(value)
        case _:
            return _text(value)


def _number(value: float) -> str:
    """The shortest digits that read back as the same number; an exponent below 1e-6 and from 1e21 on."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e21):
        return str(int(value))
    text = repr(value)
    if 1e-6 <= abs(value) < 1e-4:
        digits, _, exponent = text.partition("e")
        whole, _, fraction = digits.lstrip("-").partition(".")
        sign = "-" if value < 0 else ""
        return f"{sign}0.{'0' * (-int(exponent) - 1)}{whole}{fraction}"
    return text.replace("e-0", "e-")


# Of each the writer, and what stands for none.
_PLAIN: dict[str, tuple[Writer, str]] = {
    "bool": (lambda value: "true" if _fitting(value, bool, "boolean") else "false", "false"),
    "int": (_integer, "0"),
    "string": (_text, '""'),
    "IntOrString": (lambda value: _text(value) if isinstance(value, str) else _integer(value), "0"),
    "RawMessage": (_raw, "null"),
    "Time": (_time, "null"),
}
