"""Canary: pods and traffic move to the new version step by step; without steps this is a rolling update."""

from datetime import datetime, timedelta

from rollouts.api.rollout_status import RolloutStatus
from strategies import (
    analyses,
    baseline,
    lifecycle,
    milestones,
    pauses,
    position,
    replicas,
    restart,
    revisions,
    scaledown,
    scaling,
    services,
    verdicts,
    weights,
)
from strategies.events import step_completed
from strategies.lifecycle import Acts, Decision
from strategies.model import Observed, Plan, SetMilestone
from strategies.revisions import Roles
from strategies.scaling import Sizes
from strategies.steps import STEP_PLANNERS


def plan(seen: Observed, now: datetime) -> Plan:
    """Act on the facts in status, and decide what becomes a fact now."""
    roles = revisions.roles(seen)
    decision = decide(seen, roles, now)
    acts = Acts() if lifecycle.gives_up(seen, decision) else act(seen, roles, now)
    return lifecycle.finish(seen, roles, decision, acts, now)


def decide(seen: Observed, roles: Roles, now: datetime) -> Decision:
    """What is to be remembered: ordered guards, the most urgent first."""
    status = seen.rollout.status
    if lifecycle.changed(seen):
        return lifecycle.begin(seen, roles, now)
    if lifecycle.retried(seen):
        return lifecycle.retry(seen, roles)
    if status.abort:
        return lifecycle.aborted(seen, roles, now)
    if roles.new is None:
        return Decision(status=status)
    if roles.promoted:
        return lifecycle.settled(seen)
    if message := verdicts.why_abort(seen, now):
        return lifecycle.abort(seen, now, message)
    if message := lifecycle.overdue(seen, roles, now):
        return lifecycle.too_late(seen, now, message)
    if roles.stable is None:
        # A first version is the stable one at once: what follows it is an update, with steps. Where the
        # stable ReplicaSet is gone, the next one first has to be there.
        first = not status.stable_rs or _all_available(seen, roles)
        return lifecycle.promote(seen, "Initial deploy") if first else Decision(status=status)
    return _advance(seen, roles, now)


def _advance(seen: Observed, roles: Roles, now: datetime) -> Decision:
    """An update is under way and nothing is wrong with it."""
    status = pauses.of_canary(seen.rollout.status)
    if status.promote_full:
        status = pauses.clear(status)
    status = lifecycle.doubt(seen, status, now)
    status = analyses.named(seen, roles, analyses.canary_slots(seen, roles), status)
    if lifecycle.halted(seen, status, now):
        return _held_at_pause(seen, status, now)
    if why := _why_promote(seen, roles):
        return lifecycle.promote(seen, why)
    at = position.current(seen.rollout)
    if at is None or status.promote_full:
        return Decision(status=status)
    step = STEP_PLANNERS[position.kind(at[1])](seen, roles, now)
    if step.paused is not None:
        status = pauses.as_in(step.paused, status)
    if not step.done:
        return Decision(status=status, requeue_after=step.requeue_after)
    status = pauses.clear(status).model_copy(update={"current_step_index": at[0] + 1})
    return Decision(status=status, events=step_completed(seen))


def _held_at_pause(seen: Observed, status: RolloutStatus, now: datetime) -> Decision:
    """In doubt at a pause: once its time is over, only the doubt is left to wait for."""
    at = position.current(seen.rollout)
    pause = at[1].pause if at is not None else None
    left = pauses.left(status, pauses.CANARY_STEP, pauses.length(pause), now)
    if left is None or len(status.pause_conditions) == 1:
        return Decision(status=status)
    if left > timedelta():
        return Decision(status=status, requeue_after=left)
    return Decision(status=pauses.leave(status, pauses.CANARY_STEP))


def _all_available(seen: Observed, roles: Roles) -> bool:
    wanted = replicas.wanted(seen.rollout)
    new = roles.new
    return (
        new is not None and new.desired >= wanted and new.available >= replicas.enough(seen.rollout, wanted)
    )


def _why_promote(seen: Observed, roles: Roles) -> str:
    """Why the current version may become the stable one now; empty if it may not."""
    if not _all_available(seen, roles):
        return ""
    if seen.rollout.status.promote_full:
        return "Full promotion requested"
    if position.current(seen.rollout) is not None:
        return ""
    strategy = position.canary(seen.rollout)
    total = position.total_weight(seen.rollout)
    if strategy.traffic_routing is not None and (seen.weights is None or seen.weights.canary != total):
        return ""
    if revisions.within_rollback_window(seen, roles):
        return "Rollback within window"
    return f"Completed all {len(strategy.steps)} canary steps"


def act(seen: Observed, roles: Roles, now: datetime) -> Acts:
    """What the facts in status ask for, in the order in which it is safe."""
    status = seen.rollout.status
    keeping = lifecycle.keeping(seen, roles)
    if lifecycle.changed(seen) or lifecycle.retried(seen):
        return Acts(actions=keeping)
    halted = lifecycle.halted(seen, status, now)
    sizes = _held(seen, roles) if halted else _sizes(seen, roles, now)
    again = restart.plan_restart(seen, roles, now, sizes.pods)
    slots = () if status.abort else analyses.canary_slots(seen, roles)
    traffic = weights.plan_weight(seen, roles, now, halted=halted)
    # On the way back the weight comes first: a refused write of anything else must not hold it up.
    back, forward = (traffic, ()) if status.abort else ((), traffic)
    actions = (
        *back,
        *keeping,
        *sizes.annotations,
        *scaling.up(seen, roles, sizes),
        *services.plan_canary(seen, roles),
        *forward,
        *again.evictions,
        *(() if halted else baseline.raised(seen, roles)),
        *analyses.starts(seen, roles, slots),
        *(() if status.abort else _milestones(seen, roles, now)),
        *analyses.ends(seen, keep=not status.abort),
        *(() if again.under_way else scaling.down(seen, roles, sizes)),
        *(() if halted else baseline.lowered(seen, roles)),
        *baseline.cleared(seen, roles),
        *revisions.expired_history(seen, roles, scaledown.serving(seen)),
        *analyses.expired_history(seen, roles),
    )
    clocks = (sizes.requeue_after, again.requeue_after, weights.awaited(seen, roles, now))
    waits = [each for each in clocks if each is not None]
    return Acts(actions=actions, restarted=again.done, requeue_after=min(waits, default=None))


def _milestones(seen: Observed, roles: Roles, now: datetime) -> tuple[SetMilestone, ...]:
    ready = replicas.ready_for(seen, roles) and baseline.ready(seen, roles)
    traffic = weights.gets_traffic(seen, roles)
    return (
        *milestones.reached(seen, "Step", now, pods_ready=ready, traffic=traffic),
        *milestones.reached(seen, "Background", now, pods_ready=ready, traffic=traffic),
    )


def _held(seen: Observed, roles: Roles) -> Sizes:
    """While the update is held only stable may grow: to the pods for what it is to take back."""
    stable, new = roles.stable, roles.new
    if stable is None or roles.promoted or not position.canary(seen.rollout).dynamic_stable_scale:
        return Sizes()
    back = replicas.goes_back(seen, new)
    if not back and seen.canary_weight <= position.weight(seen.rollout):
        return Sizes()
    _, count = replicas.routed(seen, back=back)
    return Sizes(pods={stable.name: count} if count > stable.desired else {})


def _sizes(seen: Observed, roles: Roles, now: datetime) -> Sizes:
    """How many pods each set should have."""
    if roles.new is None or (roles.stable is None and seen.rollout.status.abort):
        return Sizes()
    if roles.stable is None or position.canary(seen.rollout).traffic_routing is None:
        return _basic(seen, roles, now)
    return _routed(seen, roles, now)


def _basic(seen: Observed, roles: Roles, now: datetime) -> Sizes:
    """Without traffic routing, and for a first deployment: pods are the split."""
    alone = roles.stable is None or roles.promoted
    want = (replicas.wanted(seen.rollout), 0) if alone else replicas.step_counts(seen)
    stable = None if alone else roles.stable
    needed, waits = scaledown.serving(seen), scaledown.waiting(seen, roles, now)
    kept = [each for each in roles.others if each.pod_hash in needed or each.name in waits]
    # With a router what must stay stands beside the rest: it must not keep from growing what is to take over.
    routed = position.canary(seen.rollout).traffic_routing is not None
    others = [each for each in roles.others if not routed or each not in kept]
    pods = replicas.basic(replicas.bounds(seen.rollout), want, roles.new, stable, others)
    return Sizes(
        pods=pods | {each.name: each.desired for each in kept},
        annotations=scaledown.wanted_again(roles.new, stable),
        requeue_after=min(waits.values(), default=None),
    )


def _routed(seen: Observed, roles: Roles, now: datetime) -> Sizes:
    """With traffic routing: pods follow the weight."""
    others = scaledown.retire_others(seen, roles, now)
    stable, new = roles.stable, roles.new
    if stable is None or new is None:
        return Sizes()
    if roles.promoted:
        pods = {new.name: replicas.wanted(seen.rollout)}
        annotations = (*others.annotations, *scaledown.wanted_again(new))
        return Sizes(pods=pods | others.sizes, annotations=annotations, requeue_after=others.requeue_after)
    count, stable_count = replicas.routed(seen, back=replicas.goes_back(seen, new))
    pods = {stable.name: stable_count} | others.sizes
    again = (*others.annotations, *scaledown.wanted_again(stable))
    if not seen.rollout.status.abort:
        annotations = (*again, *scaledown.wanted_again(new))
        return Sizes(
            pods=pods | {new.name: count}, annotations=annotations, requeue_after=others.requeue_after
        )
    strategy = position.canary(seen.rollout)
    if strategy.dynamic_stable_scale and strategy.abort_scale_down_delay_seconds is None:
        pods |= {new.name: min(count, new.desired)}
        return Sizes(pods=pods, annotations=again, requeue_after=others.requeue_after)
    gone = scaledown.retire_aborted(seen, new, now)
    waits = [each for each in (others.requeue_after, gone.requeue_after) if each is not None]
    return Sizes(
        pods=pods | gone.sizes,
        annotations=(*again, *gone.annotations),
        requeue_after=min(waits, default=None),
    )
