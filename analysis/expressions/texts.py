"""The functions of strings. Lengths and places count bytes of UTF-8 where Go's do."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence

from analysis.expressions.values import MAX_TEXT, Budget, Misfit, Value, array, bounded, integer, text

Function = Callable[[Sequence[Value], Budget], Value]


def item(source: str, at: int) -> int:
    """The byte at a place, as indexing gives it.

    Raises:
        Misfit: there is none.
    """
    raw = source.encode("utf-8", "surrogatepass")
    if not -len(raw) <= at < len(raw):
        raise Misfit(f"index out of range: {at + len(raw) if at < 0 else at} (array length is {len(raw)})")
    return raw[at]


def part(source: str, start: int | None, end: int | None) -> str:
    """The bytes between two places."""
    if source.isascii():
        return source[start:end]
    return source.encode("utf-8", "surrogatepass")[start:end].decode("utf-8", "replace")


def _trim(arguments: Sequence[Value], _: Budget) -> Value:
    source = text(arguments[0], "trim")
    return source.strip(text(arguments[1], "trim")) if len(arguments) > 1 else source.strip()


def _cut(what: str, cut: Callable[[str, str], str]) -> Function:
    def call(arguments: Sequence[Value], _: Budget) -> Value:
        edge = text(arguments[1], what) if len(arguments) > 1 else " "
        return cut(text(arguments[0], what), edge)

    return call


def _one(what: str, how: Callable[[str], Value]) -> Function:
    return lambda arguments, _: how(text(arguments[0], what))


def _two(what: str, how: Callable[[str, str], Value]) -> Function:
    return lambda arguments, _: how(text(arguments[0], what), text(arguments[1], what))


def _split(what: str, *, keep: bool) -> Function:
    def call(arguments: Sequence[Value], budget: Budget) -> Value:
        source, separator = text(arguments[0], what), text(arguments[1], what)
        most = integer(arguments[2], what) if len(arguments) > 2 else -1
        if most == 0:
            return []
        if separator:
            parts = source.split(separator, most - 1 if most > 0 else -1)
        else:
            parts = list(source)
            if 0 < most < len(parts):
                parts[most - 1 :] = ["".join(parts[most - 1 :])]
        budget.spend(len(parts))
        if keep:
            parts[:-1] = [each + separator for each in parts[:-1]]
        return list(parts)

    return call


def _replace(arguments: Sequence[Value], budget: Budget) -> Value:
    source, old, new = (text(argument, "replace") for argument in arguments[:3])
    most = integer(arguments[3], "replace") if len(arguments) > 3 else -1
    found = source.count(old)
    times = found if most < 0 else min(found, most)
    if len(source) + times * (len(new) - len(old)) > MAX_TEXT:
        raise Misfit(f"the string would have more than {MAX_TEXT} characters")
    budget.spend(times)
    return source.replace(old, new, times)


def _repeat(arguments: Sequence[Value], _: Budget) -> Value:
    source, times = text(arguments[0], "repeat"), integer(arguments[1], "repeat")
    if times < 0:
        raise Misfit(f"invalid argument for repeat (expected positive integer, got {times})")
    if len(source) * times > MAX_TEXT or times > MAX_TEXT:
        raise Misfit(f"memory budget exceeded: repeat would make more than {MAX_TEXT} characters")
    return source * times


def _join(arguments: Sequence[Value], budget: Budget) -> Value:
    separator = text(arguments[1], "join") if len(arguments) > 1 else ""
    parts = [text(each, "join") for each in array(arguments[0], "join")]
    budget.spend(len(parts))
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_TEXT:
        raise Misfit(f"the string would have more than {MAX_TEXT} characters")
    return separator.join(parts)


def _place(source: str, at: int) -> int:
    return at if at <= 0 or source.isascii() else len(source[:at].encode("utf-8", "surrogatepass"))


def _from_base64(source: str) -> Value:
    try:
        return base64.b64decode(source, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise Misfit("illegal base64 data") from None


def _to_base64(source: str) -> Value:
    return bounded(base64.b64encode(source.encode("utf-8", "surrogatepass")).decode("ascii"))


_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_FRACTION = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)


def read_integer(source: str) -> int:
    """As Go's strconv.Atoi.

    Raises:
        Misfit: it is none.
    """
    if not _WHOLE.fullmatch(source) or not -(2**63) <= (value := int(source)) < 2**63:
        raise Misfit(f"strconv.ParseInt: parsing {_quoted(source)}: invalid syntax")
    return value


def read_float(source: str) -> float:
    """As Go's strconv.ParseFloat, without its hexadecimal form.

    Raises:
        Misfit: it is none.
    """
    if len(source) > 400 or not _FRACTION.fullmatch(source):
        raise Misfit(f"strconv.ParseFloat: parsing {_quoted(source)}: invalid syntax")
    value = float(source)
    if value in (float("inf"), float("-inf")) and "n" not in source.lower():
        raise Misfit(f"strconv.ParseFloat: parsing {_quoted(source)}: value out of range")
    return value


def _quoted(source: str) -> str:
    return f'"{source[:40]}..."' if len(source) > 40 else f'"{source}"'


FUNCTIONS: Mapping[str, Function] = {
    "trim": _trim,
    "trimPrefix": _cut("trimPrefix", str.removeprefix),
    "trimSuffix": _cut("trimSuffix", str.removesuffix),
    "upper": _one("upper", str.upper),
    "lower": _one("lower", str.lower),
    "split": _split("split", keep=False),
    "splitAfter": _split("splitAfter", keep=True),
    "replace": _replace,
    "repeat": _repeat,
    "join": _join,
    "hasPrefix": _two("hasPrefix", str.startswith),
    "hasSuffix": _two("hasSuffix", str.endswith),
    "indexOf": _two("indexOf", lambda source, other: _place(source, source.find(other))),
    "lastIndexOf": _two("lastIndexOf", lambda source, other: _place(source, source.rfind(other))),
    "toBase64": _one("toBase64", _to_base64),
    "fromBase64": _one("fromBase64", _from_base64),
}
