"""How an update begins, is aborted, tried again, and ends: what all strategies share.

A fact that cannot be derived again is written to status in one pass and acted on in a later one, so that a
restart in between loses nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollouts.api.rollout_status import RolloutStatus
from strategies import (
    affinity,
    analyses,
    conditions,
    counts,
    deadline,
    duration,
    ephemeral,
    events,
    pauses,
    phase,
    position,
    revisions,
    scaling,
    verdicts,
    workload,
)
from strategies.model import Action, Event, Observed, Plan
from strategies.revisions import Roles

VERIFY_AGAIN = timedelta(seconds=10)
INVALID_AGAIN = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The facts to remember from now on, before what is copied from the cluster is filled in."""

    status: RolloutStatus
    abort_message: str = ""
    why: str = ""
    """Why a version became the stable one."""
    events: tuple[Event, ...] = ()
    requeue_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """What to do about the facts remembered so far."""

    actions: tuple[Action, ...] = ()
    restarted: bool = False
    requeue_after: timedelta | None = None


def keeping(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """What is kept in order whatever else happens: size, revisions, what is available, labels of a role."""
    return (
        *scaling.default(seen),
        *workload.kept(seen, roles),
        *revisions.bookkeeping(seen, roles),
        *revisions.readiness(seen, roles),
        *affinity.plan_affinity(seen, roles),
        *ephemeral.plan_metadata(seen, roles),
    )


def changed(seen: Observed) -> bool:
    """Whether another template or other steps came since status was written: an update begins."""
    status = seen.rollout.status
    if status.current_pod_hash != seen.pod_hash:
        return True
    if seen.rollout.spec.strategy.blue_green is not None:
        return False
    return not position.same_steps(seen.rollout, status.current_step_hash)


def as_it_was(seen: Observed) -> Observed:
    """What was seen, with the update that status tells of: a change that is invalid has not begun."""
    status = seen.rollout.status
    if not any(each.pod_hash == status.current_pod_hash for each in seen.replica_sets):
        return seen
    status = status.model_copy(update={"current_step_hash": position.steps_hash(seen.rollout)})
    rollout = seen.rollout.model_copy(update={"status": status})
    return replace(seen, rollout=rollout, pod_hash=status.current_pod_hash)


def begin(seen: Observed, roles: Roles, now: datetime) -> Decision:
    """Forget the last update. A version that is known to be good goes without steps."""
    before = seen.rollout.status
    status = _anew(seen, before).model_copy(
        update={
            "current_pod_hash": seen.pod_hash,
            "current_step_hash": position.steps_hash(seen.rollout),
            "progress_replicas": 0,
        }
    )
    restart_at = seen.rollout.spec.restart_at
    if before.current_pod_hash != seen.pod_hash and restart_at is not None and restart_at <= now:
        status = status.model_copy(update={"restarted_at": restart_at})  # its pods will all be new
    if before.stable_rs == seen.pod_hash:
        skipped = before.current_pod_hash != seen.pod_hash
        told = events.skipped(seen, to_stable=True) if skipped else ()
        return Decision(status=_past_the_steps(seen, status), events=told)
    if revisions.within_rollback_window(seen, roles):
        runs = roles.new is not None and roles.new.desired > 0
        told = events.skipped(seen, to_stable=False) if runs else ()
        return Decision(status=_at_once(seen, _past_the_steps(seen, status)), events=told)
    if revisions.within_scale_down_delay(seen, roles, now):
        return Decision(status=_at_once(seen, status))
    return Decision(status=status)


def retried(seen: Observed) -> bool:
    """Whether a user took the abort back; when it was aborted still stands in status.

    To ask for a full promotion does so, too: the abort took an earlier such wish away.
    """
    status = seen.rollout.status
    return status.aborted_at is not None and (status.promote_full or not status.abort)


def retry(seen: Observed, roles: Roles) -> Decision:
    """Begin again at the first step, with analysis runs of its own; or, as a full promotion, without any."""
    before = seen.rollout.status
    status = _anew(seen, before)
    if roles.promoted:
        return Decision(status=_past_the_steps(seen, status))
    update = {"progress_replicas": 0, "promote_full": before.promote_full}
    return Decision(status=status.model_copy(update=update))


def abort(seen: Observed, now: datetime, message: str = "") -> Decision:
    """Give the update up; the spec stays as it is, and so the rollout stays Degraded until someone acts."""
    status = pauses.clear(analyses.copied(seen, seen.rollout.status))
    update = {
        "abort": True,
        "aborted_at": status.aborted_at or now.replace(microsecond=0),
        "promote_full": False,
        "current_step_index": _first_step(seen),
        "blue_green": status.blue_green.model_copy(update={"scale_up_preview_check_point": False}),
    }
    return Decision(status=status.model_copy(update=update), abort_message=message)


def too_late(seen: Observed, now: datetime, message: str) -> Decision:
    """Give the update up because it stood still for too long."""
    told = Event(reason="RolloutAborted", message=message, type="Warning")
    return replace(abort(seen, now, message), events=(told,))


def gives_up(seen: Observed, decision: Decision) -> bool:
    """Whether it is aborted now: that is written before anything else is done, for what is done may fail."""
    return decision.status.abort and not seen.rollout.status.abort


def aborted(seen: Observed, roles: Roles, now: datetime) -> Decision:
    """Stay aborted; unless there is no other version to return to."""
    status = seen.rollout.status
    if roles.promoted or not status.stable_rs:
        return Decision(status=status.model_copy(update={"abort": False, "aborted_at": None}))
    decision = abort(seen, now)
    # What the analyses of a canary came to was told by the abort, if it was theirs.
    canary = decision.status.canary.model_copy(
        update={"current_step_analysis_run_status": None, "current_background_analysis_run_status": None}
    )
    return replace(decision, status=decision.status.model_copy(update={"canary": canary}))


def overdue(seen: Observed, roles: Roles, now: datetime) -> str:
    """Why an update under way is to be aborted for standing still; empty if it is not."""
    if not seen.rollout.spec.progress_deadline_abort or roles.stable is None or roles.promoted:
        return ""
    return deadline.message(seen, roles) if deadline.exceeded(seen, roles, now) else ""


def promote(seen: Observed, why: str) -> Decision:
    """Make the current version the stable one."""
    status = _past_the_steps(seen, _anew(seen, seen.rollout.status))
    return Decision(status=status.model_copy(update={"stable_rs": seen.pod_hash}), why=why)


def settled(seen: Observed) -> Decision:
    """Nothing is under way: no pause, no abort, no analysis."""
    return Decision(status=_past_the_steps(seen, _anew(seen, seen.rollout.status)))


def doubt(seen: Observed, status: RolloutStatus, now: datetime) -> RolloutStatus:
    """Pause for a human while an analysis is in doubt; start it again once they resumed."""
    doubtful = verdicts.in_doubt(seen, now)
    # Who resumes does so knowing what status told; what came meanwhile is still for them to judge.
    known = tuple(each for each in doubtful if not each.news) if pauses.resumed(status) else ()
    for verdict in doubtful:
        if verdict not in known:
            status = pauses.enter(status, verdict.reason, now)
    status = verdicts.without(status, known)
    if not pauses.resumed(status):
        return status
    at, blue_green = position.current(seen.rollout), seen.rollout.spec.strategy.blue_green
    # At a pause the same gesture also ends that, which is still to be noticed there.
    at_pause = (at is not None and at[1].pause is not None) or (blue_green is not None and not known)
    return status if at_pause else status.model_copy(update={"controller_pause": False})


def halted(seen: Observed, status: RolloutStatus, now: datetime) -> bool:
    """Whether nothing may grow, shrink or advance; an aborted rollout retreats all the same.

    A verdict that was seen just now counts before it is written: no step further with a version in doubt.
    """
    if status.abort:
        return False
    held = any(each.reason in pauses.VERDICTS for each in status.pause_conditions)
    return seen.rollout.spec.paused or held or any(v.outcome != "continue" for v in verdicts.found(seen, now))


def finish(seen: Observed, roles: Roles, decision: Decision, acts: Acts, now: datetime) -> Plan:
    """Complete the status with what was seen, and tell what changed."""
    status = decision.status
    if acts.restarted:
        status = status.model_copy(update={"restarted_at": seen.rollout.spec.restart_at})
    status = counts.counted(seen, roles, status)
    over = () if gives_up(seen, decision) else verdicts.passed_over(seen, now)
    draft = conditions.Draft(
        seen=seen,
        roles=roles,
        status=status,
        abort_message=decision.abort_message,
        passed_over=tuple(each.sentence for each in over),
    )
    status = status.model_copy(update={"conditions": conditions.told(draft, now)})
    doubt = "; ".join(each.sentence for each in verdicts.in_doubt(seen, now))
    name, message = phase.phase(seen.rollout, status, doubt)
    record = duration.told(seen, roles, status, now, done=draft.done)
    status = status.model_copy(update={"phase": name, "message": message, "duration": record})
    told = (
        *events.of_actions(seen, acts.actions),
        *events.of_analyses(seen, status),
        *decision.events,
        *events.of_status(seen, roles, status, decision.why),
    )
    waits = (decision.requeue_after, acts.requeue_after, *_clocks(seen, roles, now))
    after = min((wait for wait in waits if wait is not None), default=None)
    return Plan(actions=acts.actions, status=status, events=told, requeue_after=after)


def invalid(seen: Observed, problems: tuple[str, ...], now: datetime, retreat: Plan | None = None) -> Plan:
    """Nothing is done about an object that only its author can mend, other than to retreat."""
    before, message = seen.rollout.status, "; ".join(problems)
    status = retreat.status if retreat is not None else before
    status = status.model_copy(
        update={
            "observed_generation": str(seen.rollout.metadata.generation),
            "current_step_hash": before.current_step_hash,  # steps that are invalid have not begun
            "conditions": conditions.invalid(before.conditions, status.conditions, message, now),
        }
    )
    name, shown = phase.phase(seen.rollout, status)
    status = status.model_copy(update={"phase": name, "message": shown})
    said, says = (conditions.find(each.conditions, "InvalidSpec") for each in (before, status))
    told = (Event(reason="InvalidSpec", message=message, type="Warning"),) if said != says else ()
    return Plan(
        actions=retreat.actions if retreat is not None else (),
        status=status,
        events=(*told, *(retreat.events if retreat is not None else ())),
        requeue_after=INVALID_AGAIN,
    )


def not_created(seen: Observed, planned: Plan, message: str, now: datetime) -> Plan:
    """The plan, told as what it came to where a ReplicaSet or Service that it needs was refused."""
    before = seen.rollout.status.conditions
    told = conditions.not_created(before, planned.status.conditions, message, now)
    made = {"NewReplicaSetCreated", "BaselineCreated", events.UPDATED}
    happened = [each for each in planned.events if each.reason not in made]
    said = conditions.find(told, "Progressing")
    if said is not None and said.reason == conditions.CREATE_ERROR and said not in before:
        happened.append(Event(reason=conditions.CREATE_ERROR, message=message, type="Warning"))
    return Plan(
        actions=planned.actions,
        status=planned.status.model_copy(update={"conditions": told}),
        events=tuple(happened),
        requeue_after=min(planned.requeue_after or INVALID_AGAIN, INVALID_AGAIN),
    )


def _clocks(seen: Observed, roles: Roles, now: datetime) -> tuple[timedelta | None, ...]:
    unverified = seen.weights is not None and seen.weights.verified is False
    left = deadline.remaining(seen, roles, now)
    return (
        VERIFY_AGAIN if unverified else None,
        left if left is not None and left > timedelta() else None,
    )


def _anew(seen: Observed, status: RolloutStatus) -> RolloutStatus:
    """The status as at the beginning of an update."""
    status = analyses.cleared(pauses.clear(status))
    blue_green = status.blue_green.model_copy(update={"scale_up_preview_check_point": False})
    return status.model_copy(
        update={
            "abort": False,
            "aborted_at": None,
            "promote_full": False,
            "current_step_index": _first_step(seen),
            "blue_green": blue_green,
        }
    )


def _first_step(seen: Observed) -> int | None:
    return 0 if position.canary(seen.rollout).steps else None


def _past_the_steps(seen: Observed, status: RolloutStatus) -> RolloutStatus:
    return status.model_copy(update={"current_step_index": len(position.canary(seen.rollout).steps) or None})


def _at_once(seen: Observed, status: RolloutStatus) -> RolloutStatus:
    """Blue/green has no steps to skip: it remembers a full promotion instead."""
    return status.model_copy(update={"promote_full": seen.rollout.spec.strategy.blue_green is not None})
