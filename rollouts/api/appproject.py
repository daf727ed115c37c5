"""The AppProject resource: what a group of Applications may do."""

from typing import Literal

from pydantic import Field

from rollouts.api.meta import API_VERSION, ObjectMeta, Spec, Status


class ProjectDestination(Spec):
    """A cluster and namespace that applications may target; globs, and `!` denies."""

    server: str = ""
    name: str = ""
    namespace: str = ""


class GroupKind(Spec):
    """A kind, and optionally which names of it; globs."""

    group: str
    kind: str
    name: str = ""


class JWTToken(Spec):
    """A token that was issued for a role; the token itself is not kept."""

    iat: int
    """Issued at, in seconds since 1970."""
    exp: int = 0
    """Expires at; 0 never does."""
    id: str = ""


class ProjectRole(Spec):
    """Who may do what in the project."""

    name: str
    description: str = ""
    policies: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    jwt_tokens: tuple[JWTToken, ...] = ()


class SyncWindow(Spec):
    """When syncs are allowed or denied."""

    kind: Literal["", "allow", "deny"] = ""
    schedule: str = ""
    """Start, in cron's five fields."""
    duration: str = ""
    applications: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    manual_sync: bool = False
    time_zone: str = ""
    """UTC by default."""
    and_operator: bool = False
    description: str = ""
    sync_overrun: bool = False


class OrphanedResourceKey(Spec):
    """Objects that may be there without belonging to an application."""

    group: str = ""
    kind: str = ""
    name: str = ""


class OrphanedResourcesMonitorSettings(Spec):
    """Whether objects that belong to no application are reported."""

    warn: bool | None = None
    ignore: tuple[OrphanedResourceKey, ...] = ()


class SignatureKey(Spec):
    """A GnuPG key; deprecated for sourceIntegrity."""

    key_id: str = Field(alias="keyID")


class ApplicationDestinationServiceAccount(Spec):
    """Which ServiceAccount a sync acts as."""

    server: str
    namespace: str = ""
    default_service_account: str


class SourceIntegrityGitPolicyGPG(Spec):
    """Which commits must be signed, and by whom."""

    mode: Literal["none", "head", "strict"]
    keys: tuple[str, ...] = ()


class SourceIntegrityGitPolicyRepo(Spec):
    """Repositories that a policy is for."""

    url: str
    """A glob."""


class SourceIntegrityGitPolicy(Spec):
    """A policy for some repositories."""

    repos: tuple[SourceIntegrityGitPolicyRepo, ...]
    gpg: SourceIntegrityGitPolicyGPG


class SourceIntegrityGit(Spec):
    """Policies; the first that matches counts."""

    policies: tuple[SourceIntegrityGitPolicy, ...]


class SourceIntegrity(Spec):
    """How commits are verified."""

    git: SourceIntegrityGit | None = None


class AppProjectSpec(Spec):
    """What applications of the project may do."""

    description: str = ""
    source_repos: tuple[str, ...] = ()
    """Globs; `*` is any, `!` denies."""
    destinations: tuple[ProjectDestination, ...] = ()
    source_namespaces: tuple[str, ...] = ()
    cluster_resource_whitelist: tuple[GroupKind, ...] = ()
    cluster_resource_blacklist: tuple[GroupKind, ...] = ()
    namespace_resource_whitelist: tuple[GroupKind, ...] = ()
    namespace_resource_blacklist: tuple[GroupKind, ...] = ()
    roles: tuple[ProjectRole, ...] = ()
    sync_windows: tuple[SyncWindow, ...] = ()
    orphaned_resources: OrphanedResourcesMonitorSettings | None = None
    permit_only_project_scoped_clusters: bool = False
    destination_service_accounts: tuple[ApplicationDestinationServiceAccount, ...] = ()
    signature_keys: tuple[SignatureKey, ...] = ()
    source_integrity: SourceIntegrity | None = None


class JWTTokens(Status):
    """The tokens of one role."""

    items: tuple[JWTToken, ...] = ()


class AppProjectStatus(Status):
    """The tokens that were issued."""

    jwt_tokens_by_role: dict[str, JWTTokens] = {}


class AppProject(Spec):
    """A group of Applications with common limits."""

    api_version: str = API_VERSION
    kind: str = "AppProject"
    metadata: ObjectMeta = ObjectMeta()
    spec: AppProjectSpec
    status: AppProjectStatus = AppProjectStatus()
