"""Go durations (`1h30m`, `500ms`), the spelling that every field of these resources uses."""

import re
from datetime import timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
MAX_SECONDS = 9_223_372_036
"""The longest duration, as in Go: 63 bits of nanoseconds."""
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(text: str) -> timedelta:
    """Read a duration as Go's time.ParseDuration does.

    Raises:
        ValueError: the text is not a duration; the message quotes it.
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text.startswith(("+", "-")) else text
    if rest == "0":
        return timedelta()
    parts = _PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f'"{text}" is not a duration; write it like 30s, 5m or 1h30m')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > MAX_SECONDS:
        raise ValueError(f'"{text}" is not a duration that fits; the longest is 292 years')
    return timedelta(seconds=sign * seconds)


def format_duration(delta: timedelta) -> str:
    """Write a duration as Go prints it, in whole milliseconds: `1h30m0s`, `1.5s`, `0s`."""
    milliseconds = round(delta.total_seconds() * 1000)
    sign = "-" if milliseconds < 0 else ""
    milliseconds = abs(milliseconds)
    if 0 < milliseconds < 1000:
        return f"{sign}{milliseconds}ms"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{milliseconds / 1000:g}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"
