"""The life of an operation: taken up, carried on, tried again, ended. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rollouts.api.application import Application
from rollouts.api.application_operation import Operation, SyncOperation
from rollouts.api.application_source import ApplicationSource
from rollouts.api.application_status import (
    OperationPhase,
    OperationState,
    ResourceResult,
    RevisionHistory,
    SyncOperationResult,
)
from rollouts.api.errors import InvalidSpec
from rollouts.gitops.automation import retry_delay
from rollouts.gitops.credentials import normalized
from rollouts.gitops.options import SyncOptions, parse_options
from rollouts.gitops.sync import Outcome
from rollouts.gitops.tracking import Ref

_HISTORY = 10
"""Entries that are kept where the Application does not say."""


def check(operation: Operation, own: ApplicationSource) -> None:
    """Refuse an operation without a sync, and a repository other than the Application's `own`.

    Fields that are not acted on were refused with the Application. What the project permits is the
    Application's own repository; an operation must not be a way around that.

    Raises:
        InvalidSpec: names the field.
    """
    sync = operation.sync
    if sync is None:
        raise InvalidSpec(".operation.sync", "is required; a sync is the only operation")
    if sync.source is not None and normalized(sync.source.repo_url) != normalized(own.repo_url):
        raise InvalidSpec(
            ".operation.sync.source.repoURL",
            "is another repository than .spec.source.repoURL; change the Application instead",
            sync.source.repo_url,
        )
    parse_options(sync.sync_options, ".operation.sync.syncOptions")


def options(app: Application, operation: Operation) -> SyncOptions:
    """The options of the Application, and those of the operation over them."""
    policy = app.spec.sync_policy
    own = operation.sync.sync_options if operation.sync is not None else ()
    return parse_options(
        (*(policy.sync_options if policy is not None else ()), *own), ".spec.syncPolicy.syncOptions"
    )


def only(sync: SyncOperation, namespace: str) -> frozenset[Ref]:
    """The objects that an operation names; without a namespace, those of the destination and of none."""
    return frozenset(
        Ref(resource.group, resource.kind, place, resource.name)
        for resource in sync.resources
        for place in ((resource.namespace,) if resource.namespace else (namespace, ""))
    )


def begun(operation: Operation, revision: str, source: ApplicationSource, now: datetime) -> OperationState:
    """An operation that is taken up."""
    return OperationState(
        operation=operation,
        phase="Running",
        message=f"syncing to {revision[:7]}",
        started_at=now,
        sync_result=SyncOperationResult(revision=revision, source=source),
    )


def ended(state: OperationState, phase: OperationPhase, message: str, now: datetime) -> OperationState:
    """An operation that is over."""
    return state.model_copy(update={"phase": phase, "message": message, "finished_at": now})


def results(state: OperationState) -> Mapping[Ref, ResourceResult]:
    """What an operation did so far."""
    found = state.sync_result.resources if state.sync_result is not None else ()
    return {Ref(r.group, r.kind, r.namespace, r.name): r for r in found}


def carried_on(state: OperationState, outcome: Outcome, now: datetime) -> OperationState:
    """An operation after a pass: it waits, is tried again later, failed or succeeded."""
    result = (state.sync_result or SyncOperationResult()).model_copy(
        update={"resources": tuple(outcome.results.values())}
    )
    state = state.model_copy(update={"sync_result": result})
    if outcome.failed:
        return _failed(state, outcome.failed, now)
    if outcome.waiting:
        return state.model_copy(update={"message": outcome.waiting, "finished_at": None})
    dry = state.operation.sync is not None and state.operation.sync.dry_run
    message = "successfully synced (dry run)" if dry else "successfully synced (all tasks run)"
    return ended(state, "Succeeded", message, now)


def failed(state: OperationState, message: str, now: datetime) -> OperationState:
    """An operation whose pass came to nothing: tried again while it may be."""
    delay = retry_delay(state.operation.retry, state.retry_count)
    if delay is None:
        return ended(state, "Failed", message, now)
    number = state.retry_count + 1
    return state.model_copy(
        update={
            "message": f"{message}; retry {number} in {delay.total_seconds():g} s",
            "retry_count": number,
            "finished_at": now,
        }
    )


def waits(state: OperationState, now: datetime) -> timedelta:
    """How long until a failed operation is tried again; nothing if it may go on now."""
    if state.phase != "Running" or state.finished_at is None or not state.retry_count:
        return timedelta()
    delay = retry_delay(state.operation.retry, state.retry_count - 1) or timedelta()
    return max(timedelta(), state.finished_at + delay - now)


def history(app: Application, state: OperationState, now: datetime) -> tuple[RevisionHistory, ...]:
    """The history with a sync that succeeded; one of some objects only, or of none, is no deployment."""
    sync = state.operation.sync
    entries: Sequence[RevisionHistory] = app.status.history
    limit = _HISTORY if app.spec.revision_history_limit is None else app.spec.revision_history_limit
    if state.phase != "Succeeded" or sync is None or sync.dry_run or sync.resources or not limit:
        return tuple(entries)[-limit:] if limit else ()
    result = state.sync_result or SyncOperationResult()
    entry = RevisionHistory(
        id=entries[-1].id + 1 if entries else 1,
        revision=result.revision,
        source=result.source,
        deploy_started_at=state.started_at,
        deployed_at=now,
        initiated_by=state.operation.initiated_by,
    )
    return (*entries, entry)[-limit:]


def _failed(state: OperationState, results: Sequence[ResourceResult], now: datetime) -> OperationState:
    first = results[0]
    others = f" (and {len(results) - 1} more)" if len(results) > 1 else ""
    place = f"{first.namespace}/{first.name}" if first.namespace else first.name
    return failed(state, f"{first.kind} {place}: {first.message}{others}", now)
