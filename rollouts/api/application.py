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
    """Labels of the namespace."""
    annotations: dict[str, str] = {}
    """Annotations of the namespace."""


class SyncPolicy(Spec):
    """When and how the cluster is made what Git says."""

    automated: SyncPolicyAutomated | None = None
    """Sync by itself when Git or the cluster changes; only on request by default."""
    sync_options: tuple[str, ...] = ()
    """Such as `CreateNamespace=true`."""
    retry: RetryStrategy | None = None
    """How a failed sync is tried again; an automated one 5 times by default."""
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None
    """What the namespace carries that CreateNamespace=true makes."""


class ApplicationSpec(Spec):
    """What to sync from where to where."""

    source: ApplicationSource | None = None
    """Where the manifests are."""
    sources: tuple[ApplicationSource, ...] = ()
    """Several such places at once."""
    destination: ApplicationDestination
    """The cluster and the namespace to sync to."""
    project: str
    """Empty means `default`."""
    sync_policy: SyncPolicy | None = None
    """When and how to sync; only on request by default."""
    ignore_differences: tuple[ResourceIgnoreDifferences, ...] = ()
    """Fields that may differ from Git."""
    info: tuple[Info, ...] = ()
    """Notes for people, such as a link; they change nothing."""
    revision_history_limit: int | None = None
    """Entries of the history to keep, 10 by default; 0 keeps none."""
    source_hydrator: SourceHydrator | None = None
    """Render into a branch first, and sync from there."""


class Application(Spec):
    """An application whose desired state is in Git."""

    api_version: str = API_VERSION
    """`argoproj.io/v1alpha1`."""
    kind: str = "Application"
    """`Application`."""
    metadata: ObjectMeta = ObjectMeta()
    """The name, the namespace, labels and annotations."""
    spec: ApplicationSpec
    """What is wanted."""
    operation: Operation | None = Field(default=None)
    """A sync to start; written by whoever asks for one, removed when it is taken up."""
    status: ApplicationStatus = ApplicationStatus()
    """What the engine saw and did last."""
