"""The steps of a canary, with a mark at the current one."""

from datetime import datetime, timedelta

from rollouts.api.duration import parse_duration
from rollouts.api.meta import Object, parse_time
from rollouts.cli.tree.age import short
from rollouts.cli.tree.family import Family
from rollouts.cli.tree.held import held
from rollouts.cli.tree.icons import GOOD


def steps(family: Family, now: datetime) -> str:
    """List them; empty without steps."""
    rollout = family.rollout
    if rollout.step is None:
        return ""
    lines = []
    for index, step in enumerate(rollout.steps):
        current = index == rollout.step and not rollout.aborted
        mark = "▶" if current else GOOD if index < rollout.step else " "
        left = _left(family, step, now) if current else ""
        lines.append(f"  {mark} {index + 1:>2}  {describe(step)}{left}".rstrip())
    return "Steps:\n" + "\n".join(lines)


def describe(step: Object) -> str:
    """One step in a few words."""
    kind = next(iter(step), "")
    body = step.get(kind) or {}
    proven = " until proven good" if isinstance(body, dict) and body.get("advance") else ""
    if kind == "pause" and proven:
        return f"pause{proven}"
    if kind == "pause":
        duration = body.get("duration")
        return "pause" if duration is None else f"pause {_text(duration)}"
    if kind == "analysis":
        names = [t.get("templateName", "") for t in body.get("templates") or ()]
        return f"analysis {', '.join(names)}{proven}"
    if kind == "setCanaryScale":
        if body.get("matchTrafficWeight"):
            return "setCanaryScale as the weight"
        size = f"{body['weight']} %" if "weight" in body else str(body.get("replicas", ""))
        return f"setCanaryScale {size}"
    if isinstance(body, dict):
        return f"{kind} {body.get('name', '')}".rstrip()
    return f"{kind} {step[kind]}"


def _left(family: Family, step: Object, now: datetime) -> str:
    rollout, asked = family.rollout, step.get("pause") or step.get("analysis") or {}
    if asked.get("advance"):
        return held(family, step, now)
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
