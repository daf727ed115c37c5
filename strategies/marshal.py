"""JSON as Go writes it. Upstream names a pod template and a list of steps by these bytes.

`shapes.json` holds Go's types: of each the fields in order, and which are left out when empty.
`python -m tests.upstream.record` wrote it, around upstream's own packages. What does not fit its type counts
as absent, as it does for upstream's controller.
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
        value: what the JSON of an object was read into; nothing raises.
        type_: its type in Go, such as `PodTemplateSpec` or `[]CanaryStep`.
        style: where to differ from Go.
    """
    text = _writer(type_, style)(value)
    for each, escaped in _ESCAPED.items():
        text = text.replace(each, escaped)
    return text.encode(errors="replace")


@cache
def versions() -> dict[str, str]:
    """The Go modules that the types are of, and their versions."""
    return dict(_shapes()["versions"])


@cache
def _shapes() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.files("strategies").joinpath("shapes.json").read_bytes())
    return found


@cache
def _writer(type_: str, style: Style) -> Writer:
    if type_.startswith("*"):
        return _pointer(_writer(type_[1:], style))
    if type_.startswith("[]"):
        return _list(_writer(type_[2:], style))
    if type_.startswith("map[string]"):
        return _map(_writer(type_.removeprefix("map[string]"), style))
    if type_ == "Quantity":
        return _quantity(style.quantity)
    return _PLAIN.get(type_) or _struct(type_, style)


def _pointer(write: Writer) -> Writer:
    return lambda value: "null" if value is None else write(value)


def _list(write: Writer) -> Writer:
    def write_all(value: Any) -> str:
        return f"[{','.join(map(write, value))}]" if isinstance(value, list | tuple) else "null"

    return write_all


def _map(write: Writer) -> Writer:
    def write_all(value: Any) -> str:
        if not isinstance(value, dict):
            return "null"
        return "{" + ",".join(f"{_text(key)}:{write(value[key])}" for key in sorted(value)) + "}"

    return write_all


def _struct(name: str, style: Style) -> Writer:
    fields = [_field(each, style) for each in _shapes()["types"][name]]
    known = {key for key, *_ in fields}

    def write_all(value: Any) -> str:
        found = value if isinstance(value, dict) else {}
        written = []
        for key, prefix, write, left_out in fields:
            each = found.get(key)
            if each is None and left_out:
                continue
            text = write(each)
            if text not in left_out:
                written.append(prefix + text)
        if style.additive:
            more = {key: each for key, each in found.items() if key not in known and each is not None}
            written += [f"{_text(key)}:{_raw(more[key])}" for key in sorted(more)]
        return "{" + ",".join(written) + "}"

    return write_all


def _field(text: str, style: Style) -> tuple[str, str, Writer, frozenset[str]]:
    """The name, what is written before the value, its writer, and the values at which nothing is written."""
    key, type_ = text.removesuffix("?").split(" ")
    empty = _NULL if type_.startswith("*") or type_ in {"Time", "RawMessage"} else _EMPTY
    write = _writer(type_, style)
    return key, f"{_text(key)}:", write, empty if text.endswith("?") else frozenset()


def _text(value: Any) -> str:
    return str(encode_basestring(value)) if isinstance(value, str) else '""'


def _boolean(value: Any) -> str:
    return "true" if value is True else "false"


def _integer(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else "0"


def _integer_or_text(value: Any) -> str:
    return _text(value) if isinstance(value, str) else _integer(value)


def _quantity(spell: Callable[[str], str | None]) -> Writer:
    def write(value: Any) -> str:
        text = _number(value) if isinstance(value, int | float) else value
        return f'"{(isinstance(text, str) and spell(text)) or 0}"'

    return write


def _time(value: Any) -> str:
    try:
        read = datetime.fromisoformat(value)
        seconds = read.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        return "null"
    return f'"{seconds.isoformat()}Z"' if read.tzinfo and seconds.year > 1 else "null"


def _raw(value: Any) -> str:
    """Whatever JSON it is, by the order of its keys."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return _number(value)
        case dict():
            return "{" + ",".join(f"{_text(key)}:{_raw(value[key])}" for key in sorted(value)) + "}"
        case list() | tuple():
            return f"[{','.join(map(_raw, value))}]"
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


_PLAIN: dict[str, Writer] = {
    "bool": _boolean,
    "int": _integer,
    "string": _text,
    "IntOrString": _integer_or_text,
    "RawMessage": _raw,
    "Time": _time,
}
