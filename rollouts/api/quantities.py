"""Quantities of resources (`500m`, `1Gi`, `1e9`): what they are worth, and how Kubernetes writes them."""

import re
from decimal import Decimal

RULE = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_TEXT = re.compile(
    r"([+-]?)(?=\.?[0-9])0*([0-9]{0,2000})\.?([0-9]{0,2000})([eE][-+]?[0-9]{1,9}|[KMGTPE]i|[numkMGTPE]?)"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_UNITS = {power: name for name, power in _DECIMAL.items()}
_LEAST = -9
"""The exponent of the smallest part that counts; what is less is rounded up to it."""
_MOST = 2**63 - 1
"""Where a quantity with a binary unit ends."""


def worth(text: str | float) -> Decimal | None:
    """The number that a quantity stands for; None when it is none."""
    match = _TEXT.fullmatch(str(text).strip())
    if match is None:
        return None
    sign, whole, fraction, unit = match.groups()
    count, exponent = _read(whole, fraction, unit)
    return Decimal(f"{sign}{count}e{exponent}")


def canonical(text: str | float) -> str | None:
    """A quantity as Kubernetes writes it, None when it is none: in the largest unit without a fraction.

    A short one that needs no other unit stays as it is spelled, be it `+1.50`.
    """
    text = str(text).strip()
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, unit = match.groups()
    if _stays(whole or "0", fraction, unit):
        return text
    count, exponent = _read(whole, fraction, unit)
    return ("-" if sign == "-" and count else "") + _written(count, exponent, unit)


def in_thousandths(text: str | float) -> str | None:
    """One text for all quantities that are worth the same, rounded up as for a pod's resources; else None."""
    match = _TEXT.fullmatch(str(text).strip())
    if match is None:
        return None
    sign, whole, fraction, unit = match.groups()
    count, exponent = _read(whole, fraction, unit, least=-3)
    return f"{sign.strip('+')}{count}e{exponent}" if count else "0"


def _stays(whole: str, fraction: str, unit: str) -> bool:
    digits = whole + fraction
    if unit in _BINARY:
        return not fraction and len(whole) + 3 * _BINARY[unit] // 10 <= 14 and int(whole) % 8 != 0
    exponent = _power(unit) - len(fraction)
    zeros = digits.startswith("0") or digits.endswith("000")
    return len(digits) <= 18 and exponent >= _LEAST and not exponent % 3 and not zeros


def _read(whole: str, fraction: str, unit: str, least: int = _LEAST) -> tuple[int, int]:
    """A count that ends in no zero, and the power of ten that it is to be multiplied by."""
    count, exponent = int(whole + fraction or "0"), -len(fraction)
    if unit in _BINARY:
        count <<= _BINARY[unit]
    else:
        exponent += _power(unit)
    if count and exponent < least:
        lost = min(least - exponent, len(str(count)))
        count, exponent = -(-count // 10**lost), least
    if unit in _BINARY and count > _MOST * 10**-exponent:
        return _MOST, 0
    stripped = str(count).rstrip("0")
    return int(stripped or "0"), exponent + len(str(count)) - len(stripped)


def _written(count: int, exponent: int, unit: str) -> str:
    if not count:
        return "0"
    if unit in _BINARY and exponent >= 0 and (number := count * 10**exponent) >= 1024:
        fitting = [name for name, power in _BINARY.items() if not number % (1 << power)]
        return f"{number >> _BINARY[fitting[-1]]}{fitting[-1]}" if fitting else str(number)
    count *= 10 ** (exponent % 3)
    exponent -= exponent % 3
    if len(unit) > 1 and unit not in _BINARY:
        return f"{count}e{exponent}" if exponent else str(count)
    return f"{count}{_UNITS.get(exponent, '')}"  # it has no unit beyond E, and loses what there was


def _power(unit: str) -> int:
    return _DECIMAL[unit] if unit in _DECIMAL else int(unit[1:])
