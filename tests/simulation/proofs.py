"""What the steps of a canary, and the checks of blue/green, asked for before they were left. Pure."""

from datetime import timedelta
from fractions import Fraction

from rollouts.api.meta import Object, parse_time
from rollouts.embedded.virtual_time import START
from tests.simulation.past import Past
from tests.simulation.view import POLICIES, Run, View


def unfinished(before: View, after: View, past: Past) -> str:
    """What the step before still lacked when it was left; empty if it was done."""
    match before.steps[before.index]:
        case {"analysis": asked}:
            return _analysis(asked, before, after, past)
        case {"pause": asked}:
            return _pause(asked, before, after, past)
        case {"setWeight": weight} if after.routed and past.moved_at <= past.doubt(after.now):
            carried = Fraction(weight, 100) in past.shown(after.now)
            return "" if carried else f"setWeight {weight}, and the route did not carry it"
    return ""


def _analysis(asked: Object, before: View, after: View, past: Past) -> str:
    mine = [run for run in after.runs if (run.hash, run.step) == (before.current, str(before.index))]
    if any(_passed_over(after, run) for run in mine):
        return ""
    if "advance" not in asked:
        proven = any(lets_go_on(after, run) for run in mine) or said(before, "canary", "currentStep")
        return "" if proven else "and its analysis did not succeed"
    if asked.get("onInconclusive") == "continue":
        return ""  # which may have been unproven for too long
    proofs = [run for run in mine if run.proven and not run.cut_short]
    if not proofs:
        return "and its analysis has not proven the version good"
    early = all(_early(asked, run.started, after, past) for run in proofs)
    return f"and its analysis had not lasted {asked['atLeast']}" if early else ""


def _pause(asked: Object, before: View, after: View, past: Past) -> str:
    if "duration" not in asked and "advance" not in asked:
        return "a pause without end, and nobody had promoted"
    begun = [each["startTime"] for each in before.status.get("pauseConditions") or ()]
    if "duration" in asked:
        if not begun:
            return f"a pause of {asked['duration']} that had not begun"
        lasted = _lasted(begun[0], after, past)
        early = lasted < float(str(asked["duration"]).removesuffix("s")) - 1
        return f"a pause of {asked['duration']}, after {lasted:g} s" if early else ""
    if not begun:
        return "a pause until the version is proven good that had not begun"
    beside = [run for run in after.runs if (run.hash, run.type) == (before.current, "Background")]
    if not any(run.proven and not run.cut_short for run in beside):
        return "a pause until the version is proven good, and it is not"
    early = _early(asked, begun[0], after, past)
    return f"a pause of at least {asked['atLeast']}" if early else ""


def _early(asked: Object, since: str, view: View, past: Past) -> bool:
    least = float(asked.get("atLeast", "0s").removesuffix("s"))
    return _lasted(since, view, past) < least - 1 and not past.jumped


def _lasted(since: str, view: View, past: Past) -> float:
    """The seconds since a time that the controllers wrote, by their clock."""
    now = START + timedelta(seconds=view.now + past.skew)
    return (now - parse_time(since)).total_seconds() if since else 0.0


def lets_go_on(view: View, run: Run) -> bool:
    """Whether a run succeeded by itself, or came to what the spec passes over."""
    return (run.phase == "Successful" and not run.cut_short) or _passed_over(view, run)


def _passed_over(view: View, run: Run) -> bool:
    return run.phase in POLICIES and view.outcome(run) == "continue"


def said(view: View, half: str, kind: str) -> bool:
    """Whether status holds that an analysis lets the update go on whose run somebody has deleted since."""
    ref = (view.status.get(half) or {}).get(f"{kind}AnalysisRunStatus") or {}
    phase, field = ref.get("status"), {"blueGreen": "prePromotionAnalysis"}.get(half, "analysis")
    step = view.steps[view.index] if half == "canary" and view.index < len(view.steps) else view.strategy
    policy, _ = POLICIES.get(str(phase), ("", ""))
    return phase == "Successful" or bool(policy and (step.get(field) or {}).get(policy) == "continue")
