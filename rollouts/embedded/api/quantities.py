"""Quantities of resources (`500m`, `1Gi`, `1e9`): what they are worth, and how the API server writes them."""

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation

RULE = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_TEXT = re.compile(r"([+-]?[0-9.]+)([eE][-+]?[0-9]+|[KMGTPE]i|[numkMGTPE]?)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_LEAST = Decimal("1e-9")


def worth(text: str | float) -> Decimal | None:
    """The number that a quantity stands for; None when it is none."""
    read = _read(text)
    return read and read[0]


def canonical(text: str | float) -> str | None:
    """A quantity with the largest unit that leaves no fraction; None when it is none."""
    read = _read(text)
    if read is None:
        return None
    value, unit = read
    value = value.quantize(_LEAST, ROUND_CEILING).normalize() if value % _LEAST else value
    if not value:
        return "0"
    if unit in _BINARY and abs(value) >= 1024 and value == value.to_integral_value():
        fitting = [name for name, power in _BINARY.items() if not value % (1 << power)]
        return f"{value / (1 << _BINARY[fitting[-1]]):f}{fitting[-1]}" if fitting else f"{value:f}"
    name, power = next(
        (name, power) for name, power in reversed(_DECIMAL.items()) if not value.scaleb(-power) % 1
    )
    count = f"{value.scaleb(-power).to_integral_value():f}"
    if unit[:1] in {"e", "E"} and unit != "E":
        return f"{count}e{power}" if power else count
    return f"{count}{name}"


def _read(text: str | float) -> tuple[Decimal, str] | None:
    """The number and its unit."""
    match = _TEXT.fullmatch(str(text).strip())
    if match is None:
        return None
    number, unit = match.groups()
    try:
        if unit in _BINARY:
            return Decimal(number) * (1 << _BINARY[unit]), unit
        if unit in _DECIMAL:
            return Decimal(number).scaleb(_DECIMAL[unit]), unit
        return Decimal(number + unit), unit
    except InvalidOperation:
        return None
