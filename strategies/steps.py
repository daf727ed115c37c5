"""When each kind of canary step is done: one planner for each, and the table that names them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.canary import RolloutPause, StepAnalysis
from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutStatus
from strategies import baseline, pauses, replicas, verdicts
from strategies.model import Observed
from strategies.position import canary, current, kind, weight
from strategies.revisions import Roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step planner answers."""

    done: bool = False
    paused: RolloutStatus | None = None
    """The status whose pauses are to be remembered; None leaves them as they are."""
    requeue_after: timedelta | None = None


def plan_set_weight(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the pods are there and the routers were seen to carry the weight."""
    del now  # nothing here is waited for by the clock
    return Step(done=replicas.reached(seen, roles) and _carried(seen) and baseline.carried(seen, roles))


def plan_set_canary_scale(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the pods are there."""
    del now
    return Step(done=replicas.reached(seen, roles) and baseline.ready(seen, roles))


def plan_pause(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the time is over, or when a user took the pause away."""
    del roles
    at = current(seen.rollout)
    pause = at[1].pause if at is not None else None
    if pause is not None and pause.advance:
        return _pause_by_evidence(seen, pause, now)
    waited = pauses.wait(seen.rollout.status, pauses.CANARY_STEP, pauses.length(pause), now)
    return Step(done=waited.over, paused=waited.status, requeue_after=waited.requeue_after)


def plan_analysis(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the step's own run succeeded; failure and doubt are guarded before any step."""
    del roles
    at = current(seen.rollout)
    analysis = at[1].analysis if at is not None else None
    if analysis is None or not analysis.advance:
        return Step(done=verdicts.good(seen, "Step", now))
    return _analysis_by_evidence(seen, analysis, now)


def _analysis_by_evidence(seen: Observed, analysis: StepAnalysis, now: datetime) -> Step:
    """Done once the run has proven the version good, and has lasted for atLeast.

    Without proof it is held, until atMost makes it a verdict; the run ends with its step.
    """
    if any(each.kind == "Step" for each in verdicts.passed_over(seen, now)):
        return Step(done=True)
    start = verdicts.started(seen, "Step")
    if start is None:
        return Step()
    if verdicts.evidence(seen, "Step") != "proven":
        return Step(requeue_after=_left(start, pauses.span(analysis.at_most), now))
    left = _left(start, pauses.span(analysis.at_least), now)
    return Step(done=left is None, requeue_after=left)


def _pause_by_evidence(seen: Observed, pause: RolloutPause, now: datetime) -> Step:
    """Done once the background analysis has proven the version good, and the pause has lasted for atLeast.

    Without proof it is held; from atMost on, and once no proof can come any more, it is for a human to end.
    """
    status = seen.rollout.status
    if pauses.since(status, pauses.UNPROVEN_STEP) is not None:
        return Step()
    waited = pauses.wait(status, pauses.CANARY_STEP, None, now)
    start = pauses.since(status, pauses.CANARY_STEP)
    if waited.over or start is None:
        return Step(done=waited.over, paused=waited.status)
    proof, longest = verdicts.evidence(seen, "Background"), pauses.span(pause.at_most)
    if proof == "proven":
        left = _left(start, pauses.span(pause.at_least), now)
        return Step(done=left is None, requeue_after=left)
    left = _left(start, longest, now)
    if proof == "ended" or (longest is not None and left is None):
        alone = pauses.leave(status, pauses.CANARY_STEP)
        return Step(paused=pauses.enter(alone, pauses.UNPROVEN_STEP, now))
    return Step(requeue_after=left)


def _left(start: datetime, length: timedelta | None, now: datetime) -> timedelta | None:
    """What is left of a length of time; None if nothing is, or if it has none."""
    left = start + length - now if length is not None else timedelta()
    return left if left > timedelta() else None


StepPlanner = Callable[[Observed, Roles, datetime], Step]

STEP_PLANNERS: Mapping[str, StepPlanner] = {
    "setWeight": plan_set_weight,
    "pause": plan_pause,
    "setCanaryScale": plan_set_canary_scale,
    "analysis": plan_analysis,
}


def unsupported(rollout: Rollout) -> tuple[str, ...]:
    """Steps that no planner knows, each by its field."""
    return tuple(
        f".spec.strategy.canary.steps[{index}].{kind(step)}: this step is not supported; "
        f"use one of {', '.join(STEP_PLANNERS)}"
        for index, step in enumerate(canary(rollout).steps)
        if kind(step) not in STEP_PLANNERS
    )


def _carried(seen: Observed) -> bool:
    """Whether the routers carry the weight that the steps ask for."""
    if canary(seen.rollout).traffic_routing is None:
        return True
    if seen.weights is None or seen.weights.verified is False:
        return False
    return seen.weights.canary == weight(seen.rollout)
