"""The sequential judge: from what it remembers and one more look to a verdict. Pure; the time comes in."""

from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np

from analysis.judges.sequential import counts, state, tally
from analysis.judges.sequential.counts import ERRORS, BadCounts, Counts, Look, NoTraffic
from analysis.judges.sequential.effects import Effects
from analysis.judges.sequential.state import BrokenState, State
from analysis.judges.sequential.verdict import Outcome, Terms, explain, findings, outcome
from rollouts.api.analysis import Evidence
from rollouts.api.judges import SequentialJudge

MOST_EDGES = 16
"""Of a histogram with more, so many are taken, evenly; the state stays small."""
TELLING = 0.01, 0.5
"""Of the requests of the reference, this share must be above an edge for it to have a part in the proof."""
_NOTHING = Counts(0.0, 0.0, 0.0, 0.0)

Fate = Literal["counted", "noData", "invalid", "late"]
"""What becomes of a look: only a counted one changes anything. `noData`: an arm had no requests; `invalid`:
the value is no counts; `late`: it is not newer than the last one that counted."""


class Verdict(NamedTuple):
    """What one look changed, and what all of them come to."""

    look: Fate
    """What became of this look."""
    outcome: Outcome
    """What all looks that count come to."""
    reason: str
    """One sentence: why this look does not count, or what the verdict rests on."""
    evidence: Evidence | None
    """What the verdict rests on; None before the first look that counts."""


def judge(spec: SequentialJudge, alpha: float, memory: str, value: str, at: datetime) -> tuple[str, Verdict]:
    """Take one look. Whatever the value and the memory are, this returns.

    Args:
        spec: The judge of the metric.
        alpha: The metric's share of the rate of false alarms, above 0 and below 1.
        memory: What the look before returned; empty before the first.
        value: What the provider measured for the time since the last look that counted.
        at: When it did, with a time zone.

    Returns:
        What to remember, to be written together with the measurement so that a look counts exactly once, and
        the verdict. A memory that cannot be read is dropped and the test starts anew; the reason says so.
    """
    terms = Terms(spec, alpha)
    effects = terms.effects
    before, note = _remembered(effects, memory)
    kept = memory if before is not None else ""
    if before is not None and before.at is not None and at <= before.at:
        reason = f"the look of {at.isoformat()} is not newer than that of {before.at.isoformat()}; left out"
        return kept, _verdict(terms, before, "late", reason)
    try:
        after, dropped = _add(effects, before, counts.read(value), at)
    except NoTraffic as error:
        return kept, _verdict(terms, before, "noData", f"{note}{error}")
    except BadCounts as error:
        return kept, _verdict(terms, before, "invalid", f"{note}{error}")
    return state.write(effects, after), _verdict(terms, after, "counted", f"{note}{dropped}")


def _remembered(effects: Effects, memory: str) -> tuple[State | None, str]:
    if not memory:
        return None, ""
    try:
        return state.read(effects, memory), ""
    except BrokenState as error:
        return None, f"started anew, for what the judge remembers is of no use: {error}; "


def _verdict(terms: Terms, seen: State | None, look: Fate, reason: str) -> Verdict:
    if seen is None:
        return Verdict(look=look, outcome="undecided", reason=reason, evidence=None)
    found = findings(terms, seen)
    told = outcome(terms, found)
    evidence = explain(terms, seen, found, told)
    if look == "counted":
        reason += evidence.reason
    return Verdict(look=look, outcome=told, reason=reason, evidence=evidence)


def _add(effects: Effects, before: State | None, look: Look, at: datetime) -> tuple[State, str]:
    """The state with this look, and a word about what had to be left out.

    Raises:
        BadCounts: the look has nothing of what the looks before had.
    """
    seen = before or _begin(effects, look)
    known = [name for name in seen.signals if name in look.signals]
    if not known:
        raise BadCounts(f"counts of {', '.join(look.signals)} cannot join those of {', '.join(seen.signals)}")
    scale, of_errors = counts.EXTRAPOLATED if look.fractional else 1.0, counts.of_errors(seen.signals)
    total = tally.add(effects, seen.tally, _aligned(look, seen.signals), scale, of_errors)
    if before is None:
        total = tally.begun(total, of_errors)
    after = State(seen.signals, seen.telling, total, seen.looks + 1, look.against, at)
    dropped = len(known) < len(seen.signals)
    return after, f"only {', '.join(known)} could be compared this time; " if dropped else ""


def _begin(effects: Effects, look: Look) -> State:
    edges = [name for name in look.signals if name != ERRORS]
    if len(edges) > MOST_EDGES:
        places = np.linspace(0, len(edges) - 1, MOST_EDGES).round().astype(int)
        edges = [edges[place] for place in places]
    names = (*([ERRORS] if ERRORS in look.signals else []), *edges)
    telling = [name == ERRORS or _is_telling(look.signals[name]) for name in names]
    if len(names) == 1:
        return State(names, telling[0], tally.nothing(effects))
    return State(names, np.array(telling), tally.nothing(effects, (len(names),)))


def _aligned(look: Look, signals: tuple[str, ...]) -> Counts:
    """What was counted, in the order of the signals; nothing where the look lacks one."""
    found = [look.signals.get(name, _NOTHING) for name in signals]
    return found[0] if len(found) == 1 else Counts(*np.array(found).T)


def _is_telling(edge: Counts) -> bool:
    low, high = (share * edge.reference_requests for share in TELLING)
    return bool(low <= edge.reference_bad < high)
