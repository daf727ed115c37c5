"""The steps of a canary, with a mark at the current one."""

from datetime import datetime, timedelta

from rollouts.api.duration import parse_duration
from rollouts.api.meta import Object, parse_time
from rollouts.cli.tree.age import short
from rollouts.cli.tree.icons import GOOD
from rollouts.client.rollout_view import RolloutView


def steps(rollout: RolloutView, now: datetime) -> str:
    """List them; empty without steps."""
    if rollout.step is None:
        return ""
    lines = []
    for index, step in enumerate(rollout.steps):
        current = index == rollout.step and not rollout.aborted
        mark = "▶" if current else GOOD if index < rollout.step else " "
        left = _left(rollout, step, now) if current else ""
        lines.append(f"  {mark} {index + 1:>2}  {describe(step)}{left}".rstrip())
    return "Steps:\n" + "\n".join(lines)


def describe(step: Object) -> str:
    """One step in a few words."""
    kind = next(iter(step), "")
    body = step.get(kind) or {}
    if kind == "pause":
        duration = body.get("duration")
        return "pause" if duration is None else f"pause {_text(duration)}"
    if kind == "analysis":
        names = [t.get("templateName", "") for t in body.get("templates") or ()]
        return f"analysis {', '.join(names)}"
    if kind == "setCanaryScale":
        if body.get("matchTrafficWeight"):
            return "setCanaryScale as the weight"
        size = f"{body['weight']} %" if "weight" in body else str(body.get("replicas", ""))
        return f"setCanaryScale {size}"
    if isinstance(body, dict):
        return f"{kind} {body.get('name', '')}".rstrip()
    return f"{kind} {step[kind]}"


def _left(rollout: RolloutView, step: Object, now: datetime) -> str:
    if "pause" not in step:
        return ""
    duration = (step["pause"] or {}).get("duration")
    if duration is None:
        return ", until promoted"
    started = [
        c["startTime"]
        for c in rollout.status.get("pauseConditions") or ()
        if c["reason"] == "CanaryPauseStep"
    ]
    if not started:
        return ""
    end = parse_time(started[0]) + parse_duration(_text(duration))
    return f", {short(max(timedelta(), end - now))} left"


def _text(duration: int | str) -> str:
    """A bare number means seconds."""
    text = str(duration)
    return f"{text}s" if text.isdigit() else text
