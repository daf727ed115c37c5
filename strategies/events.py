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
    SetWeight,
    SwitchService,
)
from strategies.phase import PASSED_OVER
from strategies.revisions import Roles, number

UPDATED = "RolloutUpdated"
"""Goes before what the update makes."""

WEIGHED = "TrafficWeightUpdated"
"""Comes after what is told of the routers' own objects."""
_RUN_TYPES: tuple[RunType, ...] = ("PostPromotion", "PrePromotion", "Step", "Background")
"""In the order in which they are told of."""


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
                events.append(Event(reason=UPDATED, message=message))
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
            case SetWeight(canary=weight) if seen.weights is None or seen.weights.canary != weight:
                since = f"from {seen.weights.canary} " if seen.weights is not None else ""
                message = f"Traffic weight updated {since}to {weight}"
                events.append(Event(reason=WEIGHED, message=message))
            case _:
                pass
    return tuple(sorted(events, key=lambda event: event.reason != UPDATED))


def _scaled(each: ReplicaSet, count: int) -> Event:
    way = "up" if count > each.desired else "down"
    what = "baseline" if BASELINE_OF in each.annotations else f"revision {each.revision}"
    message = f"Scaled {way} ReplicaSet {each.name} ({what}) from {each.desired} to {count}"
    return Event(reason="ScalingReplicaSet", message=message)


def of_analyses(seen: Observed, after: RolloutStatus) -> tuple[Event, ...]:
    """What has become of the analyses."""
    before = seen.rollout.status
    return tuple(event for kind in _RUN_TYPES for event in _run(before, after, kind))


def with_routes(events: tuple[Event, ...], routes: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events, with what was written to the routers' objects before the weight that comes of it."""
    at = next((index for index, event in enumerate(events) if event.reason == WEIGHED), 0)
    return (*events[:at], *routes, *events[at:])


def of_status(seen: Observed, roles: Roles, after: RolloutStatus, why: str) -> tuple[Event, ...]:
    """What has been decided; `why` says why a version became the stable one."""
    before = seen.rollout.status
    return (
        *_completed(roles, before, after, why),
        *_aborted(before, after),
        *_not_completed(seen, roles, after),
        *_passed_over(before, after),
        *_paused(before, after),
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
    # A human who resumes takes the conditions away, and need not be told.
    if before.pause_conditions and not after.pause_conditions and after.aborted_at is None:
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
    return ()


def _not_completed(seen: Observed, roles: Roles, after: RolloutStatus) -> tuple[Event, ...]:
    if seen.rollout.spec.strategy.blue_green is not None and not after.stable_rs:
        return ()  # a first deployment, of which upstream tells so for canaries alone
    before = seen.rollout.status
    was, now = find(before.conditions, "Completed"), find(after.conditions, "Completed")
    if now is not None and now.status == "False" and (was is None or was.status != "False"):
        message = (
            f"Rollout not completed, started update to revision {number(roles)} ({after.current_pod_hash})"
        )
        return (Event(reason="RolloutNotCompleted", message=message),)
    return ()


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
