"""What the judge remembers from look to look, as a short JSON text for the status of a run. Pure.

The text says which judge wrote it: with other bounds, another form, or after a hand has been at it, it is not
believed, and the test starts anew. That costs evidence and never adds any.
"""

import math
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import orjson

from analysis.judges.sequential import gross
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.dispersion import Dispersion
from analysis.judges.sequential.effects import Effects
from analysis.judges.sequential.elementwise import Flags
from analysis.judges.sequential.tally import Tally

VERSION = 1
GREATEST_TEXT = 64 * 1024
"""Longer is not ours."""
GREATEST = 1e60
"""Greater numbers are not ours either, and what is computed of those that are has room in a double."""
_TOTALS = len(Counts._fields)
_DISPERSION = -len(Dispersion._fields)
_GROSS = _DISPERSION - len(gross.RATES)
_RESIDUAL = _DISPERSION + Dispersion._fields.index("open_residual")
"""Where the numbers of a signal end or begin: totals, points, gross, dispersion; and its one of any sign."""


class BrokenState(ValueError):
    """The text is no state of this judge; the message says why."""


class State(NamedTuple):
    """Everything that the looks so far come to."""

    signals: tuple[str, ...]
    """What is counted, in the order of the arrays; set by the first look that counts."""
    telling: Flags
    """Which of them have a part in the proof; `judge` says how that is chosen."""
    tally: Tally
    looks: int = 0
    """How many looks count."""
    against: str = ""
    """What the newest of them was compared with."""
    at: datetime | None = None
    """When it was."""


def write(effects: Effects, state: State) -> str:
    """The text of a state."""
    telling = [state.telling] if isinstance(state.telling, bool) else state.telling
    body = {
        "version": VERSION,
        "ratios": _bounds(effects),
        "looks": state.looks,
        "against": state.against,
        "at": state.at.isoformat() if state.at else None,
        "telling": [*compress(state.signals, telling)],
        "signals": dict(zip(state.signals, _rows(state.tally), strict=True)),
    }
    return orjson.dumps(body).decode()


def read(effects: Effects, text: str) -> State:
    """The state of a text.

    Raises:
        BrokenState: it is none, or that of a judge with other bounds.
    """
    if len(text) > GREATEST_TEXT:
        raise BrokenState(f"it has {len(text)} characters, more than {GREATEST_TEXT}")
    try:
        body = orjson.loads(text)
        if body["version"] != VERSION:
            raise BrokenState(f"it is of version {body['version']!r:.20}, and this is {VERSION}")
        if body["ratios"] != _bounds(effects):
            raise BrokenState("maxRatio or proveRatio has changed")
        return _state(effects, body)
    except BrokenState:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise BrokenState("it cannot be read") from error


def _state(effects: Effects, body: dict[str, Any]) -> State:
    names, looks, telling = tuple(body["signals"]), body["looks"], body["telling"]
    at = datetime.fromisoformat(body["at"]) if body["at"] is not None else None
    rows = [body["signals"][name] for name in names]
    if not rows:
        raise BrokenState("it cannot be read")
    for row in rows:
        _require_possible(row, len(effects.ratios))
    if type(looks) is not int or looks < 1 or body["against"] not in ("stable", "baseline"):
        raise BrokenState("it cannot be read")
    if at is not None and at.tzinfo is None:
        raise BrokenState("its time has no zone")
    return State(
        signals=names,
        telling=names[0] in telling if len(names) == 1 else np.array([name in telling for name in names]),
        tally=_tally(rows),
        looks=looks,
        against=body["against"],
        at=at,
    )


def _rows(tally: Tally) -> list[list[float]]:
    """All numbers of each signal: totals, points, gross, dispersion."""
    if tally.points.ndim == 1:
        return [[*tally.totals, *tally.points.tolist(), *tally.gross, *tally.dispersion]]
    columns: Any = (tally.totals, tally.points.T, tally.gross, tally.dispersion)
    rows: list[list[float]] = np.concatenate(columns).T.tolist()
    return rows


def _tally(rows: list[list[float]]) -> Tally:
    """The same from its rows."""
    columns: Any = rows[0] if len(rows) == 1 else np.array(rows, dtype=np.float64).T
    return Tally(
        totals=Counts(*columns[:_TOTALS]),
        points=np.array(columns[_TOTALS:_GROSS], dtype=np.float64).T,
        gross=[*columns[_GROSS:_DISPERSION]],
        dispersion=Dispersion(*columns[_DISPERSION:]),
    )


def _require_possible(row: list[float], points: int) -> None:
    """Raise BrokenState for numbers of a signal that no looks come to."""
    if len(row) != _TOTALS + points - _GROSS:
        raise BrokenState("it cannot be read")
    if not math.hypot(*row) < GREATEST:
        raise BrokenState("it has numbers that are too great")
    canary_requests, canary_bad, reference_requests, reference_bad = row[:_TOTALS]
    if min(*row[:_TOTALS], *row[_DISPERSION:_RESIDUAL], *row[_RESIDUAL + 1 :]) < 0:
        raise BrokenState("it has negative counts")
    if canary_bad > canary_requests or reference_bad > reference_requests:
        raise BrokenState("more requests were bad than there were")


def _bounds(effects: Effects) -> list[float]:
    return [effects.max_ratio, effects.prove_ratio]
