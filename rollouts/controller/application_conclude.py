"""What a pass over an Application comes to: its status, and the conditions that say why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rollouts.api.application_status import (
    ApplicationStatus,
    OperationState,
    RevisionHistory,
    RevisionVerdict,
)
from rollouts.api.meta import Object
from rollouts.controller import application_report as report
from rollouts.controller.application_observe import PINNED, PINNED_FROM, Seen
from rollouts.gitops import verdicts as judgement
from rollouts.gitops.automation import Decision
from rollouts.gitops.plan import Comparison
from rollouts.gitops.render import Rendered
from rollouts.gitops.tracking import Ref, owner, ref_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A pass that is over."""

    seen: Seen
    rendered: Rendered
    """What Git says now."""
    repeated: tuple[Ref, ...]
    """Objects that Git describes more than once."""
    comparison: Comparison
    verdicts: tuple[RevisionVerdict, ...]
    decision: Decision
    state: OperationState | None
    history: tuple[RevisionHistory, ...]
    annotations: Mapping[str, str | None]
    """Of the Application, as the pass changed them."""
    note: str
    """What became of the revert of the rejected revision."""
    reconciled_at: datetime


def conclude(over: Pass) -> ApplicationStatus:
    """The status that a pass came to."""
    seen, before, revision = over.seen, over.seen.app.status, over.rendered.revision
    rejected = judgement.rejection(over.verdicts, revision)
    unfulfilled = {
        resource.ref
        for resource in over.comparison.resources
        if rejected is not None and resource.live is not None and _is_taken_back(resource.live)
    }
    code = "OutOfSync" if unfulfilled else over.comparison.status
    return ApplicationStatus(
        resources=report.resources(over.comparison, unfulfilled),
        sync=report.sync_status(seen.app, code, revision),
        health=report.health(over.comparison, before.health, seen.now),
        history=over.history,
        operation_state=over.state,
        conditions=report.conditions(before.conditions, _findings(over), seen.now),
        reconciled_at=over.reconciled_at,
        observed_at=before.observed_at,
        source_type=over.rendered.type,
        summary=report.summary(over.comparison),
        controller_namespace=before.controller_namespace,
        verdicts=over.verdicts,
    )


def is_rollout(obj: Object) -> bool:
    """Whether an object is a Rollout."""
    ref = ref_of(obj)
    return ref.group == "argoproj.io" and ref.kind == "Rollout"


def _findings(over: Pass) -> list[report.Finding]:
    revision = over.rendered.revision
    found = [("ManifestWarning", warning) for warning in over.rendered.warnings]
    found += [
        ("RepeatedResourceWarning", f"{ref} is in Git more than once; the last one counts, remove the others")
        for ref in over.repeated
    ]
    for resource in over.comparison.resources:
        other = owner(resource.live) if resource.live is not None else ""
        if other and other != over.seen.name:
            text = f"{resource.ref} belongs to Application {other} too; remove it from one of the two"
            found.append(("SharedResourceWarning", text))
    rejected = judgement.rejection(over.verdicts, revision)
    if rejected is not None:
        good = judgement.last_good(over.history, over.verdicts)
        found.append(("RevisionRejected", f"{judgement.sentence(rejected, good)}{over.note}"))
    held_at = {**over.seen.annotations, **over.annotations}
    if held_at.get(PINNED) and held_at.get(PINNED_FROM) == revision:
        text = f"A rollback holds {str(held_at[PINNED])[:7]} until Git is at another commit than "
        found.append(("RevisionPinned", f"{text}{revision[:7]}. Sync to end that now."))
    if over.decision.error:
        found.append(("SyncError", over.decision.error))
    elif over.state is not None and over.state.phase in ("Failed", "Error"):
        found.append(("SyncError", f"The last sync failed: {over.state.message}"))
    return found


def _is_taken_back(obj: Object) -> bool:
    return is_rollout(obj) and bool((obj.get("status") or {}).get("abort"))
