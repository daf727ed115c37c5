"""What users are told, each once: by the actions of a pass, and by how status differs from before."""

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.rollout_status import RolloutStatus
from strategies import analyses, position
from strategies.conditions import find
from strategies.model import (
    Action,
    CreateBaseline,
    CreateReplicaSet,
    DeleteReplicaSet,
    Event,
    Observed,
    ReplicaSet,
    RunType,
    ScaleReplicaSet,
    SetRevision,
    SwitchService,
)
from strategies.phase import PASSED_OVER
from strategies.revisions import Roles, number

_RUN_TYPES: tuple[RunType, ...] = ("Step", "Background", "PrePromotion", "PostPromotion")


def of_actions(seen: Observed, actions: tuple[Action, ...]) -> tuple[Event, ...]:
    """What is being done."""
    sets = {each.name: each for each in seen.replica_sets}
    baselines = {name for name, each in sets.items() if BASELINE_OF in each.annotations}
    events: list[Event] = []
    for action in actions:
        match action:
            case CreateReplicaSet(name=name, revision=revision):
                message = f"Created ReplicaSet {name} (revision {revision})"
                events.append(Event(reason="NewReplicaSetCreated", message=message))
            case SetRevision(revision=revision):
                message = f"Rollout updated to revision {revision}"
                events.append(Event(reason="RolloutUpdated", message=message))
            case CreateBaseline(name=name, copies=copies, replicas=count):
                message = f"Created baseline ReplicaSet {name} with {count} fresh pods of {copies}"
                events.append(Event(reason="BaselineCreated", message=message))
            case DeleteReplicaSet(name=name) if name in baselines:
                events.append(Event(reason="BaselineDeleted", message=f"Deleted baseline ReplicaSet {name}"))
            case ScaleReplicaSet(name=name, replicas=count) if sets[name].desired != count:
                events.append(_scaled(sets[name], count))
            case SwitchService(name=name, pod_hash=pod_hash):
                before = seen.services[name].pod_hash
                message = f"Switched selector for service '{name}' from '{before}' to '{pod_hash}'"
                events.append(Event(reason="SwitchService", message=message))
            case _:
                pass
    return tuple(events)


def _scaled(each: ReplicaSet, count: int) -> Event:
    way = "up" if count > each.desired else "down"
    what = "baseline" if BASELINE_OF in each.annotations else f"revision {each.revision}"
    message = f"Scaled {way} ReplicaSet {each.name} ({what}) from {each.desired} to {count}"
    return Event(reason="ScalingReplicaSet", message=message)


def of_status(seen: Observed, roles: Roles, after: RolloutStatus, why: str) -> tuple[Event, ...]:
    """What has changed; `why` says why a version became the stable one."""
    before = seen.rollout.status
    return (
        *_aborted(before, after),
        *_paused(before, after),
        *_passed_over(before, after),
        *_completed(roles, before, after, why),
        *_weight(before, after),
        *(event for kind in _RUN_TYPES for event in _run(before, after, kind)),
    )


def step_completed(seen: Observed) -> tuple[Event, ...]:
    """The current step is done."""
    at = position.current(seen.rollout)
    if at is None:
        return ()
    count = len(position.canary(seen.rollout).steps)
    message = f"Rollout step {at[0] + 1}/{count} completed ({position.describe(at[1])})"
    return (Event(reason="RolloutStepCompleted", message=message),)


def _aborted(before: RolloutStatus, after: RolloutStatus) -> tuple[Event, ...]:
    old, new = find(before.conditions, "Progressing"), find(after.conditions, "Progressing")
    if new is None or new.reason != "RolloutAborted" or (old is not None and old.message == new.message):
        return ()
    return (Event(reason="RolloutAborted", message=new.message, type="Warning"),)


def _paused(before: RolloutStatus, after: RolloutStatus) -> tuple[Event, ...]:
    if after.pause_conditions and not before.pause_conditions:
        why = after.message if after.phase == "Paused" else ""
        reason = after.pause_conditions[0].reason
        told = why if why.startswith(reason) else reason
        return (Event(reason="RolloutPaused", message=f"Rollout is paused ({told})"),)
    was_paused = before.controller_pause or before.pause_conditions
    is_paused = after.controller_pause or after.pause_conditions
    if was_paused and not is_paused and not after.abort:
        return (Event(reason="RolloutResumed", message="Rollout is resumed"),)
    return ()


def _passed_over(before: RolloutStatus, after: RolloutStatus) -> tuple[Event, ...]:
    old, new = (find(each.conditions, PASSED_OVER) for each in (before, after))
    if new is None or (old is not None and old.message == new.message):
        return ()
    fresh = new.message.removeprefix(old.message).removeprefix("; ") if old is not None else new.message
    return (Event(reason=PASSED_OVER, message=f"Rollout goes on although {fresh}", type="Warning"),)


def _completed(roles: Roles, before: RolloutStatus, after: RolloutStatus, why: str) -> tuple[Event, ...]:
    if after.stable_rs != before.stable_rs:
        message = f"Rollout completed update to revision {number(roles)} ({after.stable_rs}): {why}"
        return (Event(reason="RolloutCompleted", message=message),)
    was, now = find(before.conditions, "Completed"), find(after.conditions, "Completed")
    if now is not None and now.status == "False" and (was is None or was.status != "False"):
        message = (
            f"Rollout not completed, started update to revision {number(roles)} ({after.current_pod_hash})"
        )
        return (Event(reason="RolloutNotCompleted", message=message),)
    return ()


def _weight(before: RolloutStatus, after: RolloutStatus) -> tuple[Event, ...]:
    old, new = before.canary.weights, after.canary.weights
    if new is None:
        return ()
    if old is None:
        details = f"to {new.canary.weight}"
    elif old.canary.weight != new.canary.weight:
        details = f"from {old.canary.weight} to {new.canary.weight}"
    else:
        return ()
    return (Event(reason="TrafficWeightUpdated", message=f"Traffic weight updated {details}"),)


def _run(before: RolloutStatus, after: RolloutStatus, kind: RunType) -> tuple[Event, ...]:
    old, new = analyses.ref_of(before, kind), analyses.ref_of(after, kind)
    if new is None or not new.status:
        return ()
    same = old is not None and old.name == new.name
    if same and old is not None and old.status == new.status:
        return ()
    previous = old.status if same and old is not None else "NoPreviousStatus"
    message = f"{kind} Analysis Run '{new.name}' Status New: '{new.status}' Previous: '{previous}'"
    warning = new.status in {"Failed", "Error"}
    return (
        Event(reason=f"AnalysisRun{new.status}", message=message, type="Warning" if warning else "Normal"),
    )


def skipped(seen: Observed, *, to_stable: bool) -> tuple[Event, ...]:
    """The steps are not walked, because the version is known to be good."""
    if not position.canary(seen.rollout).steps:
        return ()
    message = (
        "Rollback to stable ReplicaSets"
        if to_stable
        else "Rollback to active ReplicaSets within RollbackWindow"
    )
    return (Event(reason="SkipSteps", message=message),)
