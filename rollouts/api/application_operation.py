"""An operation of an Application: one sync, as asked for."""

from rollouts.api.application_source import ApplicationSource
from rollouts.api.application_target import Info
from rollouts.api.meta import Spec


class Backoff(Spec):
    """How long to wait between tries."""

    duration: str = ""
    """5s by default."""
    factor: int | None = None
    """2 by default."""
    max_duration: str = ""
    """3m by default."""


class RetryStrategy(Spec):
    """Whether and how a failed sync is tried again."""

    limit: int = 0
    """How many tries; negative has no end."""
    backoff: Backoff | None = None
    """How long to wait between tries."""
    refresh: bool = False
    """Let a retry take a newer commit."""


class SyncStrategyApply(Spec):
    """Apply without hooks."""

    force: bool = False
    """Delete and make again what cannot be changed; false by default."""


class SyncStrategyHook(Spec):
    """Apply and run hooks."""

    force: bool = False
    """Delete and make again what cannot be changed; false by default."""


class SyncStrategy(Spec):
    """How objects are applied."""

    apply: SyncStrategyApply | None = None
    """Apply and nothing else."""
    hook: SyncStrategyHook | None = None
    """Apply, and run hooks where there are any."""


class SyncOperationResource(Spec):
    """One object to sync."""

    group: str = ""
    """The API group; empty for the core group."""
    kind: str
    """The kind of the object."""
    name: str
    """The name of the object."""
    namespace: str = ""
    """The namespace of the object; the destination's by default."""
    exclude: bool = False
    """Sync all but this one; false by default."""


class SyncOperation(Spec):
    """What to sync and how."""

    revision: str = ""
    """The targetRevision of the source by default."""
    revisions: tuple[str, ...] = ()
    """The revisions, one for each of several sources."""
    source: ApplicationSource | None = None
    """The source to sync from, instead of the Application's own."""
    sources: tuple[ApplicationSource, ...] = ()
    """The sources to sync from, instead of the Application's own."""
    prune: bool = False
    """Delete what is no longer in Git; false by default."""
    dry_run: bool = False
    """Ask the API server and change nothing; false by default."""
    sync_strategy: SyncStrategy | None = None
    """How objects are applied."""
    resources: tuple[SyncOperationResource, ...] = ()
    """Only these; all by default."""
    manifests: tuple[str, ...] = ()
    """Manifests to apply instead of those in Git."""
    sync_options: tuple[str, ...] = ()
    """Such as `ApplyOutOfSyncOnly=true`; added to those of the Application."""
    auto_heal_attempts_count: int = 0
    """How often in a row self-healing has tried; the engine counts it."""


class OperationInitiator(Spec):
    """Who asked."""

    username: str = ""
    """The name of the user."""
    automated: bool = False
    """The engine asked by itself."""


class Operation(Spec):
    """A sync to carry out."""

    sync: SyncOperation | None = None
    """The sync to carry out."""
    initiated_by: OperationInitiator = OperationInitiator()
    """Who asked for it."""
    info: tuple[Info, ...] = ()
    """Notes for people; they change nothing."""
    retry: RetryStrategy = RetryStrategy()
    """How it is tried again when it fails; not at all by default."""
