"""`.status.phase` and `.status.message`: what users and other tools read first. First match wins."""

from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutStatus
from strategies import pauses, position, replicas

DEGRADED_REASONS = frozenset({"RolloutAborted", "ProgressDeadlineExceeded"})
PASSED_OVER = "AnalysisPassedOver"
"""Additive to upstream, a condition: the update goes on in spite of an analysis, as the spec says."""


def phase(rollout: Rollout, status: RolloutStatus, doubt: str = "") -> tuple[str, str]:
    """Phase and message of a rollout whose status is otherwise complete; `doubt` tells of its analyses."""
    for condition in sorted(status.conditions, key=lambda each: each.type != "InvalidSpec"):
        if condition.type == "InvalidSpec":
            return "Degraded", f"InvalidSpec: {condition.message}"
        if condition.reason in DEGRADED_REASONS:
            return "Degraded", f"{condition.reason}: {condition.message}"
    if rollout.spec.paused:
        return "Paused", "manually paused"
    if status.pause_conditions:
        return "Paused", paused(rollout, status, doubt)
    waiting = unfinished(rollout, status)
    if not waiting:
        return "Healthy", ""
    over = next((each.message for each in status.conditions if each.type == PASSED_OVER), "")
    return "Progressing", f"{waiting}; goes on although {over}" if over else waiting


def paused(rollout: Rollout, status: RolloutStatus, doubt: str) -> str:
    """What a rollout with pause conditions waits for: where upstream has the reason, that and no more."""
    reasons = [each.reason for each in status.pause_conditions]
    judged = next((each for each in reasons if each in pauses.VERDICTS - {pauses.INCONCLUSIVE}), "")
    if judged:
        return f"{judged}: {doubt}; promote to try again, or abort" if doubt else judged
    at = position.current(rollout)
    pause = at[1].pause if at is not None else None
    if pause is None or not pause.advance:
        return reasons[0]
    missing = reasons[0] == pauses.UNPROVEN_STEP
    return f"{reasons[0]}: " + ("no proof came, promote or abort" if missing else "until proven good")


def unfinished(rollout: Rollout, status: RolloutStatus) -> str:
    """What an update that nothing holds up still waits for; empty when it is done."""
    return unserved(rollout, status) or _unverified(rollout, status)


def unserved(rollout: Rollout, status: RolloutStatus) -> str:
    """What is missing until the new version serves alone, or, of a canary, until the update is done."""
    if rollout.spec.restart_at is not None and rollout.spec.restart_at != status.restarted_at:
        return "rollout is restarting"
    if status.updated_replicas < replicas.wanted(rollout):
        return "more replicas need to be updated"
    if status.available_replicas < status.updated_replicas:
        return "updated replicas are still becoming available"
    if rollout.spec.strategy.blue_green is not None:
        is_cut_over = status.blue_green.active_selector == status.current_pod_hash
        return "" if is_cut_over else "active service cutover pending"
    canary = rollout.spec.strategy.canary
    # With traffic routing the old pods stay for the scale-down delay, which is no unfinished work.
    routed = canary is not None and canary.traffic_routing is not None
    if not routed and status.replicas > status.updated_replicas:
        return "old replicas are pending termination"
    return "" if promoted(status) else "waiting for all steps to complete"


def _unverified(rollout: Rollout, status: RolloutStatus) -> str:
    if promoted(status):
        return ""
    blue_green, ref = rollout.spec.strategy.blue_green, status.blue_green.post_promotion_analysis_run_status
    is_judged = blue_green is not None and blue_green.post_promotion_analysis is not None
    if is_judged and (ref is None or ref.status in {"", "Pending", "Running"}):
        return "waiting for analysis to complete"
    return "waiting for post-promotion verification to complete"


def promoted(status: RolloutStatus) -> bool:
    """Whether the current version is the stable one."""
    return bool(status.stable_rs) and status.stable_rs == status.current_pod_hash
