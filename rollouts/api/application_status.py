"""What the engine reports of an Application."""

from typing import Literal

from pydantic import Field

from rollouts.api.application_operation import Operation, OperationInitiator
from rollouts.api.application_source import ApplicationSource, SourceHydrator
from rollouts.api.application_target import ApplicationDestination, ResourceIgnoreDifferences
from rollouts.api.meta import Status, Time

SyncStatusCode = Literal["", "Synced", "OutOfSync", "Unknown"]
HealthStatusCode = Literal["", "Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]
OperationPhase = Literal["", "Running", "Terminating", "Succeeded", "Failed", "Error"]


class HealthStatus(Status):
    """How an object, or the whole, is doing."""

    status: HealthStatusCode = ""
    message: str = ""
    last_transition_time: Time | None = None


class ResourceStatus(Status):
    """One object of the application."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    status: SyncStatusCode = ""
    health: HealthStatus | None = None
    hook: bool = False
    requires_pruning: bool = False
    requires_deletion_confirmation: bool = False
    sync_wave: int = 0


class ComparedTo(Status):
    """What the comparison was made against."""

    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] = ()
    destination: ApplicationDestination = ApplicationDestination()
    ignore_differences: tuple[ResourceIgnoreDifferences, ...] = ()


class SyncStatus(Status):
    """Whether the cluster is what Git says."""

    status: SyncStatusCode = ""
    compared_to: ComparedTo = ComparedTo()
    revision: str = ""
    revisions: tuple[str, ...] = ()


class RevisionHistory(Status):
    """A sync that succeeded."""

    id: int = 0
    revision: str = ""
    revisions: tuple[str, ...] = ()
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] = ()
    deploy_started_at: Time | None = None
    deployed_at: Time | None = None
    initiated_by: OperationInitiator = OperationInitiator()


class ResourceResult(Status):
    """What a sync did to one object."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    status: str = ""
    """`Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`."""
    message: str = ""
    hook_type: str = ""
    hook_phase: str = ""
    sync_phase: str = ""
    images: tuple[str, ...] = ()


class SyncOperationResult(Status):
    """What a sync did."""

    resources: tuple[ResourceResult, ...] = ()
    revision: str = ""
    revisions: tuple[str, ...] = ()
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] = ()
    managed_namespace_metadata: dict[str, dict[str, str]] | None = None


class OperationState(Status):
    """The sync under way, or the last one."""

    operation: Operation = Operation()
    phase: OperationPhase = ""
    message: str = ""
    sync_result: SyncOperationResult | None = None
    started_at: Time | None = None
    finished_at: Time | None = None
    retry_count: int = 0


class ApplicationCondition(Status):
    """Something that a user should know; these have no status, only their presence."""

    type: str
    message: str = ""
    last_transition_time: Time | None = None


class ApplicationSummary(Status):
    """What the application runs, and where it is reached."""

    images: tuple[str, ...] = ()
    external_urls: tuple[str, ...] = Field(default=(), alias="externalURLs")


class HydrateOperation(Status):
    """A rendering into a branch."""

    started_at: Time | None = None
    finished_at: Time | None = None
    phase: str = ""
    message: str = ""
    dry_sha: str = Field(default="", alias="drySHA")
    hydrated_sha: str = Field(default="", alias="hydratedSHA")
    source_hydrator: SourceHydrator | None = None


class SourceHydratorStatus(Status):
    """The last renderings into a branch."""

    last_successful_operation: HydrateOperation | None = None
    current_operation: HydrateOperation | None = None


class RevisionVerdict(Status):
    """Additive to upstream: what the rollouts of this application concluded about a Git revision."""

    revision: str
    phase: Literal["Accepted", "Rejected"]
    reason: str = ""
    message: str = ""
    resource: str = ""
    """The rollout that concluded it, as `namespace/name`."""
    at: Time | None = None


class ApplicationStatus(Status):
    """What the engine last saw and did."""

    resources: tuple[ResourceStatus, ...] = ()
    sync: SyncStatus = SyncStatus()
    health: HealthStatus = HealthStatus()
    history: tuple[RevisionHistory, ...] = ()
    operation_state: OperationState | None = None
    conditions: tuple[ApplicationCondition, ...] = ()
    reconciled_at: Time | None = None
    observed_at: Time | None = None
    source_type: str = ""
    source_types: tuple[str, ...] = ()
    summary: ApplicationSummary = ApplicationSummary()
    resource_health_source: str = ""
    controller_namespace: str = ""
    source_hydrator: SourceHydratorStatus = SourceHydratorStatus()
    verdicts: tuple[RevisionVerdict, ...] = ()
    """Additive to upstream. A rejected revision is not synced again by automation."""
