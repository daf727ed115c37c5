"""Blue/green: the new version runs beside the old one at full size, then all traffic switches at once."""

from datetime import datetime, timedelta

from rollouts.api.rollout import BlueGreenStrategy
from rollouts.api.rollout_status import RolloutStatus
from strategies import (
    analyses,
    baseline,
    lifecycle,
    milestones,
    pauses,
    replicas,
    restart,
    revisions,
    scaledown,
    scaling,
    services,
    verdicts,
)
from strategies.analyses import Slot
from strategies.lifecycle import Acts, Decision
from strategies.model import Observed, Plan, ReplicaSet, SetMilestone, SwitchService
from strategies.revisions import Roles
from strategies.scaling import Sizes


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
        ready = active(seen, roles.new) and saturated(seen, roles.new)
        return lifecycle.promote(seen, "Initial deploy") if ready else Decision(status=status)
    return _advance(seen, roles, roles.new, now)


def _advance(seen: Observed, roles: Roles, new: ReplicaSet, now: datetime) -> Decision:
    """An update is under way and nothing is wrong with it."""
    status = pauses.of_blue_green(seen.rollout.status)
    if status.promote_full:
        status = pauses.clear(status)
    status = lifecycle.doubt(seen, status, now)
    status = analyses.named(seen, roles, slots(seen, roles), status)
    if lifecycle.halted(seen, status, now):
        return Decision(status=status)
    if active(seen, new):
        why = _why_promote(seen, roles, now)
        return lifecycle.promote(seen, why) if why else Decision(status=status)
    if _may_go(seen):
        return Decision(status=status)
    status = _decided(status, go=False)
    if not _previewed(seen, new, now):
        return Decision(status=status)
    return _wait_for_promotion(seen, status, now)


def _wait_for_promotion(seen: Observed, status: RolloutStatus, now: datetime) -> Decision:
    """The preview is up and its analysis is good: pause if asked to, then remember that it may go on."""
    strategy = _strategy(seen)
    seconds = strategy.auto_promotion_seconds
    if strategy.auto_promotion_enabled is False:
        waited = pauses.wait(status, pauses.BLUE_GREEN, None, now)
    elif seconds > 0:
        waited = pauses.wait(status, pauses.BLUE_GREEN, timedelta(seconds=seconds), now)
    else:
        return Decision(status=_decided(status, go=True))
    if waited.over:
        return Decision(status=_decided(waited.status, go=True))
    return Decision(status=waited.status, requeue_after=waited.requeue_after)


def _decided(status: RolloutStatus, *, go: bool) -> RolloutStatus:
    check_point = status.blue_green.model_copy(update={"scale_up_preview_check_point": go})
    return status.model_copy(update={"blue_green": check_point})


def _may_go(seen: Observed) -> bool:
    """Whether it is decided that users get the new version; an analysis asked for since then comes first."""
    status = seen.rollout.status
    asked, run = _strategy(seen).pre_promotion_analysis, status.blue_green.pre_promotion_analysis_run_status
    decided = status.blue_green.scale_up_preview_check_point and (asked is None or run is not None)
    return status.promote_full or decided


def _previewed(seen: Observed, new: ReplicaSet, now: datetime) -> bool:
    """Whether the preview is up and its analysis, if any, lets it go on."""
    if not _preview_available(seen, new):
        return False
    return _strategy(seen).pre_promotion_analysis is None or verdicts.good(seen, "PrePromotion", now)


def _preview_available(seen: Observed, new: ReplicaSet) -> bool:
    count = _new_size(seen, new)
    service = seen.services.get(_strategy(seen).preview_service)
    shown = service is None or service.pod_hash == new.pod_hash
    return shown and new.desired >= count and new.available >= count


def _why_promote(seen: Observed, roles: Roles, now: datetime) -> str:
    """Why the active version may become the stable one now; empty if it may not."""
    if seen.rollout.status.promote_full:
        if revisions.within_rollback_window(seen, roles):
            return "Rollback within window"
        back = revisions.goes_back(roles) and roles.new is not None
        if back and roles.new is not None and roles.new.scale_down_deadline is not None:
            return "Fast rollback"
        return "Full promotion requested"
    analysis = _strategy(seen).post_promotion_analysis
    if analysis is not None and not verdicts.good(seen, "PostPromotion", now):
        return ""
    return "Completed blue-green update"


def slots(seen: Observed, roles: Roles) -> tuple[Slot, ...]:
    """The analysis before the switch, and the one after it."""
    status, strategy, new = seen.rollout.status, _strategy(seen), roles.new
    if new is None or roles.stable is None or roles.promoted or status.promote_full:
        return ()
    found = []
    pre, post = strategy.pre_promotion_analysis, strategy.post_promotion_analysis
    started = status.blue_green.pre_promotion_analysis_run_status is not None
    ready = _preview_available(seen, new) and not active(seen, new)
    if pre is not None and (started or ready):
        found.append(Slot(type="PrePromotion", analysis=pre, suffix="-pre"))
    if post is not None and active(seen, new):
        found.append(Slot(type="PostPromotion", analysis=post, suffix="-post"))
    return tuple(found)


def act(seen: Observed, roles: Roles, now: datetime) -> Acts:
    """What the facts in status ask for, in the order in which it is safe."""
    status = seen.rollout.status
    keeping = lifecycle.keeping(seen, roles)
    if lifecycle.changed(seen) or lifecycle.retried(seen):
        return Acts(actions=keeping)
    halted = lifecycle.halted(seen, status, now)
    sizes = Sizes() if halted else _sizes(seen, roles, now)
    again = restart.plan_restart(seen, roles, now, sizes.pods)
    wanted = () if status.abort else slots(seen, roles)
    actions = (
        *keeping,
        *sizes.annotations,
        *scaling.up(seen, roles, sizes),
        *(() if halted else _preview(seen, roles)),
        *(() if halted else _active(seen, roles)),
        *again.evictions,
        *analyses.starts(seen, roles, wanted),
        *(() if status.abort else _milestones(seen, roles.new, now)),
        *analyses.ends(seen, keep=not status.abort),
        *scaling.down(seen, roles, sizes),
        *baseline.cleared(seen, roles),  # of a canary that the spec asked for before
        *revisions.expired_history(seen, roles, scaledown.serving(seen)),
        *analyses.expired_history(seen, roles),
    )
    waits = [each for each in (sizes.requeue_after, again.requeue_after) if each is not None]
    return Acts(actions=actions, restarted=again.done, requeue_after=min(waits, default=None))


def _milestones(seen: Observed, new: ReplicaSet | None, now: datetime) -> tuple[SetMilestone, ...]:
    """The traffic of a preview is that of its testers."""
    if new is None:
        return ()
    ready, users = _preview_available(seen, new), active(seen, new)
    return (
        *milestones.reached(seen, "PrePromotion", now, pods_ready=ready, traffic=ready),
        *milestones.reached(seen, "PostPromotion", now, pods_ready=saturated(seen, new), traffic=users),
    )


def _preview(seen: Observed, roles: Roles) -> tuple[SwitchService, ...]:
    """The preview service follows the new version once that has a pod that answers.

    Until then its testers meet the version before instead of none.
    """
    service = seen.services.get(_strategy(seen).preview_service)
    if service is None or roles.new is None:
        return ()
    owned = service.managed_by == seen.rollout.metadata.name
    if owned and service.pod_hash == roles.new.pod_hash:
        return ()
    answers = any(each.pod_hash == service.pod_hash and each.available > 0 for each in seen.replica_sets)
    if owned and answers and roles.new.available == 0:
        return ()
    return (SwitchService(name=service.name, pod_hash=roles.new.pod_hash),)


def _active(seen: Observed, roles: Roles) -> tuple[SwitchService, ...]:
    """The active service follows the version that all traffic should reach.

    What was a canary until now may have few pods of it; every version serves until all are there.
    """
    target = _target(seen, roles)
    return services.switch(
        seen, _strategy(seen).active_service, target, all_pods=replicas.wanted(seen.rollout)
    )


def _target(seen: Observed, roles: Roles) -> ReplicaSet | None:
    """Which version all traffic should reach."""
    new, status = roles.new, seen.rollout.status
    if status.abort:
        return roles.stable
    if new is None or roles.stable is None:
        return new
    if active(seen, new) or (_may_go(seen) and saturated(seen, new)):
        return new
    # What an earlier update had switched to, and was superseded before it proved itself, gives way too.
    return roles.stable


def active(seen: Observed, each: ReplicaSet) -> bool:
    """Whether users reach that version and no other."""
    service = seen.services.get(_strategy(seen).active_service)
    return service is not None and service.pod_hash == each.pod_hash


def saturated(seen: Observed, each: ReplicaSet) -> bool:
    """Whether a set has all the pods that the rollout wants, and all are available."""
    wanted = replicas.wanted(seen.rollout)
    noted = each.desired_annotation in {None, wanted}
    return noted and each.desired == wanted and each.available >= wanted


def _sizes(seen: Observed, roles: Roles, now: datetime) -> Sizes:
    """How many pods each set should have: stable all of them for as long as it is not replaced."""
    new, stable, wanted = roles.new, roles.stable, replicas.wanted(seen.rollout)
    if new is None:
        return Sizes()
    if stable is None:
        # A first deployment that was corrected before it was ready: what runs of it stays until then.
        superseded = roles.others if saturated(seen, new) else ()
        kept, waiting = scaledown.serving(seen), scaledown.waiting(seen, roles, now)
        idle = {each.name: 0 for each in superseded if each.name not in waiting and each.pod_hash not in kept}
        pods = {new.name: new.desired if seen.rollout.status.abort else wanted}
        wait = min(waiting.values(), default=None)
        return Sizes(pods=pods | idle, annotations=scaledown.wanted_again(new), requeue_after=wait)
    others = scaledown.retire_others(seen, roles, now)
    pods = {new.name: _new_size(seen, new), stable.name: wanted} | others.sizes
    annotations = (*others.annotations, *scaledown.wanted_again(stable))
    if not seen.rollout.status.abort:
        # On the quick way back to a version that still runs, its deadline is what tells that it is one.
        again = () if seen.rollout.status.promote_full else scaledown.wanted_again(new)
        return Sizes(pods=pods, annotations=(*annotations, *again), requeue_after=others.requeue_after)
    gone_set = scaledown.retire_aborted(seen, new, now)
    waits = [each for each in (others.requeue_after, gone_set.requeue_after) if each is not None]
    return Sizes(
        pods=pods | gone_set.sizes,
        annotations=(*annotations, *gone_set.annotations),
        requeue_after=min(waits, default=None),
    )


def _new_size(seen: Observed, new: ReplicaSet) -> int:
    """How many pods: previewReplicaCount until the update may go on, then all.

    What was a canary until now keeps the pods that the active service still reaches.
    """
    status, strategy = seen.rollout.status, _strategy(seen)
    wanted = replicas.wanted(seen.rollout)
    full = status.promote_full or status.blue_green.scale_up_preview_check_point
    active_service = seen.services.get(strategy.active_service)
    switched = active_service is not None and active_service.pod_hash == seen.pod_hash
    if strategy.preview_replica_count is None or full or switched or status.stable_rs == seen.pod_hash:
        return wanted
    reached = active_service is not None and not active_service.pod_hash
    return max(strategy.preview_replica_count, min(new.desired, wanted) if reached else 0)


def _strategy(seen: Observed) -> BlueGreenStrategy:
    strategy = seen.rollout.spec.strategy.blue_green
    return strategy if strategy is not None else BlueGreenStrategy(active_service="")
