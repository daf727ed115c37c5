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
    refresh: bool = False
    """Let a retry take a newer commit."""


class SyncStrategyApply(Spec):
    """Apply without hooks."""

    force: bool = False


class SyncStrategyHook(Spec):
    """Apply and run hooks."""

    force: bool = False


class SyncStrategy(Spec):
    """How objects are applied."""

    apply: SyncStrategyApply | None = None
    hook: SyncStrategyHook | None = None


class SyncOperationResource(Spec):
    """One object to sync."""

    group: str = ""
    kind: str
    name: str
    namespace: str = ""
    exclude: bool = False


class SyncOperation(Spec):
    """What to sync and how."""

    revision: str = ""
    """The targetRevision of the source by default."""
    revisions: tuple[str, ...] = ()
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] = ()
    prune: bool = False
    dry_run: bool = False
    sync_strategy: SyncStrategy | None = None
    resources: tuple[SyncOperationResource, ...] = ()
    """Only these; all by default."""
    manifests: tuple[str, ...] = ()
    sync_options: tuple[str, ...] = ()
    auto_heal_attempts_count: int = 0


class OperationInitiator(Spec):
    """Who asked."""

    username: str = ""
    automated: bool = False


class Operation(Spec):
    """A sync to carry out."""

    sync: SyncOperation | None = None
    initiated_by: OperationInitiator = OperationInitiator()
    info: tuple[Info, ...] = ()
    retry: RetryStrategy = RetryStrategy()
