"""The Application resource: a folder of Git that a namespace must match."""

from pydantic import Field

from rollouts.api.application_operation import Operation, RetryStrategy
from rollouts.api.application_source import ApplicationSource, SourceHydrator
from rollouts.api.application_status import ApplicationStatus
from rollouts.api.application_target import ApplicationDestination, Info, ResourceIgnoreDifferences
from rollouts.api.meta import API_VERSION, ObjectMeta, Spec


class SyncPolicyAutomated(Spec):
    """Sync without being asked."""

    enabled: bool | None = None
    """False switches it off and keeps the rest; true by default."""
    prune: bool = False
    """Delete what is no longer in Git."""
    self_heal: bool = False
    """Undo changes that did not come from Git."""
    allow_empty: bool = False
    """Let a sync delete every object."""


class ManagedNamespaceMetadata(Spec):
    """Labels and annotations of a namespace that CreateNamespace=true makes."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SyncPolicy(Spec):
    """When and how the cluster is made what Git says."""

    automated: SyncPolicyAutomated | None = None
    sync_options: tuple[str, ...] = ()
    """Such as `CreateNamespace=true`."""
    retry: RetryStrategy | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class ApplicationSpec(Spec):
    """What to sync from where to where."""

    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] = ()
    destination: ApplicationDestination
    project: str
    """Empty means `default`."""
    sync_policy: SyncPolicy | None = None
    ignore_differences: tuple[ResourceIgnoreDifferences, ...] = ()
    info: tuple[Info, ...] = ()
    revision_history_limit: int | None = None
    """Entries of the history to keep, 10 by default; 0 keeps none."""
    source_hydrator: SourceHydrator | None = None


class Application(Spec):
    """An application whose desired state is in Git."""

    api_version: str = API_VERSION
    kind: str = "Application"
    metadata: ObjectMeta = ObjectMeta()
    spec: ApplicationSpec
    operation: Operation | None = Field(default=None)
    """A sync to start; written by whoever asks for one, removed when it is taken up."""
    status: ApplicationStatus = ApplicationStatus()
