"""What the analyses under way came to where that is no plain success, and what the spec says to do about it.

A run is believed, not the copy of its phase in the rollout's status; unless someone deleted the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollouts.api.canary import RolloutAnalysis, StepAnalysis
from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import AnalysisRunStatusRef, RolloutStatus
from strategies import analyses, pauses, position
from strategies.model import AnalysisRun, Observed, RunType
from strategies.revisions import FINISHED

Says = Literal["Failed", "Error", "Inconclusive", "Unproven", "Terminated"]
Outcome = Literal["abort", "pause", "continue"]

_NAMES: Mapping[RunType, str] = {
    "Step": "Step-based analysis",
    "Background": "Background analysis",
    "PrePromotion": "Blue/green pre-promotion analysis",
    "PostPromotion": "Blue/green post-promotion analysis",
}
_DEFAULTS: Mapping[Says, tuple[str, Outcome]] = {
    "Failed": ("on_failure", "abort"),
    "Error": ("on_error", "abort"),
    "Inconclusive": ("on_inconclusive", "pause"),
    "Unproven": ("on_inconclusive", "pause"),
}
"""The field that says what to do, and what is done where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an analysis came to, and what follows from it."""

    kind: RunType
    run: str
    """Its name."""
    says: Says
    """`Unproven`: it was to prove the version good, and did not. `Terminated`: somebody ended it."""
    message: str
    outcome: Outcome
    news: bool
    """Status does not tell of it yet."""

    @property
    def reason(self) -> str:
        """The reason of the pause that it gives."""
        return f"{self.says}AnalysisRun"

    @property
    def sentence(self) -> str:
        """What there is to say of it."""
        said = {"Unproven": "has not proven the version good", "Terminated": "was ended before its time"}
        told = f'AnalysisRun "{self.run}" {said.get(self.says, f"is {self.says}")}'
        return f"{told}: {self.message}" if self.message else told


def found(seen: Observed, now: datetime) -> tuple[Verdict, ...]:
    """The verdicts of the runs that status names; none of those that run on, or succeeded."""
    judged = (_judged(seen, kind, now) for kind in _NAMES)
    return tuple(verdict for verdict in judged if verdict is not None)


def why_abort(seen: Observed, now: datetime) -> str:
    """The message to abort with; empty while no analysis asks for that."""
    for verdict in found(seen, now):
        if verdict.outcome == "abort":
            what = "error/failed" if verdict.says in {"Failed", "Error"} else "inconclusive"
            told = f"{_NAMES[verdict.kind]} phase {what}"
            return f"{told}: {verdict.message}" if verdict.message else told
    return ""


def in_doubt(seen: Observed, now: datetime) -> tuple[Verdict, ...]:
    """The verdicts that are for a human to act on."""
    return tuple(verdict for verdict in found(seen, now) if verdict.outcome == "pause")


def passed_over(seen: Observed, now: datetime) -> tuple[Verdict, ...]:
    """The verdicts in spite of which the spec says to go on."""
    return tuple(verdict for verdict in found(seen, now) if verdict.outcome == "continue")


def good(seen: Observed, kind: RunType, now: datetime) -> bool:
    """Whether an analysis ended so that the rollout may go on: it succeeded, or the spec passes it over."""
    verdict, ref = _judged(seen, kind, now), analyses.ref_of(seen.rollout.status, kind)
    if verdict is not None or ref is None:
        return verdict is not None and verdict.outcome == "continue"
    run = _run(seen, kind, ref)
    return (run.phase if run is not None else _remembered(seen, kind, ref)) == "Successful"


def evidence(seen: Observed, kind: RunType) -> Literal["proven", "open", "ended"]:
    """Whether the run of a kind has proven the version good, may still do so, or ended without."""
    ref = analyses.ref_of(seen.rollout.status, kind)
    if ref is None:
        return "open"
    run = _run(seen, kind, ref)
    if run is not None and run.proven and not run.cut_short:
        return "proven"
    ended = run.phase if run is not None else _remembered(seen, kind, ref)
    return "ended" if ended in FINISHED else "open"


def started(seen: Observed, kind: RunType) -> datetime | None:
    """When the run of a kind began; None as long as it has not."""
    ref = analyses.ref_of(seen.rollout.status, kind)
    run = _run(seen, kind, ref) if ref is not None else None
    return run.started if run is not None else None


def without(status: RolloutStatus, verdicts: tuple[Verdict, ...]) -> RolloutStatus:
    """Forget the runs of some verdicts, so that new ones start in their place: what resuming means."""
    for verdict in verdicts:
        status = analyses.with_ref(status, verdict.kind, None)
    return status


def _judged(seen: Observed, kind: RunType, now: datetime) -> Verdict | None:
    ref = analyses.ref_of(seen.rollout.status, kind)
    if ref is None:
        return None
    run = _run(seen, kind, ref)
    says, message = _says(seen, kind, ref, run, now)
    if says is None:
        return None
    news = run is not None and run.phase != ref.status
    outcome = _outcome(_asked(seen.rollout, kind), says)
    if outcome == "continue" and run is not None and run.cut_short:
        outcome = "pause"  # what it came to says nothing
    return Verdict(kind=kind, run=ref.name, says=says, message=message, outcome=outcome, news=news)


def _says(
    seen: Observed, kind: RunType, ref: AnalysisRunStatusRef, run: AnalysisRun | None, now: datetime
) -> tuple[Says | None, str]:
    phase = run.phase if run is not None else _remembered(seen, kind, ref)
    message = run.message if run is not None else ref.message
    match phase:
        case "Failed" | "Error" | "Inconclusive":
            return phase, message
        case "Successful" if run is not None and run.cut_short:
            return "Terminated", ""
    asked = _asked(seen.rollout, kind)
    if not isinstance(asked, StepAnalysis) or not asked.advance or (run is not None and run.proven):
        return None, ""
    if phase == "Successful":
        return "Unproven", "it ended without proof" if run is not None else "it was deleted"
    longest, start = pauses.span(asked.at_most), run.started if run is not None else None
    if longest is None or start is None or now - start < longest:
        return None, ""
    return "Unproven", f"no proof within {asked.at_most}"


def _run(seen: Observed, kind: RunType, ref: AnalysisRunStatusRef) -> AnalysisRun | None:
    return next((run for _, run in analyses.runs_named(seen, (kind,)) if run.name == ref.name), None)


def _remembered(seen: Observed, kind: RunType, ref: AnalysisRunStatusRef) -> str:
    """The phase that status holds of a run that someone deleted; empty if the run is still there."""
    if any(run.name == ref.name for run in seen.runs):
        return ""  # of a step that a user went past
    at = position.current(seen.rollout)
    if kind == "Step" and (at is None or not analyses.is_of_step(ref, at[0])):
        return ""
    return ref.status


def _asked(rollout: Rollout, kind: RunType) -> RolloutAnalysis | None:
    """What the spec says of an analysis."""
    blue_green, at = rollout.spec.strategy.blue_green, position.current(rollout)
    match kind:
        case "Step":
            return at[1].analysis if at is not None else None
        case "Background":
            return position.canary(rollout).analysis
        case "PrePromotion":
            return blue_green.pre_promotion_analysis if blue_green is not None else None
        case "PostPromotion":
            return blue_green.post_promotion_analysis if blue_green is not None else None


def _outcome(asked: RolloutAnalysis | None, says: Says) -> Outcome:
    """What to do; a run that somebody ended tells nothing, and is always for a human."""
    if says == "Terminated":
        return "pause"
    field, default = _DEFAULTS[says]
    chosen: Literal["", "abort", "pause", "continue"] = getattr(asked, field) if asked is not None else ""
    return chosen or default
