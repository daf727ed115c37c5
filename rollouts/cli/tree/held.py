"""Steps that are held until the canary is proven good: how long they have been, and may be."""

from datetime import datetime

from rollouts.api.duration import parse_duration
from rollouts.api.meta import Object, parse_time
from rollouts.cli.tree.age import short
from rollouts.cli.tree.family import Family


def held(family: Family, step: Object, now: datetime) -> str:
    """What there is to say of the step under way; empty where it has not begun."""
    asked = step.get("pause") or step.get("analysis") or {}
    start = _start(family, step)
    if start is None:
        return _unproven(family)
    spent = now - start
    parts = [f"held for {short(spent)}"]
    for field, words in (("atLeast", "at least"), ("atMost", "at most")):
        left = parse_duration(asked[field]) - spent if asked.get(field) else None
        if left is not None and left.total_seconds() > 0:
            parts.append(f"{words} {short(left)} more")
    return ", " + ", ".join(parts)


def _start(family: Family, step: Object) -> datetime | None:
    status = family.rollout.status
    if "pause" in step:
        times = [
            each["startTime"]
            for each in status.get("pauseConditions") or ()
            if each["reason"] == "CanaryPauseStep"
        ]
    else:
        ref = (status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}
        times = [
            (run.get("status") or {}).get("startedAt")
            for run in family.runs
            if run["metadata"]["name"] == ref.get("name")
        ]
    return parse_time(times[0]) if times and times[0] else None


def _unproven(family: Family) -> str:
    reasons = [each["reason"] for each in family.rollout.status.get("pauseConditions") or ()]
    return ", no proof came: until promoted" if "UnprovenPauseStep" in reasons else ""
