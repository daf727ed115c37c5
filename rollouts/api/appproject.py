"""The AppProject resource: what a group of Applications may do."""

from typing import Literal

from pydantic import Field

from rollouts.api.meta import API_VERSION, ObjectMeta, Spec, Status


class ProjectDestination(Spec):
    """A cluster and namespace that applications may target; globs, and `!` denies."""

    server: str = ""
    """The URL of the cluster."""
    name: str = ""
    """The name of the cluster."""
    namespace: str = ""
    """The namespace."""


class GroupKind(Spec):
    """A kind, and optionally which names of it; globs."""

    group: str
    """The API group; empty for the core group."""
    kind: str
    """The kind."""
    name: str = ""
    """The name; any by default."""


class JWTToken(Spec):
    """A token that was issued for a role; the token itself is not kept."""

    iat: int
    """Issued at, in seconds since 1970."""
    exp: int = 0
    """Expires at; 0 never does."""
    id: str = ""
    """The identity of the token."""


class ProjectRole(Spec):
    """Who may do what in the project."""

    name: str
    """The name of the role."""
    description: str = ""
    """What the role is for."""
    policies: tuple[str, ...] = ()
    """What the role may do, as lines of policy."""
    groups: tuple[str, ...] = ()
    """The groups whose members have the role."""
    jwt_tokens: tuple[JWTToken, ...] = ()
    """The tokens that were issued for it."""


class SyncWindow(Spec):
    """When syncs are allowed or denied."""

    kind: Literal["", "allow", "deny"] = ""
    """`allow` or `deny`."""
    schedule: str = ""
    """Start, in cron's five fields."""
    duration: str = ""
    """How long the window is open, such as `1h`."""
    applications: tuple[str, ...] = ()
    """Applications that it is for, as globs."""
    namespaces: tuple[str, ...] = ()
    """Namespaces that it is for, as globs."""
    clusters: tuple[str, ...] = ()
    """Clusters that it is for, as globs."""
    manual_sync: bool = False
    """Let a user sync nevertheless; false by default."""
    time_zone: str = ""
    """UTC by default."""
    and_operator: bool = False
    """All of applications, namespaces and clusters must match instead of one; false by default."""
    description: str = ""
    """What the window is for."""
    sync_overrun: bool = False
    """Let a sync that has begun go on when the window closes; false by default."""


class OrphanedResourceKey(Spec):
    """Objects that may be there without belonging to an application."""

    group: str = ""
    """The API group, as a glob."""
    kind: str = ""
    """The kind, as a glob."""
    name: str = ""
    """The name, as a glob."""


class OrphanedResourcesMonitorSettings(Spec):
    """Whether objects that belong to no application are reported."""

    warn: bool | None = None
    """Report what is found as a condition of the applications."""
    ignore: tuple[OrphanedResourceKey, ...] = ()
    """Objects that are not reported."""


class SignatureKey(Spec):
    """A GnuPG key; deprecated for sourceIntegrity."""

    key_id: str = Field(alias="keyID")
    """The ID of the key."""


class ApplicationDestinationServiceAccount(Spec):
    """Which ServiceAccount a sync acts as."""

    server: str
    """The URL of the cluster, as a glob."""
    namespace: str = ""
    """The namespace, as a glob."""
    default_service_account: str
    """The ServiceAccount, as `name` or `namespace:name`."""


class SourceIntegrityGitPolicyGPG(Spec):
    """Which commits must be signed, and by whom."""

    mode: Literal["none", "head", "strict"]
    """`none` asks for nothing, `head` for a signed commit, `strict` for a signed history."""
    keys: tuple[str, ...] = ()
    """The IDs of the keys that may sign."""


class SourceIntegrityGitPolicyRepo(Spec):
    """Repositories that a policy is for."""

    url: str
    """A glob."""


class SourceIntegrityGitPolicy(Spec):
    """A policy for some repositories."""

    repos: tuple[SourceIntegrityGitPolicyRepo, ...]
    """The repositories that it is for."""
    gpg: SourceIntegrityGitPolicyGPG
    """What GnuPG must say of their commits."""


class SourceIntegrityGit(Spec):
    """Policies; the first that matches counts."""

    policies: tuple[SourceIntegrityGitPolicy, ...]
    """The policies in order."""


class SourceIntegrity(Spec):
    """How commits are verified."""

    git: SourceIntegrityGit | None = None
    """Policies for Git repositories."""


class AppProjectSpec(Spec):
    """What applications of the project may do."""

    description: str = ""
    """What the project is for."""
    source_repos: tuple[str, ...] = ()
    """Globs; `*` is any, `!` denies."""
    destinations: tuple[ProjectDestination, ...] = ()
    """Where applications may sync to; nowhere by default."""
    source_namespaces: tuple[str, ...] = ()
    """Other namespaces whose Applications may belong to the project, as globs."""
    cluster_resource_whitelist: tuple[GroupKind, ...] = ()
    """Cluster-wide kinds that may be synced; none by default."""
    cluster_resource_blacklist: tuple[GroupKind, ...] = ()
    """Cluster-wide kinds that may not be synced."""
    namespace_resource_whitelist: tuple[GroupKind, ...] = ()
    """Namespaced kinds that may be synced; all by default."""
    namespace_resource_blacklist: tuple[GroupKind, ...] = ()
    """Namespaced kinds that may not be synced."""
    roles: tuple[ProjectRole, ...] = ()
    """Who may do what with the project's applications."""
    sync_windows: tuple[SyncWindow, ...] = ()
    """When syncs are allowed."""
    orphaned_resources: OrphanedResourcesMonitorSettings | None = None
    """Whether objects that belong to no application are reported; they are not by default."""
    permit_only_project_scoped_clusters: bool = False
    """Only clusters that are registered for this project; false by default."""
    destination_service_accounts: tuple[ApplicationDestinationServiceAccount, ...] = ()
    """The ServiceAccounts that syncs act as; the engine's own by default."""
    signature_keys: tuple[SignatureKey, ...] = ()
    """The keys that must have signed the commit; none by default."""
    source_integrity: SourceIntegrity | None = None
    """How commits are verified; not at all by default."""


class JWTTokens(Status):
    """The tokens of one role."""

    items: tuple[JWTToken, ...] = ()
    """The tokens."""


class AppProjectStatus(Status):
    """The tokens that were issued."""

    jwt_tokens_by_role: dict[str, JWTTokens] = {}
    """The tokens by the name of the role."""


class AppProject(Spec):
    """A group of Applications with common limits."""

    api_version: str = API_VERSION
    """`argoproj.io/v1alpha1`."""
    kind: str = "AppProject"
    """`AppProject`."""
    metadata: ObjectMeta = ObjectMeta()
    """The name, the namespace, labels and annotations."""
    spec: AppProjectSpec
    """What the project permits."""
    status: AppProjectStatus = AppProjectStatus()
    """The tokens that were issued."""
