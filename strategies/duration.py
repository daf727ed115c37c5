"""`.status.duration`: when the update began, how long humans were waited for, and how it ended.

The record stays until the next update begins, and so tells of the last one in between.
"""

from datetime import datetime

from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutDuration, RolloutStatus
from strategies import pauses, position, revisions
from strategies.model import Observed
from strategies.revisions import Roles

PROMOTED, FAST_PROMOTED, ABORTED = "Promoted", "FastPromoted", "Aborted"
ROLLED_BACK, FAST_ROLLED_BACK = "RolledBack", "FastRolledBack"
SUPERSEDED = "Superseded"
"""Never in a status: the record of the version that came instead stands there."""


def told(
    seen: Observed, roles: Roles, status: RolloutStatus, now: datetime, *, done: bool
) -> RolloutDuration | None:
    """The record as of a pass; None of an update that began before anybody kept one.

    Args:
        seen: what the pass saw.
        roles: the ReplicaSets.
        status: what is about to be written, but for the record.
        now: Kubernetes times have whole seconds, and so have these.
        done: nothing is left to do.
    """
    now = now.replace(microsecond=0)
    before = seen.rollout.status
    record, changed = before.duration, before.current_pod_hash != status.current_pod_hash
    if changed:
        record = _begun(seen, roles, now)
    elif before.aborted_at is not None and status.aborted_at is None and not roles.promoted:
        record = RolloutDuration(rollout_started_at=now)
    if record is None or record.finished_at is not None:
        return record
    if not record.completion_status and (status.promote_full or (before.promote_full and not changed)):
        record = record.model_copy(update={"completion_status": FAST_PROMOTED})
    if status.abort:
        return _finished(record, ABORTED, now)
    if done:
        return _finished(record, record.completion_status or PROMOTED, now)
    return _paused(record, now) if waits_for_a_human(seen.rollout, status) else _resumed(record, now)


def ended(before: RolloutStatus, after: RolloutStatus) -> RolloutDuration | None:
    """The record that came to its end with a write of the status, if one did.

    One that is superseded within its first second is not told from its successor.
    """
    old, new = before.duration, after.duration
    under_way = old is not None and old.finished_at is None
    if new is not None and new.finished_at is not None and (under_way or new != old):
        return new
    if old is None or new is None or not under_way or old.rollout_started_at == new.rollout_started_at:
        return None
    return _finished(old, SUPERSEDED, new.rollout_started_at or new.finished_at)


def waits_for_a_human(rollout: Rollout, status: RolloutStatus) -> bool:
    """Whether the update goes on only when somebody says so."""
    if rollout.spec.paused:
        return True
    reasons = {each.reason for each in status.pause_conditions}
    if reasons & (pauses.VERDICTS | {pauses.UNPROVEN_STEP}):
        return True
    blue_green = rollout.spec.strategy.blue_green
    if pauses.BLUE_GREEN in reasons and blue_green is not None:
        return blue_green.auto_promotion_enabled is False
    at = position.current(rollout.model_copy(update={"status": status}))
    pause = at[1].pause if at is not None else None
    ends_itself = pause is None or pause.duration is not None or bool(pause.advance)
    return pauses.CANARY_STEP in reasons and not ends_itself


def _begun(seen: Observed, roles: Roles, now: datetime) -> RolloutDuration:
    """Going back goes on with the record of what it gives up; anything else begins one of its own."""
    known = seen.rollout.status.duration
    if not revisions.goes_back(roles):
        return RolloutDuration(rollout_started_at=now)
    quick = (
        roles.promoted
        or revisions.within_rollback_window(seen, roles)
        or revisions.within_scale_down_delay(seen, roles, now)
    )
    if known is None or known.finished_at is not None:
        known = RolloutDuration(rollout_started_at=now)
    return known.model_copy(update={"completion_status": FAST_ROLLED_BACK if quick else ROLLED_BACK})


def _finished(record: RolloutDuration, how: str, now: datetime | None) -> RolloutDuration:
    record = _resumed(record, now) if now is not None else record
    return record.model_copy(update={"finished_at": now, "completion_status": how})


def _paused(record: RolloutDuration, now: datetime) -> RolloutDuration:
    if record.manual_pause_started_at is not None:
        return record
    return record.model_copy(update={"manual_pause_started_at": now})


def _resumed(record: RolloutDuration, now: datetime) -> RolloutDuration:
    since = record.manual_pause_started_at
    if since is None:
        return record
    waited = (record.total_manual_pause_duration_seconds or 0) + max(0, int((now - since).total_seconds()))
    return record.model_copy(
        update={"manual_pause_started_at": None, "total_manual_pause_duration_seconds": waited}
    )
