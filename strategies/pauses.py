"""Pauses: entered by the engine, left by the clock or by a user who removes the entry from status.

`controllerPause` says that the engine paused; with no entry left beside it, a user has resumed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.canary import RolloutPause
from rollouts.api.duration import parse_duration
from rollouts.api.rollout_status import PauseCondition, RolloutStatus

CANARY_STEP = "CanaryPauseStep"
BLUE_GREEN = "BlueGreenPause"
INCONCLUSIVE = "InconclusiveAnalysisRun"
UNPROVEN_STEP = "UnprovenPauseStep"
"""Additive to upstream: the pause was to end with a proof, none came in time, and a human is waited for."""
VERDICTS = frozenset(
    {
        INCONCLUSIVE,
        "FailedAnalysisRun",
        "ErrorAnalysisRun",
        "UnprovenAnalysisRun",
        "TerminatedAnalysisRun",
    }
)
"""Reasons of an analysis that is for a human to judge; upstream has the first alone. They hold everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How a pause stands."""

    over: bool
    status: RolloutStatus
    requeue_after: timedelta | None = None


def length(pause: RolloutPause | None) -> timedelta | None:
    """How long a pause lasts; None has no end."""
    if pause is None or pause.duration is None:
        return None
    text = str(pause.duration)
    return timedelta(seconds=int(text)) if text.lstrip("+-").isdigit() else parse_duration(text)


def span(text: str) -> timedelta | None:
    """A duration such as `5m`; None for none, and for text that is none, which validation tells of."""
    try:
        return parse_duration(text) if text else None
    except ValueError:
        return None


def since(status: RolloutStatus, reason: str) -> datetime | None:
    """When the pause of that reason began; None if there is none."""
    return next((each.start_time for each in status.pause_conditions if each.reason == reason), None)


def left(status: RolloutStatus, reason: str, duration: timedelta | None, now: datetime) -> timedelta | None:
    """What is left of the pause of that reason, below 0 when it is over; None if it has no end, or is not."""
    start = since(status, reason)
    return start + duration - now if start is not None and duration is not None else None


def wait(status: RolloutStatus, reason: str, duration: timedelta | None, now: datetime) -> Wait:
    """Enter a pause, stay in it, or leave it."""
    start = since(status, reason)
    if start is None and status.controller_pause:
        return Wait(over=True, status=leave(status, reason))
    if start is None:
        return Wait(over=False, status=enter(status, reason, now), requeue_after=duration)
    rest = left(status, reason, duration, now)
    if rest is None or rest > timedelta():
        return Wait(over=False, status=status, requeue_after=rest)
    return Wait(over=True, status=leave(status, reason))


def enter(status: RolloutStatus, reason: str, now: datetime) -> RolloutStatus:
    """The status with the pause added; its start is kept if it is there already."""
    if since(status, reason) is not None:
        return status
    # Kubernetes times have whole seconds, and what is written must equal what is read back.
    added = PauseCondition(reason=reason, start_time=now.replace(microsecond=0))
    conditions = (*status.pause_conditions, added)
    return status.model_copy(update={"pause_conditions": conditions, "controller_pause": True})


def leave(status: RolloutStatus, reason: str) -> RolloutStatus:
    """The status without the pause; the engine no longer pauses once the last one is gone."""
    left = tuple(each for each in status.pause_conditions if each.reason != reason)
    return status.model_copy(update={"pause_conditions": left, "controller_pause": bool(left)})


def clear(status: RolloutStatus) -> RolloutStatus:
    """The status without any pause."""
    return status.model_copy(update={"pause_conditions": (), "controller_pause": False})


def of_canary(status: RolloutStatus) -> RolloutStatus:
    """The status without what a blue/green waited for, if that is what the rollout was until now."""
    return _without(status, frozenset({BLUE_GREEN}))


def of_blue_green(status: RolloutStatus) -> RolloutStatus:
    """The status without what a canary's step waited for, if that is what the rollout was until now.

    Left there, it would look as if a user had ended the pause before the switch.
    """
    return _without(status, frozenset({CANARY_STEP, UNPROVEN_STEP}))


def _without(status: RolloutStatus, reasons: frozenset[str]) -> RolloutStatus:
    left = tuple(each for each in status.pause_conditions if each.reason not in reasons)
    if len(left) == len(status.pause_conditions):
        return status
    return status.model_copy(update={"pause_conditions": left, "controller_pause": bool(left)})


def as_in(other: RolloutStatus, status: RolloutStatus) -> RolloutStatus:
    """The status with the pauses of another."""
    return status.model_copy(
        update={"pause_conditions": other.pause_conditions, "controller_pause": other.controller_pause}
    )


def resumed(status: RolloutStatus) -> bool:
    """A user took away what the engine paused for."""
    return status.controller_pause and not status.pause_conditions
