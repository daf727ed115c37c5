"""What the judge remembers from look to look, as a short JSON text for the status of a run. Pure.

The text says which judge wrote it: with other bounds, another form, or after a hand has been at it, it is not
believed, and the test starts anew. That costs evidence and never adds any.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from analysis.judges.sequential import gross
from analysis.judges.sequential.dispersion import Dispersion
from analysis.judges.sequential.effects import Effects
from analysis.judges.sequential.tally import Counts, Tally

VERSION = 1
_COUNTED = [
    *range(len(Counts._fields)),
    *(
        place - len(Dispersion._fields)
        for place, name in enumerate(Dispersion._fields)
        if name != "open_residual"
    ),
]
"""The columns of a state that are never negative."""
GREATEST_TEXT = 64 * 1024
"""Longer is not ours."""


class BrokenState(ValueError):
    """The text is no state of this judge; the message says why."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the looks so far come to."""

    signals: tuple[str, ...]
    """What is counted, in the order of the arrays; set by the first look that counts."""
    telling: NDArray[np.bool_]
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
    seen = state.tally
    rows = np.concatenate(
        (np.array(seen.totals).T, seen.points, seen.gross, np.array(seen.dispersion).T), axis=1
    )
    body = {
        "version": VERSION,
        "ratios": _bounds(effects),
        "looks": state.looks,
        "against": state.against,
        "at": state.at.isoformat() if state.at else None,
        "telling": [name for name, telling in zip(state.signals, state.telling, strict=True) if telling],
        "signals": dict(zip(state.signals, rows.tolist(), strict=True)),
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
    rows = np.array([body["signals"][name] for name in names], dtype=np.float64)
    if not names or rows.shape != (len(names), _end(effects)) or not np.isfinite(rows).all():
        raise BrokenState("it cannot be read")
    if type(looks) is not int or looks < 1 or body["against"] not in ("stable", "baseline"):
        raise BrokenState("it cannot be read")
    if at is not None and at.tzinfo is None:
        raise BrokenState("its time has no zone")
    columns = rows.T
    if columns[_COUNTED].min() < 0:
        raise BrokenState("it has negative counts")
    points = len(Counts._fields) + len(effects.ratios)
    return State(
        signals=names,
        telling=np.array([name in telling for name in names]),
        tally=Tally(
            totals=Counts(*columns[: len(Counts._fields)]),
            points=rows[:, len(Counts._fields) : points],
            gross=rows[:, points : points + len(gross.RATES)],
            dispersion=Dispersion(*columns[-len(Dispersion._fields) :]),
        ),
        looks=looks,
        against=body["against"],
        at=at,
    )


def _end(effects: Effects) -> int:
    return len(Counts._fields) + len(effects.ratios) + len(gross.RATES) + len(Dispersion._fields)


def _bounds(effects: Effects) -> list[float]:
    return [effects.max_ratio, effects.prove_ratio]
