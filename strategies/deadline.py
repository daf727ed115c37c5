"""Progress, and what happens when there is none for `.spec.progressDeadlineSeconds`.

Progress is a high-water mark: more pods of the current revision available at once than ever before, or a
step, a promotion or a switch. Pods that come and go are none.
"""

from datetime import datetime, timedelta

from rollouts.api.meta import Condition
from rollouts.api.rollout_status import RolloutStatus
from strategies import baseline, position, replicas
from strategies.model import Observed
from strategies.revisions import Roles

SECONDS = 600
EXCEEDED = "ProgressDeadlineExceeded"


def progressed(before: RolloutStatus, after: RolloutStatus) -> bool:
    """Whether `after` is further than `before`."""
    return (
        after.progress_replicas > before.progress_replicas
        or any(
            getattr(before, field) != getattr(after, field)
            for field in ("current_pod_hash", "current_step_hash", "current_step_index", "stable_rs")
        )
        or (
            before.blue_green.active_selector != after.blue_green.active_selector
            or before.blue_green.preview_selector != after.blue_green.preview_selector
            or _weight(before) != _weight(after)
        )
    )


def remaining(seen: Observed, roles: Roles, now: datetime) -> timedelta | None:
    """How long the update may still stand still; None while the clock does not run."""
    condition = progressing(seen.rollout.status)
    if condition is None or condition.last_update_time is None or not _waits_for_pods(seen, roles):
        return None
    if condition.reason == EXCEEDED:
        return timedelta()
    seconds = seen.rollout.spec.progress_deadline_seconds
    return condition.last_update_time + timedelta(seconds=SECONDS if seconds is None else seconds) - now


def exceeded(seen: Observed, roles: Roles, now: datetime) -> bool:
    """Whether the update stood still for too long."""
    left = remaining(seen, roles, now)
    return left is not None and left <= timedelta()


def message(seen: Observed, roles: Roles) -> str:
    """What timed out."""
    if roles.new is not None:
        return f'ReplicaSet "{roles.new.name}" has timed out progressing.'
    return f'Rollout "{seen.rollout.metadata.name}" has timed out progressing.'


def progressing(status: RolloutStatus) -> Condition | None:
    """The Progressing condition."""
    return next((each for each in status.conditions if each.type == "Progressing"), None)


def _waits_for_pods(seen: Observed, roles: Roles) -> bool:
    """Whether what the update waits for is pods or traffic; not a human, a clock or an analysis."""
    rollout, status = seen.rollout, seen.rollout.status
    if rollout.spec.paused or status.pause_conditions or status.abort:
        return False
    if roles.new is None:
        return True
    if roles.promoted or roles.stable is None:
        return roles.new.available < replicas.wanted(rollout)
    if rollout.spec.strategy.blue_green is not None:
        return roles.new.available < max(1, roles.new.desired)
    at = position.current(rollout)
    if status.promote_full or at is None or position.kind(at[1]) in {"setWeight", "setCanaryScale"}:
        return True
    run = status.canary.current_step_analysis_run_status
    # An analysis waits for its baseline before it starts; what befalls that later holds nothing up.
    return at[1].analysis is not None and (run is None or not run.status) and not baseline.ready(seen, roles)


def _weight(status: RolloutStatus) -> int | None:
    return status.canary.weights.canary.weight if status.canary.weights is not None else None
