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
    """The state, from `Healthy` to `Degraded`, `Missing` and `Unknown`."""
    message: str = ""
    """Why, where that needs words."""
    last_transition_time: Time | None = None
    """When the state changed last."""


class ResourceStatus(Status):
    """One object of the application."""

    group: str = ""
    """The API group; empty for the core group."""
    version: str = ""
    """The API version."""
    kind: str = ""
    """The kind."""
    namespace: str = ""
    """The namespace; empty for an object of the whole cluster."""
    name: str = ""
    """The name."""
    status: SyncStatusCode = ""
    """Whether it is what Git says."""
    health: HealthStatus | None = None
    """How it is doing; unset for kinds that cannot tell."""
    hook: bool = False
    """It is a hook and no lasting object."""
    requires_pruning: bool = False
    """It is no longer in Git, and is to be deleted."""
    requires_deletion_confirmation: bool = False
    """It is deleted only after somebody confirms."""
    sync_wave: int = 0
    """Its place in the order of the sync; lower comes first."""


class ComparedTo(Status):
    """What the comparison was made against."""

    source: ApplicationSource | None = None
    """The source."""
    sources: tuple[ApplicationSource, ...] = ()
    """The sources, where there are several."""
    destination: ApplicationDestination = ApplicationDestination()
    """The destination."""
    ignore_differences: tuple[ResourceIgnoreDifferences, ...] = ()
    """The fields that did not count."""


class SyncStatus(Status):
    """Whether the cluster is what Git says."""

    status: SyncStatusCode = ""
    """`Synced`, `OutOfSync` or `Unknown`."""
    compared_to: ComparedTo = ComparedTo()
    """The part of the spec that the comparison used."""
    revision: str = ""
    """The commit that Git was at."""
    revisions: tuple[str, ...] = ()
    """The commits, where there are several sources."""


class RevisionHistory(Status):
    """A sync that succeeded."""

    id: int = 0
    """The number of the entry; a rollback refers to it."""
    revision: str = ""
    """The commit."""
    revisions: tuple[str, ...] = ()
    """The commits, where there are several sources."""
    source: ApplicationSource | None = None
    """The source."""
    sources: tuple[ApplicationSource, ...] = ()
    """The sources, where there are several."""
    deploy_started_at: Time | None = None
    """When the sync began."""
    deployed_at: Time | None = None
    """When the sync ended."""
    initiated_by: OperationInitiator = OperationInitiator()
    """Who asked for it."""


class ResourceResult(Status):
    """What a sync did to one object."""

    group: str = ""
    """The API group; empty for the core group."""
    version: str = ""
    """The API version."""
    kind: str = ""
    """The kind."""
    namespace: str = ""
    """The namespace; empty for an object of the whole cluster."""
    name: str = ""
    """The name."""
    status: str = ""
    """`Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`."""
    message: str = ""
    """What the API server or the engine said."""
    hook_type: str = ""
    """The phase that a hook belongs to."""
    hook_phase: str = ""
    """How a hook, or the wait for an object, is going."""
    sync_phase: str = ""
    """The phase of the sync, such as `Sync`."""
    images: tuple[str, ...] = ()
    """The container images of the object."""


class SyncOperationResult(Status):
    """What a sync did."""

    resources: tuple[ResourceResult, ...] = ()
    """What was done to each object."""
    revision: str = ""
    """The commit that was synced to."""
    revisions: tuple[str, ...] = ()
    """The commits, where there are several sources."""
    source: ApplicationSource | None = None
    """The source."""
    sources: tuple[ApplicationSource, ...] = ()
    """The sources, where there are several."""
    managed_namespace_metadata: dict[str, dict[str, str]] | None = None
    """What the namespace carries that the sync made."""


class OperationState(Status):
    """The sync under way, or the last one."""

    operation: Operation = Operation()
    """What was asked for."""
    phase: OperationPhase = ""
    """How it is going."""
    message: str = ""
    """Why, or what it waits for."""
    sync_result: SyncOperationResult | None = None
    """What was done so far."""
    started_at: Time | None = None
    """When it was taken up."""
    finished_at: Time | None = None
    """When it ended, or when the last try failed."""
    retry_count: int = 0
    """How often it was tried again."""


class ApplicationCondition(Status):
    """Something that a user should know; these have no status, only their presence."""

    type: str
    """Such as `ComparisonError`, `InvalidSpecError`, `SyncError` or `RevisionRejected`."""
    message: str = ""
    """What is the matter, and what to do."""
    last_transition_time: Time | None = None
    """When it appeared."""


class ApplicationSummary(Status):
    """What the application runs, and where it is reached."""

    images: tuple[str, ...] = ()
    """The container images."""
    external_urls: tuple[str, ...] = Field(default=(), alias="externalURLs")
    """The URLs that it is reached at."""


class HydrateOperation(Status):
    """A rendering into a branch."""

    started_at: Time | None = None
    """When it began."""
    finished_at: Time | None = None
    """When it ended."""
    phase: str = ""
    """How it is going."""
    message: str = ""
    """Why, where that needs words."""
    dry_sha: str = Field(default="", alias="drySHA")
    """The commit that was rendered."""
    hydrated_sha: str = Field(default="", alias="hydratedSHA")
    """The commit that holds the result."""
    source_hydrator: SourceHydrator | None = None
    """The settings that were used."""


class SourceHydratorStatus(Status):
    """The last renderings into a branch."""

    last_successful_operation: HydrateOperation | None = None
    """The last one that succeeded."""
    current_operation: HydrateOperation | None = None
    """The one under way, or the last one."""


class RevisionVerdict(Status):
    """Additive to upstream: what the rollouts of this application concluded about a Git revision."""

    revision: str
    """The commit."""
    phase: Literal["Accepted", "Rejected"]
    """Whether the commit is good."""
    reason: str = ""
    """Why, as one word."""
    message: str = ""
    """Why, as a sentence."""
    resource: str = ""
    """The rollout that concluded it, as `namespace/name`."""
    at: Time | None = None
    """When that was concluded."""


class ApplicationStatus(Status):
    """What the engine last saw and did."""

    resources: tuple[ResourceStatus, ...] = ()
    """The objects one by one."""
    sync: SyncStatus = SyncStatus()
    """Whether the cluster is what Git says."""
    health: HealthStatus = HealthStatus()
    """How the application is doing: as the worst of its objects."""
    history: tuple[RevisionHistory, ...] = ()
    """The syncs that succeeded, the newest last."""
    operation_state: OperationState | None = None
    """The sync under way, or the last one."""
    conditions: tuple[ApplicationCondition, ...] = ()
    """What a user should know."""
    reconciled_at: Time | None = None
    """When cluster and Git were compared last."""
    observed_at: Time | None = None
    """Kept for older clients; the engine does not set it."""
    source_type: str = ""
    """How the manifests are rendered: `Kustomize` or `Directory`."""
    source_types: tuple[str, ...] = ()
    """How each of several sources is rendered."""
    summary: ApplicationSummary = ApplicationSummary()
    """The images it runs, and where it is reached."""
    resource_health_source: str = ""
    """Where the health of the objects is kept; empty is in `.status.resources`."""
    controller_namespace: str = ""
    """The namespace of the controller that acts on it."""
    source_hydrator: SourceHydratorStatus = SourceHydratorStatus()
    """The last renderings into a branch."""
    verdicts: tuple[RevisionVerdict, ...] = ()
    """Additive to upstream. A rejected revision is not synced again by automation."""
