"""A value of the condition language as one line of text: what oracle/main.go says, and what we do."""

import json
import math
from datetime import UTC, datetime, timedelta

from analysis.expressions.formats import show_duration


def show(value):
    """Integers and floats look different; the keys of a map are in order."""
    if value is None:
        return "nil"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, dict):
        pairs = (f"{show(key[1] if isinstance(key, tuple) else key)}: {show(value[key])}" for key in value)
        return "{" + ", ".join(sorted(pairs)) + "}"
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        return f"time {value:%Y-%m-%dT%H:%M:%S}{fraction}Z"
    assert isinstance(value, timedelta)
    return f"duration {show_duration(value)}"


def _float(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = f"{value:.17g}"
    return text if any(mark in text for mark in ".e") else text + ".0"
