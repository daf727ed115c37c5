"""Dates and durations: how they are read, what is added to what, and their methods."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from analysis.expressions.formats import show_duration, show_time
from analysis.expressions.values import Misfit, Value, go_type, integer, is_number, number, text
from rollouts.api.duration import parse_duration
from rollouts.api.meta import parse_time

_LAYOUTS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%d %b %y %H:%M UTC",
    "%A, %d-%b-%y %H:%M:%S UTC",
    "%a, %d %b %Y %H:%M:%S UTC",
)
"""What `date` reads beside RFC 3339: ISO dates, RFC 822, RFC 850 and RFC 1123."""
_GO_LAYOUT = re.compile(r"2006|January|Jan|01|02|15|04|05|06|Monday|Mon")
_GO_PARTS: Mapping[str, str] = {
    "2006": "%Y",
    "January": "%B",
    "Jan": "%b",
    "01": "%m",
    "02": "%d",
    "15": "%H",
    "04": "%M",
    "05": "%S",
    "06": "%y",
    "Monday": "%A",
    "Mon": "%a",
}
_OTHER_DIGITS = re.compile(r"[0-9]|MST|Z07|PM")


def read_date(source: Value, layout: Value = None) -> datetime:
    """What `date` makes of a string, in UTC.

    Args:
        source: The date.
        layout: How it is written, in Go's way: `2006-01-02`.

    Raises:
        Misfit: it cannot be read.
    """
    written = text(source, "date")
    if layout is not None:
        return _strptime(written, _translated(text(layout, "date")))
    try:
        return parse_time(written)
    except (ValueError, OverflowError):
        pass
    for each in _LAYOUTS:
        try:
            return _strptime(written.replace("GMT", "UTC"), each)
        except Misfit:
            continue
    raise Misfit(f"invalid date {written[:40]}")


def _strptime(written: str, layout: str) -> datetime:
    try:
        return datetime.strptime(written, layout).replace(tzinfo=UTC)
    except (ValueError, OverflowError, re.error):
        raise Misfit(f"invalid date {written[:40]}") from None


def _translated(layout: str) -> str:
    parts = _GO_LAYOUT.split(layout)
    if any(_OTHER_DIGITS.search(part) for part in parts):
        raise Misfit(f"date does not know the layout {layout[:40]}")
    found = [_GO_PARTS[part] for part in _GO_LAYOUT.findall(layout)]
    pairs = zip(parts, [*found, ""], strict=True)
    return "".join(between.replace("%", "%%") + part for between, part in pairs)


def read_duration(source: Value) -> timedelta:
    """What `duration` makes of a string such as 1h30m.

    Raises:
        Misfit: it cannot be read.
    """
    written = text(source, "duration")
    try:
        return parse_duration(written)
    except (ValueError, OverflowError):
        raise Misfit(f'time: invalid duration "{written[:40]}"; write 30s, 5m or 1h30m') from None


def calculate(operator: str, left: Value, right: Value) -> Value:
    """What `+`, `-` and `*` make of times and durations.

    Raises:
        Misfit: nothing.
    """
    match (operator, left, right):
        case ("+", timedelta(), timedelta()):
            return left + right
        case ("+", datetime(), timedelta()):
            return left + right
        case ("+", timedelta(), datetime()):
            return right + left
        case ("-", datetime(), datetime()):
            return left - right
        case ("-", datetime(), timedelta()):
            return left - right
        case ("-", timedelta(), timedelta()):
            return left - right
        case ("*", timedelta(), _) if is_number(right):
            return _scaled(left, right)
        case ("*", _, timedelta()) if is_number(left):
            return _scaled(right, left)
    raise Misfit(f"invalid operation: {go_type(left)} {operator} {go_type(right)}")


def _scaled(duration: timedelta, factor: Value) -> Value:
    """Whole multiples are durations; Go makes a float of nanoseconds of the others."""
    by = number(factor, "*")
    if isinstance(by, int):
        return duration * by
    return float(duration / timedelta(microseconds=1) * 1000 * by)


def _time(value: Value) -> datetime:
    if not isinstance(value, datetime):
        raise Misfit(f"needs a time, but got {go_type(value)}")
    return value


def _add_date(moment: datetime, years: Value, months: Value, days: Value) -> datetime:
    whole = moment.year * 12 + moment.month - 1 + integer(years, "AddDate") * 12 + integer(months, "AddDate")
    try:
        first = moment.replace(year=whole // 12, month=whole % 12 + 1, day=1)
        return first + timedelta(days=moment.day - 1 + integer(days, "AddDate"))
    except (ValueError, OverflowError):
        raise Misfit("AddDate leaves the calendar") from None


Method = Callable[..., Value]
_SECOND = timedelta(seconds=1)

_OF_DURATIONS: Mapping[str, Method] = {
    "Hours": lambda span: span / timedelta(hours=1),
    "Minutes": lambda span: span / timedelta(minutes=1),
    "Seconds": lambda span: span / _SECOND,
    "Milliseconds": lambda span: int(span / timedelta(milliseconds=1)),
    "Microseconds": lambda span: int(span / timedelta(microseconds=1)),
    "Nanoseconds": lambda span: round(span / timedelta(microseconds=1)) * 1000,
    "Abs": abs,
    "String": show_duration,
}
_OF_TIMES: Mapping[str, Method] = {
    "Year": lambda moment: moment.year,
    "Month": lambda moment: moment.month,
    "Day": lambda moment: moment.day,
    "Hour": lambda moment: moment.hour,
    "Minute": lambda moment: moment.minute,
    "Second": lambda moment: moment.second,
    "Nanosecond": lambda moment: moment.microsecond * 1000,
    "Weekday": lambda moment: moment.isoweekday() % 7,
    "YearDay": lambda moment: moment.timetuple().tm_yday,
    "Unix": lambda moment: int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // _SECOND),
    "String": show_time,
    "Add": lambda moment, span: calculate("+", moment, span),
    "Sub": lambda moment, other: calculate("-", moment, _time(other)),
    "AddDate": _add_date,
    "Before": lambda moment, other: moment < _time(other),
    "After": lambda moment, other: moment > _time(other),
    "Equal": lambda moment, other: moment == _time(other),
    "Format": lambda moment, layout: moment.strftime(_translated(text(layout, "Format"))),
}
_COUNTS: Mapping[str, int] = {
    "Add": 1,
    "Sub": 1,
    "Before": 1,
    "After": 1,
    "Equal": 1,
    "Format": 1,
    "AddDate": 3,
}


def call(target: Value, name: str, arguments: list[Value]) -> Value:
    """What a method of a time or a duration gives.

    Raises:
        Misfit: there is none of this name, or it takes other arguments.
    """
    table = _OF_TIMES if isinstance(target, datetime) else _OF_DURATIONS
    method = table.get(name) if isinstance(target, datetime | timedelta) else None
    if method is None:
        raise Misfit(f"type {go_type(target)} has no method {name}")
    wanted = _COUNTS.get(name, 0)
    if len(arguments) != wanted:
        raise Misfit(f"{name} takes {wanted} arguments, not {len(arguments)}")
    return method(target, *arguments)
