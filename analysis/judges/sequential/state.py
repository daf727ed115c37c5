"""What the judge remembers from look to look, as a short JSON text for the status of a run. Pure.

The text says which judge wrote it: with other bounds, another form, or after a hand has been at it, it is not
believed, and the test starts anew. That costs evidence and never adds any.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from analysis.judges.sequential import gross
from analysis.judges.sequential.dispersion import Dispersion
from analysis.judges.sequential.effects import Effects
from analysis.judges.sequential.tally import Counts, Flags, Tally

VERSION = 1
GREATEST_TEXT = 64 * 1024
"""Longer is not ours."""


class BrokenState(ValueError):
    """The text is no state of this judge; the message says why."""


@dataclass(frozen=True, slots=True)
class State:
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
    seen = state.tally
    body = {
        "version": VERSION,
        "ratios": _bounds(effects),
        "looks": state.looks,
        "against": state.against,
        "at": state.at.isoformat() if state.at else None,
        "signals": {
            name: {
                "counts": [_short(array[place]) for array in seen.totals],
                "harm": [_short(value) for value in seen.harm[place]],
                "grid": [_short(value) for value in seen.grid[place]],
                "telling": bool(state.telling[place]),
                "proof": [_short(value) for value in seen.proof[place]],
                "gross": [_short(value) for value in seen.gross[place]],
                "dispersion": [_short(array[place]) for array in seen.dispersion],
            }
            for place, name in enumerate(state.signals)
        },
    }
    return json.dumps(body, separators=(",", ":"))


def read(effects: Effects, text: str) -> State:
    """The state of a text.

    Raises:
        BrokenState: it is none, or that of a judge with other bounds.
    """
    if len(text) > GREATEST_TEXT:
        raise BrokenState(f"it has {len(text)} characters, more than {GREATEST_TEXT}")
    try:
        body = json.loads(text)
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
    names = tuple(body["signals"])
    entries = [body["signals"][name] for name in names]
    at = datetime.fromisoformat(body["at"]) if body["at"] is not None else None
    looks = body["looks"]
    if not names or not isinstance(looks, int) or looks < 1 or body["against"] not in ("stable", "baseline"):
        raise BrokenState("it cannot be read")
    if at is not None and at.tzinfo is None:
        raise BrokenState("its time has no zone")
    counts = _array([entry["counts"] for entry in entries], (len(names), len(Counts._fields)))
    spread = _array([entry["dispersion"] for entry in entries], (len(names), len(Dispersion._fields)))
    if (counts < 0).any() or (np.delete(spread, Dispersion._fields.index("open_residual"), axis=1) < 0).any():
        raise BrokenState("it has negative counts")
    telling = [entry["telling"] for entry in entries]
    if not all(isinstance(each, bool) for each in telling):
        raise BrokenState("it cannot be read")
    return State(
        signals=names,
        telling=np.array(telling),
        tally=Tally(
            totals=Counts(*counts.T),
            harm=_array([entry["harm"] for entry in entries], (len(names), len(effects.worse))),
            grid=_array([entry["grid"] for entry in entries], (len(names), len(effects.grid))),
            proof=_array([entry["proof"] for entry in entries], (len(names), len(effects.good))),
            gross=_array([entry["gross"] for entry in entries], (len(names), len(gross.RATES))),
            dispersion=Dispersion(*spread.T),
        ),
        looks=looks,
        against=body["against"],
        at=at,
    )


def _bounds(effects: Effects) -> list[float]:
    return [effects.max_ratio, effects.prove_ratio]


def _array(rows: list[Any], shape: tuple[int, int]) -> np.ndarray:
    array = np.array(rows, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise BrokenState("it cannot be read")
    return array


def _short(value: float) -> float | int:
    """Whole numbers without `.0`."""
    number = float(value)
    return int(number) if math.isfinite(number) and number == int(number) and abs(number) < 1e15 else number
