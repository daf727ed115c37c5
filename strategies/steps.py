"""When each kind of canary step is done: one planner for each, and the table that names them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutStatus
from strategies import analyses, pauses, replicas
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
    return Step(done=replicas.reached(seen, roles) and _carried(seen))


def plan_set_canary_scale(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the pods are there."""
    del now
    return Step(done=replicas.reached(seen, roles))


def plan_pause(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the time is over, or when a user took the pause away."""
    del roles
    at = current(seen.rollout)
    pause = at[1].pause if at is not None else None
    waited = pauses.wait(seen.rollout.status, pauses.CANARY_STEP, pauses.length(pause), now)
    return Step(done=waited.over, paused=waited.status, requeue_after=waited.requeue_after)


def plan_analysis(seen: Observed, roles: Roles, now: datetime) -> Step:
    """Done when the step's own run succeeded; failure and doubt are guarded before any step."""
    del roles, now
    ref, at = seen.rollout.status.canary.current_step_analysis_run_status, current(seen.rollout)
    if ref is None or at is None:
        return Step()
    # The run is believed, not the copy of its phase in the rollout's status; unless someone deleted the run.
    run = next((run for run in seen.runs if run.name == ref.name), None)
    if run is None:
        return Step(done=ref.status == "Successful" and analyses.is_of_step(ref, at[0]))
    return Step(done=run.phase == "Successful" and run.step_index == at[0])


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
