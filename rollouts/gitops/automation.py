"""Whether automated sync starts a sync now. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.application import SyncPolicy
from rollouts.api.application_operation import (
    Operation,
    OperationInitiator,
    RetryStrategy,
    SyncOperation,
    SyncOperationResource,
)
from rollouts.api.application_status import OperationState
from rollouts.api.duration import parse_duration
from rollouts.gitops.plan import Comparison

_RETRIES = 5
"""Of an automated sync whose policy does not say."""
_HEAL_FIRST = timedelta(seconds=2)
_HEAL_FACTOR = 3
_HEAL_LONGEST = timedelta(seconds=300)
_HEAL_FORGET = timedelta(seconds=330)
"""After so long without one, self-healing begins anew with no delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What automated sync does."""

    operation: Operation | None = None
    """The sync to start."""
    error: str = ""
    """Why it cannot, where a user must act."""
    again_after: timedelta | None = None
    """When to decide again."""


NOTHING = Decision()


def decide(
    policy: SyncPolicy | None,
    comparison: Comparison,
    revision: str,
    last: OperationState | None,
    now: datetime,
    *,
    held: bool,
) -> Decision:
    """Decide, first match first.

    Args:
        policy: the Application's.
        comparison: its cluster beside `revision`.
        revision: what automated sync would sync to: Git's revision, or the one that a rollback pinned.
        last: the sync under way, or the last one.
        now: the time.
        held: the revision is rejected.
    """
    automated = policy.automated if policy is not None else None
    if policy is None or automated is None or automated.enabled is False or held:
        return NOTHING
    if comparison.status != "OutOfSync" or (last is not None and last.phase in ("Running", "Terminating")):
        return NOTHING
    if not comparison.modified and not automated.prune:
        return NOTHING
    in_git = [resource for resource in comparison.resources if not resource.to_prune]
    if automated.prune and not in_git and not automated.allow_empty:
        return Decision(error=_would_empty(comparison, revision))
    if last is not None and _revision(last) == revision and not _is_dry_run(last):
        if last.phase in ("Failed", "Error"):
            return Decision(
                error=f"The last sync to {revision[:7]} failed and is not tried again before a commit: "
                f"{last.message}"
            )
        if not automated.self_heal:
            return NOTHING
        return _heal(comparison, revision, last, now, prune=automated.prune)
    return Decision(
        operation=Operation(
            sync=SyncOperation(revision=revision, prune=automated.prune, sync_options=policy.sync_options),
            initiated_by=OperationInitiator(automated=True),
            retry=policy.retry or RetryStrategy(limit=_RETRIES),
        )
    )


def _heal(
    comparison: Comparison, revision: str, last: OperationState, now: datetime, *, prune: bool
) -> Decision:
    """Undo what changed in the cluster, ever more slowly while it keeps changing."""
    attempts = last.operation.sync.auto_heal_attempts_count if last.operation.sync is not None else 0
    finished = last.finished_at or now
    if now - finished > _HEAL_FORGET:
        attempts = 0
    if attempts:
        # Beyond so many attempts the wait is the longest one anyway.
        wait = min(_HEAL_FIRST * _HEAL_FACTOR ** min(attempts - 1, 10), _HEAL_LONGEST)
        if now < finished + wait:
            return Decision(again_after=finished + wait - now)
    resources = (*comparison.modified, *(comparison.prunable if prune else ()))
    return Decision(
        operation=Operation(
            sync=SyncOperation(
                revision=revision,
                prune=prune,
                auto_heal_attempts_count=attempts + 1,
                resources=tuple(
                    SyncOperationResource(
                        group=r.ref.group, kind=r.ref.kind, name=r.ref.name, namespace=r.ref.namespace
                    )
                    for r in resources
                ),
            ),
            initiated_by=OperationInitiator(automated=True),
            retry=RetryStrategy(limit=_RETRIES),
        )
    )


def retry_delay(retry: RetryStrategy, count: int) -> timedelta | None:
    """How long to wait before try number `count` + 1; None where no try is left."""
    if 0 <= retry.limit <= count:
        return None
    backoff = retry.backoff
    first = _duration(backoff.duration if backoff else "", timedelta(seconds=5))
    factor = backoff.factor if backoff is not None and backoff.factor is not None else 2
    longest = _duration(backoff.max_duration if backoff else "", timedelta(minutes=3))
    # Beyond so many tries every factor has reached the longest wait.
    return min(first * float(factor ** min(count, 30)), longest)


def _revision(state: OperationState) -> str:
    return state.sync_result.revision if state.sync_result is not None else ""


def _would_empty(comparison: Comparison, revision: str) -> str:
    return (
        f"Automated sync would delete all {len(comparison.resources)} objects, because Git has none at "
        f"{revision[:7]}. Set .spec.syncPolicy.automated.allowEmpty if that is meant, or sync by hand."
    )


def _is_dry_run(state: OperationState) -> bool:
    return state.operation.sync is not None and state.operation.sync.dry_run


def _duration(text: str, default: timedelta) -> timedelta:
    if not text:
        return default
    # As upstream, a bare number is seconds.
    return timedelta(seconds=int(text)) if text.isdigit() else parse_duration(text)
