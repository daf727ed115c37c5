"""One pass over an Application whose Git state is known: compare, decide, sync, write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.api.application_operation import Operation
from rollouts.api.application_source import ApplicationSource
from rollouts.api.application_status import (
    ApplicationStatus,
    OperationState,
    RevisionHistory,
    RevisionVerdict,
    SyncOperationResult,
)
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.meta import Object, dump
from rollouts.controller import application_operation as operations
from rollouts.controller import application_report as report
from rollouts.controller.application_conclude import Pass, conclude, is_rollout
from rollouts.controller.application_observe import (
    PINNED,
    PINNED_FROM,
    REFRESH,
    Seen,
    compared,
    read_live,
    targets,
)
from rollouts.controller.status import difference
from rollouts.gitops import verdicts as judgement
from rollouts.gitops.automation import Decision, decide
from rollouts.gitops.cluster import Cluster
from rollouts.gitops.desired import Desired
from rollouts.gitops.plan import Comparison, Resource, Targets
from rollouts.gitops.render import Rendered
from rollouts.gitops.sync import Compare, Request
from rollouts.gitops.sync import run as run_sync
from rollouts.gitops.tracking import Ref, owner
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError
from rollouts.kube.resources import APPLICATIONS

WAIT = timedelta(seconds=2)
"""After which an operation that waits looks again, whatever the watches say."""
_SELDOM = timedelta(seconds=60)
"""How often reconciledAt is written when nothing else changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a pass works with."""

    client: Client
    cluster: Cluster
    desired: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """What Git says at a revision."""

    revision: str
    rendered: Rendered
    targets: Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a pass came to."""

    raw: Object
    """The Application as it was written last."""
    status: ApplicationStatus
    again_after: timedelta


async def ask(parts: Parts, seen: Seen, revision: str) -> Git:
    """What Git says at a commit.

    Raises:
        InvalidSpec: it does not render, or may not be synced.
        Unavailable: the repository did not answer.
    """
    rendered = await parts.desired.rendered(seen.source, revision, seen.asker)
    return Git(
        revision=revision, rendered=rendered, targets=await targets(seen, rendered.objects, parts.cluster)
    )


def pinned(seen: Seen, head: str) -> str:
    """The revision that a rollback holds the Application at; a new commit ends it."""
    return seen.annotations.get(PINNED, "") if seen.annotations.get(PINNED_FROM) == head else ""


class Work:
    """One pass.

    Args:
        parts: what it works with.
        seen: the Application.
        head: what Git says now.
        effective: what automated sync works towards: the same, or what a rollback pinned.
        note: what became of the revert of the rejected revision.
    """

    def __init__(self, parts: Parts, seen: Seen, head: Git, effective: Git, note: str = "") -> None:
        self._parts = parts
        self._seen = seen
        self._head = head
        self._effective = effective
        self._note = note
        self._raw = seen.raw
        self._state = seen.app.status.operation_state
        self._history: tuple[RevisionHistory, ...] = seen.app.status.history
        self._live: dict[Ref, Object] = {}
        self._annotations: dict[str, str | None] = {}
        self._taken_up = False

    async def run(self) -> Done:
        """Make the pass.

        Raises:
            Conflict: the Application changed meanwhile; look again.
            Unavailable, ApiError: try again.
        """
        seen, head = self._seen, self._head
        self._live = await read_live(self._parts.cluster, seen, (head.targets, self._effective.targets))
        verdicts = await self._verdicts(compared(seen, head.targets, self._live))
        decision = await self._operate(verdicts)
        comparison = compared(seen, head.targets, self._live)
        status = conclude(
            Pass(
                seen=seen,
                rendered=head.rendered,
                repeated=head.targets.repeated,
                comparison=comparison,
                verdicts=verdicts,
                decision=decision,
                state=self._state,
                history=self._history,
                annotations=self._annotations,
                note=self._note,
                reconciled_at=self._reconciled_at(),
            )
        )
        self._raw = await self._write(status)
        return Done(raw=self._raw, status=status, again_after=self._again(decision))

    async def _verdicts(self, comparison: Comparison) -> tuple[RevisionVerdict, ...]:
        seen, head = self._seen, self._head
        rollouts = [obj for obj in self._live.values() if is_rollout(obj) and owner(obj) == seen.name]
        in_git = {resource.ref for resource in comparison.resources if resource.status == "Synced"}
        found = judgement.judge(seen.app.status.verdicts, rollouts, in_git, head.revision, seen.now)
        rejected = next((v for v in reversed(found) if v.phase == "Rejected"), None)
        if rejected is None or any(verdict.revision == head.revision for verdict in found):
            return found
        try:
            before = await self._parts.desired.rendered(seen.source, rejected.revision, seen.asker)
        except (InvalidSpec, Unavailable):
            return found  # it cannot be read any more, so that nothing is known of its content
        if before.objects != head.rendered.objects:
            return found
        return (*found, judgement.same_content(rejected, head.revision, seen.now))

    async def _operate(self, verdicts: tuple[RevisionVerdict, ...]) -> Decision:
        """Carry an operation on, or begin one: a user's before an automated one."""
        seen, asked = self._seen, self._seen.app.operation
        self._supersede(asked)
        if self._state is not None and self._state.phase == "Running":
            await self._carry_on(self._state)
            return Decision(again_after=operations.waits(self._state, seen.now) or None)
        if asked is not None:
            await self._begin(asked)
            return Decision()
        held = judgement.rejection(verdicts, self._effective.revision) is not None
        decision = decide(
            seen.app.spec.sync_policy,
            compared(seen, self._effective.targets, self._live),
            self._effective.revision,
            self._state,
            seen.now,
            held=held,
        )
        if decision.operation is not None:
            await self._begin(decision.operation)
        return decision

    def _supersede(self, asked: Operation | None) -> None:
        """End what a user terminates, and an automated sync whose revision is no longer the one wanted."""
        state = self._state
        if state is None:
            return
        if state.phase == "Terminating":
            self._state = operations.ended(state, "Failed", "terminated by a user", self._seen.now)
        elif state.phase == "Running" and state.operation.initiated_by.automated:
            revision = state.sync_result.revision if state.sync_result is not None else ""
            if revision != self._effective.revision or asked is not None:
                message = f"superseded while it was syncing to {revision[:7]}"
                self._state = operations.ended(state, "Failed", message, self._seen.now)

    async def _begin(self, operation: Operation) -> None:
        """Take an operation up, and write what it is about to touch before the first object is written."""
        seen = self._seen
        self._taken_up = operation is seen.app.operation
        source = (operation.sync.source if operation.sync is not None else None) or seen.source
        try:
            operations.check(operation, seen.source)
            revision = await self._revision(operation)
            wanted = await self._targets(source, revision)
        except (InvalidSpec, Unavailable) as error:
            state = operations.begun(operation, "", source, seen.now)
            self._state = operations.ended(state, "Error", str(error), seen.now)
            return
        self._pin(operation, revision)
        state = operations.begun(operation, revision, source, seen.now)
        both = Targets(objects={**wanted.objects, **self._head.targets.objects})
        status = seen.app.status.model_copy(
            update={
                "operation_state": state,
                "resources": report.resources(compared(seen, both, self._live), ()),
            }
        )
        self._raw = await self._write(status)
        await self._carry_on(state)

    async def _targets(self, source: ApplicationSource, revision: str) -> Targets:
        rendered = await self._parts.desired.rendered(source, revision, self._seen.asker)
        return await targets(self._seen, rendered.objects, self._parts.cluster)

    async def _revision(self, operation: Operation) -> str:
        wanted = operation.sync.revision if operation.sync is not None else ""
        if not wanted or wanted == self._seen.source.target_revision:
            return self._head.revision
        return await self._parts.desired.commit(self._seen.source, wanted, self._seen.asker)

    def _pin(self, operation: Operation, revision: str) -> None:
        """A user's sync to another revision than Git's holds until Git moves on; one to Git's ends that."""
        policy = self._seen.app.spec.sync_policy
        automated = (
            policy is not None and policy.automated is not None and policy.automated.enabled is not False
        )
        sync = operation.sync
        if operation.initiated_by.automated or sync is None or sync.dry_run or sync.resources:
            return
        if automated and revision != self._head.revision:
            self._annotations |= {PINNED: revision, PINNED_FROM: self._head.revision}
        elif PINNED in self._seen.annotations:
            self._annotations |= {PINNED: None, PINNED_FROM: None}

    async def _carry_on(self, state: OperationState) -> None:
        seen, cluster = self._seen, self._parts.cluster
        self._state = state
        sync = state.operation.sync
        if operations.waits(state, seen.now) or sync is None:
            return
        result = state.sync_result or SyncOperationResult(revision=self._head.revision)
        try:
            options = operations.options(seen.app, state.operation)
            wanted = await self._targets(result.source or seen.source, result.revision)
            if options.create_namespace and not sync.dry_run:
                await self._create_namespace()
        except (InvalidSpec, Unavailable, ApiError) as error:
            self._state = operations.failed(state, str(error), seen.now)
            return
        self._live.update(await read_live(cluster, seen, (wanted,)))
        request = Request(
            application=seen.name,
            revision=result.revision,
            options=options,
            prune=sync.prune,
            dry_run=sync.dry_run,
            only=operations.only(sync, seen.app.spec.destination.namespace),
        )
        comparison = compared(seen, wanted, self._live, respect=options.respect_ignore_differences)
        again = self._again_one(wanted, respect=options.respect_ignore_differences)
        outcome = await run_sync(cluster, comparison, request, operations.results(state), again)
        self._remember(outcome.live)
        self._state = operations.carried_on(state, outcome, seen.now)
        self._history = operations.history(seen.app, self._state, seen.now)

    def _again_one(self, wanted: Targets, *, respect: bool) -> Compare:
        """Compares an object that changed while it was applied."""

        async def again(ref: Ref) -> Resource | None:
            target = wanted.objects.get(ref)
            if target is None:
                return None
            live = await self._parts.cluster.read(target["apiVersion"], ref, fresh=True)
            now = {**self._live, ref: live} if live is not None else self._live
            found = compared(self._seen, wanted, now, respect=respect)
            return next((resource for resource in found.resources if resource.ref == ref), None)

        return again

    async def _create_namespace(self) -> None:
        spec = self._seen.app.spec
        metadata = spec.sync_policy.managed_namespace_metadata if spec.sync_policy is not None else None
        if spec.destination.namespace:
            await self._parts.cluster.ensure_namespace(
                spec.destination.namespace,
                metadata.labels if metadata is not None else {},
                metadata.annotations if metadata is not None else {},
            )

    def _remember(self, live: Mapping[Ref, Object | None]) -> None:
        for ref, obj in live.items():
            if obj is None:
                self._live.pop(ref, None)
            else:
                self._live[ref] = obj

    def _reconciled_at(self) -> datetime:
        before = self._seen.app.status.reconciled_at
        asked = self._parts.desired.asked_at(str(self._seen.key), self._seen.source) or self._seen.now
        return asked if before is None or asked - before >= _SELDOM else before

    async def _write(self, status: ApplicationStatus) -> Object:
        """Write what changed, in one patch, onto the Application that was seen."""
        metadata = self._raw["metadata"]
        there = metadata.get("annotations") or {}
        changes = dict(self._annotations)
        if there.get(PINNED) and PINNED not in changes and not pinned(self._seen, self._head.revision):
            changes |= {PINNED: None, PINNED_FROM: None}
        if REFRESH in there:
            changes[REFRESH] = None
        annotations = {key: value for key, value in changes.items() if there.get(key) != value}
        patch: Object = {}
        if taken := difference(self._raw.get("status") or {}, dump(status)):
            patch["status"] = taken
        if self._taken_up and "operation" in self._raw:
            patch["operation"] = None
        if annotations:
            patch["metadata"] = {"annotations": annotations}
        if not patch:
            return self._raw
        patch["metadata"] = {
            **patch.get("metadata", {}),
            "resourceVersion": metadata["resourceVersion"],
        }
        return await self._parts.client.patch(
            APPLICATIONS, metadata["name"], patch, metadata.get("namespace", "")
        )

    def _again(self, decision: Decision) -> timedelta:
        seen = self._seen
        poll = self._parts.desired.next_poll(str(seen.key), seen.source, seen.now)
        waits = [poll]
        if decision.again_after is not None:
            waits.append(decision.again_after)
        state = self._state
        if state is not None and state.phase == "Running":
            waits.append(operations.waits(state, seen.now) or WAIT)
        return min(waits)
