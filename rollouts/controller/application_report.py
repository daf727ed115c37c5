"""What an Application's status says. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, cast

from pydantic import ValidationError

from rollouts.api.application import Application
from rollouts.api.application_operation import Operation
from rollouts.api.application_status import (
    ApplicationCondition,
    ApplicationStatus,
    ApplicationSummary,
    ComparedTo,
    HealthStatus,
    HealthStatusCode,
    OperationState,
    ResourceStatus,
    SyncStatus,
    SyncStatusCode,
)
from rollouts.api.meta import Object
from rollouts.gitops import health as healths
from rollouts.gitops.plan import Comparison, Resource
from rollouts.gitops.tracking import Ref

EventType = Literal["Normal", "Warning"]
Finding = tuple[str, str]
"""The type and the message of a condition."""


def conditions(
    before: Sequence[ApplicationCondition], found: Iterable[Finding], now: datetime
) -> tuple[ApplicationCondition, ...]:
    """The conditions as they are now; one that says the same as before keeps its time."""
    since = {(condition.type, condition.message): condition.last_transition_time for condition in before}
    return tuple(
        ApplicationCondition(
            type=type_, message=message, last_transition_time=since.get((type_, message)) or now
        )
        for type_, message in dict.fromkeys(found)
    )


def resources(comparison: Comparison, unfulfilled: Collection[Ref]) -> tuple[ResourceStatus, ...]:
    """One entry for each object.

    Args:
        comparison: what Git says beside what lives.
        unfulfilled: rollouts that say what Git says and do not run it, because they were taken back.
    """
    return tuple(_entry(resource, unfulfilled) for resource in comparison.resources)


def health(comparison: Comparison, before: HealthStatus, now: datetime) -> HealthStatus:
    """How the whole is doing: as the worst of the objects that Git has."""
    wanted = [resource for resource in comparison.resources if not resource.to_prune]
    there = [resource.live for resource in wanted if resource.live is not None]
    found = [(obj, healths.health(obj)) for obj in there if healths.counts(obj)]
    status = healths.worst((one for _, one in found), missing=len(wanted) - len(there), total=len(wanted))
    message = ""
    if status not in ("Healthy", "Missing"):
        obj, one = next((obj, one) for obj, one in found if one is not None and one.status == status)
        message = f"{obj['kind']} {obj['metadata']['name']}: {one.message}" if one and one.message else ""
    same = before.status == status
    return HealthStatus(
        status=cast("HealthStatusCode", status),
        message=message,
        last_transition_time=before.last_transition_time if same and before.last_transition_time else now,
    )


def sync_status(app: Application, status: SyncStatusCode, revision: str) -> SyncStatus:
    """The sync status, and what it was found against."""
    return SyncStatus(
        status=status,
        revision=revision,
        compared_to=ComparedTo(
            source=app.spec.source,
            destination=app.spec.destination,
            ignore_differences=app.spec.ignore_differences,
        ),
    )


def summary(comparison: Comparison) -> ApplicationSummary:
    """The images that the objects ask for, and the addresses that their Ingresses answer on."""
    images: set[str] = set()
    urls: set[str] = set()
    for resource in comparison.resources:
        obj = resource.live or resource.target or {}
        images.update(_images(obj))
        urls.update(_urls(obj))
    return ApplicationSummary(images=tuple(sorted(images)), external_urls=tuple(sorted(urls)))


def unknown(before: ApplicationStatus, findings: Iterable[Finding], now: datetime) -> ApplicationStatus:
    """The status where what Git says is not known; what is known of objects stays."""
    return before.model_copy(
        update={
            "conditions": conditions(before.conditions, findings, now),
            "sync": before.sync.model_copy(update={"status": "Unknown"}),
            "health": before.health if before.health.status else HealthStatus(status="Unknown"),
        }
    )


def refused(status: ApplicationStatus, operation: Object, message: str, now: datetime) -> ApplicationStatus:
    """The status with an operation that was not begun."""
    try:
        asked = Operation.model_validate(operation)
    except ValidationError:
        asked = Operation()
    state = OperationState(operation=asked, phase="Error", message=message, started_at=now, finished_at=now)
    return status.model_copy(update={"operation_state": state})


def news(before: ApplicationStatus, after: ApplicationStatus) -> Iterator[tuple[str, str, EventType]]:
    """The events of a change: reason, message and type."""
    known = {(condition.type, condition.message) for condition in before.conditions}
    for condition in after.conditions:
        if (condition.type, condition.message) not in known:
            yield condition.type, condition.message, "Warning"
    was, now = before.operation_state, after.operation_state
    if now is not None and now != was:
        revision = now.sync_result.revision[:7] if now.sync_result is not None else ""
        if was is None or was.started_at != now.started_at:
            who = "Automated sync" if now.operation.initiated_by.automated else "Sync"
            yield (
                "OperationStarted",
                f"{who} to {revision or 'a revision that is not known'} started",
                "Normal",
            )
        if now.phase == "Succeeded":
            yield "OperationCompleted", f"Sync operation to {revision} succeeded", "Normal"
        elif now.phase in ("Failed", "Error"):
            yield "OperationCompleted", f"Sync operation to {revision} failed: {now.message}", "Warning"
    for what, old, new in (
        ("sync", before.sync.status, after.sync.status),
        ("health", before.health.status, after.health.status),
    ):
        if old != new:
            yield "ResourceUpdated", f"Updated {what} status: {old} -> {new}", "Normal"


def _entry(resource: Resource, unfulfilled: Collection[Ref]) -> ResourceStatus:
    obj = resource.target or resource.live or {}
    return ResourceStatus(
        group=resource.ref.group,
        version=str(obj.get("apiVersion", "")).rpartition("/")[2],
        kind=resource.ref.kind,
        namespace=resource.ref.namespace,
        name=resource.ref.name,
        status="OutOfSync" if resource.ref in unfulfilled else resource.status,
        health=_health(resource),
        requires_pruning=resource.to_prune,
        sync_wave=resource.wave,
    )


def _health(resource: Resource) -> HealthStatus | None:
    if resource.live is None:
        return HealthStatus(status="Missing")
    found = healths.health(resource.live)
    return HealthStatus(status=found.status, message=found.message) if found is not None else None


def _images(obj: Object) -> Iterable[str]:
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    pod = spec if obj.get("kind") == "Pod" else (spec.get("template") or {}).get("spec") or {}
    for field in ("initContainers", "containers"):
        for container in pod.get(field) or ():
            if container.get("image"):
                yield str(container["image"])


def _urls(obj: Object) -> Iterable[str]:
    if obj.get("kind") != "Ingress" or not ((obj.get("status") or {}).get("loadBalancer") or {}).get(
        "ingress"
    ):
        return
    spec = obj.get("spec") or {}
    secure = {host for tls in spec.get("tls") or () for host in tls.get("hosts") or ()}
    for rule in spec.get("rules") or ():
        if host := rule.get("host"):
            yield f"{'https' if host in secure else 'http'}://{host}/"
