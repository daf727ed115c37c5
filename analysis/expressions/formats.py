"""Values as text, as Go writes them: `string` by fmt's %v, `toJSON` by encoding/json."""

import json
import math
from datetime import datetime, timedelta
from decimal import Decimal

from analysis.expressions.values import Budget, Misfit, Value


def show(value: Value, budget: Budget, depth: int = 0) -> str:
    """What `string` makes of a value.

    Raises:
        Misfit: it is nested too deep, or too large to be shown.
    """
    budget.nest(depth)
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        budget.spend(len(value) // 64)
        return value
    if isinstance(value, float):
        return show_float(value)
    if isinstance(value, list):
        return _charged("[" + " ".join(show(item, budget, depth + 1) for item in value) + "]", budget)
    if isinstance(value, dict):
        pairs = ((_key(name, budget), show(item, budget, depth + 1)) for name, item in value.items())
        return _charged("map[" + " ".join(f"{name}:{item}" for name, item in sorted(pairs)) + "]", budget)
    if isinstance(value, datetime):
        return show_time(value)
    return show_duration(value) if isinstance(value, timedelta) else str(value)


def _charged(made: str, budget: Budget) -> str:
    """Text that is copied into longer text once for each level is paid for each time."""
    budget.spend(len(made) // 16)
    return made


def _key(name: object, budget: Budget) -> str:
    return show(name[1] if isinstance(name, tuple) else name, budget)


def show_float(value: float) -> str:
    """The shortest text that reads back as this number; with an exponent below 1e-4 and from 1e6 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return _digits(value, least=1e-4, most=1e6)


def _digits(value: float, *, least: float, most: float) -> str:
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, numerals, power = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, numerals))
    point = len(digits) + int(power)  # where the decimal point stands
    minus = "-" if sign else ""
    if not least <= abs(value) < most:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{minus}{mantissa}e{point - 1:+03d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    return minus + whole + ("." + fraction if fraction else "")


def show_time(moment: datetime) -> str:
    """As Go's Time.String."""
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    zone = f"{moment:%z %z}" if moment.utcoffset() else "+0000 UTC"
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {zone}"


def show_duration(duration: timedelta) -> str:
    """As Go's Duration.String: 1h30m0s, 1.5s, 250ms."""
    micros = round(duration / timedelta(microseconds=1))
    if micros == 0:
        return "0s"
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    if micros < 1000:
        return f"{sign}{micros}µs"
    if micros < 1_000_000:
        return f"{sign}{_shortened(micros, 1000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    seconds = _shortened(rest, 1_000_000)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}s"
    return f"{sign}{minutes}m{seconds}s" if minutes else f"{sign}{seconds}s"


def _shortened(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    width = len(str(unit)) - 1
    return f"{whole}.{rest:0{width}d}".rstrip("0") if rest else str(whole)


def to_json(value: Value, budget: Budget, indent: str = "\n", depth: int = 0) -> str:
    """What `toJSON` makes of a value: indented by two, keys in order.

    Raises:
        Misfit: JSON has no such value, or it is too large.
    """
    budget.nest(depth)
    inner = indent + "  "
    if isinstance(value, list):
        if not value:
            return "[]"
        items = [to_json(item, budget, inner, depth + 1) for item in value]
        return _charged("[" + inner + f",{inner}".join(items) + indent + "]", budget)
    if isinstance(value, dict):
        if any(not isinstance(name, str) for name in value):
            raise Misfit("json: a map with keys that are no strings")
        if not value:
            return "{}"
        items = [
            f"{_quoted(name)}: {to_json(value[name], budget, inner, depth + 1)}" for name in sorted(value)
        ]
        return _charged("{" + inner + f",{inner}".join(items) + indent + "}", budget)
    return _json_scalar(value, budget)


def _json_scalar(value: Value, budget: Budget) -> str:
    if isinstance(value, str):
        budget.spend(len(value) // 64)
        return _quoted(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Misfit(f"json: unsupported value: {show_float(value)}")
        return _digits(value, least=1e-6, most=1e21).replace("e-0", "e-")
    if isinstance(value, datetime):
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        zone = value.isoformat()[-6:] if value.utcoffset() else "Z"
        return f'"{value:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"'
    if isinstance(value, timedelta):
        return str(round(value / timedelta(microseconds=1)) * 1000)
    return str(value)


_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_HTML)
