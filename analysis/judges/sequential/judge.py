"""The sequential judge: from what it remembers and one more look to a verdict. Pure; the time comes in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from analysis.judges.sequential import counts, state, tally
from analysis.judges.sequential.counts import ERRORS, BadCounts, Look, NoTraffic, Signal
from analysis.judges.sequential.state import BrokenState, State
from analysis.judges.sequential.tally import Counts
from analysis.judges.sequential.verdict import Outcome, Terms, explain, findings, outcome
from rollouts.api.analysis import Evidence
from rollouts.api.judges import SequentialJudge

MOST_EDGES = 16
"""Of a histogram with more, so many are taken, evenly; the state stays small."""
TELLING = 0.01, 0.5
"""Of the requests of the reference, this share must be above an edge for it to have a part in the proof."""

Fate = Literal["counted", "noData", "invalid", "late"]
"""What becomes of a look: only a counted one changes anything. `noData`: an arm had no requests; `invalid`:
the value is no counts; `late`: it is not newer than the last one that counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
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
    before, note = _remembered(terms, memory)
    kept = memory if before is not None else ""
    if before is not None and before.at is not None and at <= before.at:
        reason = f"the look of {at.isoformat()} is not newer than that of {before.at.isoformat()}; left out"
        return kept, _verdict(terms, before, "late", reason)
    try:
        after, dropped = _add(terms, before, counts.read(value), at)
    except NoTraffic as error:
        return kept, _verdict(terms, before, "noData", f"{note}{error}")
    except BadCounts as error:
        return kept, _verdict(terms, before, "invalid", f"{note}{error}")
    return state.write(terms.effects, after), _verdict(terms, after, "counted", f"{note}{dropped}")


def _remembered(terms: Terms, memory: str) -> tuple[State | None, str]:
    if not memory:
        return None, ""
    try:
        return state.read(terms.effects, memory), ""
    except BrokenState as error:
        return None, f"started anew, for what the judge remembers is of no use: {error}; "


def _verdict(terms: Terms, seen: State | None, look: Fate, reason: str) -> Verdict:
    if seen is None:
        return Verdict(look=look, outcome="undecided", reason=reason, evidence=None)
    found = findings(terms, seen)
    evidence = explain(terms, seen, found)
    if look == "counted":
        reason += evidence.reason
    return Verdict(look=look, outcome=outcome(terms, found), reason=reason, evidence=evidence)


def _add(terms: Terms, before: State | None, look: Look, at: datetime) -> tuple[State, str]:
    """The state with this look, and a word about what had to be left out.

    Raises:
        BadCounts: the look has nothing of what the looks before had.
    """
    seen = before or _begin(terms, look)
    found = [look.signals.get(name) for name in seen.signals]
    known = [name for name in seen.signals if name in look.signals]
    if not known:
        raise BadCounts(f"counts of {', '.join(look.signals)} cannot join those of {', '.join(seen.signals)}")
    columns = [[getattr(each, field) if each else 0.0 for each in found] for field in Counts._fields]
    of_errors = np.array([name == ERRORS for name in seen.signals])
    total = tally.add(
        terms.effects,
        seen.tally,
        Counts(*(np.array(column) for column in columns)),
        counts.EXTRAPOLATED if look.fractional else 1.0,
        tally.kinds(of_errors, np.array(before is None)),
    )
    if before is None and ERRORS not in seen.signals:
        total = tally.gather(total)
    after = State(
        signals=seen.signals,
        telling=seen.telling,
        tally=total,
        looks=seen.looks + 1,
        against=look.against,
        at=at,
    )
    return after, "" if len(known) == len(found) else f"only {', '.join(known)} could be compared this time; "


def _begin(terms: Terms, look: Look) -> State:
    edges = [name for name in look.signals if name != ERRORS]
    if len(edges) > MOST_EDGES:
        places = np.linspace(0, len(edges) - 1, MOST_EDGES).round().astype(int)
        edges = [edges[place] for place in places]
    names = (*([ERRORS] if ERRORS in look.signals else []), *edges)
    telling = np.array([name == ERRORS or _is_telling(look.signals[name]) for name in names])
    return State(names, telling, tally.nothing(terms.effects, (len(names),)))


def _is_telling(edge: Signal) -> bool:
    least, most = TELLING
    return least * edge.reference_requests <= edge.reference_bad < most * edge.reference_requests
