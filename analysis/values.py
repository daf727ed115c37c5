"""Measured values as text in a measurement, and back again, without losing what they were."""

import json
import math
import re
from typing import Any

_GO_INFINITY = re.compile(r"^[+-]?Inf$")
MAX_VALUE = 16_384
"""Characters of a value that is kept; the object that holds it is limited too."""


def encode(result: Any) -> str:
    """Write a result as JSON, with NaN and infinities; nothing for no result."""
    if result is None:
        return ""
    return json.dumps(result, separators=(",", ":"), ensure_ascii=False)


def decode(value: str) -> Any:
    """Read what encode, or upstream, has written; the empty text is no value, None."""
    if value == "":
        return None
    if _GO_INFINITY.match(value):
        return -math.inf if value.startswith("-") else math.inf
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def absent(result: Any) -> str:
    """Why this result is no data: `nil or empty`, `NaN`, or nothing for a result that is data."""
    if result is None or (isinstance(result, str | list | dict) and not result):
        return "nil or empty"
    items = result if isinstance(result, list) else [result]
    if any(isinstance(item, float) and math.isnan(item) for item in items):
        return "NaN"
    if any(item is None for item in items):
        return "nil or empty"
    return ""
