"""Annotated CSV, in which InfluxDB answers a Flux query. Pure.

Each table has three rows of annotations, a row with the names of its columns, and its records; an empty row
stands between two tables.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from analysis.providers.answers import quoted
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed

DIALECT = {"annotations": ["datatype", "group", "default"], "delimiter": ",", "header": True}
"""What to ask for."""
VALUE = "_value"
_WHOLE = frozenset({"long", "unsignedLong"})


def values(content: bytes) -> list[Any]:
    """The `_value` of every record in an answer; None for an empty cell.

    Raises:
        Failed: the answer is none, or tells of an error.
    """
    if not content:
        raise Failed("InfluxDB answered with nothing at all")  # no data is an empty line
    try:
        return list(_values(csv.reader(io.StringIO(content.decode(), newline=""), strict=True)))
    except (csv.Error, UnicodeDecodeError):
        raise Failed("InfluxDB answered with something else than annotated CSV") from None


def _values(rows: Iterator[list[str]]) -> Iterator[Any]:
    types: Sequence[str] = ()
    defaults: Sequence[str] = ()
    column = None
    named = False
    for row in rows:
        if not any(row):
            named = named and bool(row)  # an empty row ends a table, a record of empty cells does not
            continue
        match row[0]:
            case "#datatype":
                types, defaults, named = row, (), False
            case "#default":
                defaults, named = row, False
            case "#group":
                named = False
            case _ if not named:
                column, named = _column(row, types), True
            case _:
                yield _read(row, column, types, defaults)


def _column(names: Sequence[str], types: Sequence[str]) -> int:
    """Where the values stand."""
    if "error" in names[:2]:
        return -1
    if not types or len(names) != len(types):
        raise Failed("InfluxDB answered with something else than annotated CSV")
    if VALUE not in names:
        raise Failed(f'the Flux query gives no column "{VALUE}"; make one with rename() or map()')
    return names.index(VALUE)


def _read(row: Sequence[str], column: int | None, types: Sequence[str], defaults: Sequence[str]) -> Any:
    if column == -1:
        raise Failed(f"InfluxDB answered with an error: {quoted(' '.join(filter(None, row)))}")
    if column is None or len(row) != len(types):
        raise Failed("InfluxDB answered with something else than annotated CSV")
    text = row[column] or (defaults[column] if column < len(defaults) else "")
    if not text:
        return None
    kind = types[column]
    try:
        if kind == "double" or kind in _WHOLE:
            value = number(text)
            return int(text) if kind in _WHOLE else value
    except ValueError:
        raise Failed(f'InfluxDB answered with "{quoted(text)}", which is no {kind}') from None
    return text == "true" if kind == "boolean" else text
