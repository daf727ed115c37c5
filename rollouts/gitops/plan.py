"""From what Git says and what lives to what there is to do. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from rollouts.api.application_target import ResourceIgnoreDifferences
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops import tracking
from rollouts.gitops.diff import Difference, differences
from rollouts.gitops.ignore import carry_ignored, without_ignored
from rollouts.gitops.options import ignores_extraneous, object_options
from rollouts.gitops.ownership import Owners, carry_over, owners
from rollouts.gitops.tracking import GIT_REVISION, Ref, ref_of

SYNC_WAVE = "argocd.argoproj.io/sync-wave"
HOOK = "argocd.argoproj.io/hook"
_HELM_HOOK = "helm.sh/hook"

KIND_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
"""The order in which kinds are applied; all others come after these."""

SyncCode = Literal["Synced", "OutOfSync", "Unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What Git says, ready to be compared: namespaces filled in, stamped with the tracking annotation."""

    objects: Mapping[Ref, Object]
    repeated: tuple[Ref, ...] = ()
    """Objects that Git describes more than once; the last description counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One object of an application: in Git, in the cluster or in both."""

    ref: Ref
    target: Object | None
    """As it may be applied: what others own is as it lives."""
    live: Object | None
    differences: tuple[Difference, ...] = ()
    wave: int = 0
    carried: bool = False
    """The target holds values of this very state of the live object; it may not be applied to a later one."""

    @property
    def to_prune(self) -> bool:
        """In the cluster as this application's, and no longer in Git."""
        return self.target is None

    @property
    def modified(self) -> bool:
        """A sync would make or change it."""
        return self.target is not None and (self.live is None or bool(self.differences))

    @property
    def status(self) -> SyncCode:
        """Whether it is what Git says."""
        return "OutOfSync" if self.modified or self.to_prune else "Synced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An application beside its cluster."""

    resources: tuple[Resource, ...]

    @property
    def status(self) -> SyncCode:
        """Synced where nothing is to be done; an extra object that says it does not matter, does not."""
        for resource in self.resources:
            if resource.modified or (resource.to_prune and _matters(resource)):
                return "OutOfSync"
        return "Synced"

    @property
    def modified(self) -> tuple[Resource, ...]:
        """What a sync would make or change."""
        return tuple(resource for resource in self.resources if resource.modified)

    @property
    def prunable(self) -> tuple[Resource, ...]:
        """What a sync that prunes would delete."""
        return tuple(resource for resource in self.resources if resource.to_prune and _matters(resource))


def prepare(
    application: str, objects: Iterable[Object], namespace: str, namespaced: Callable[[Object], bool]
) -> Targets:
    """Make the rendered objects an application's own.

    Args:
        application: its name as tracking annotations have it.
        objects: what was rendered.
        namespace: where objects without a namespace go.
        namespaced: whether the kind of an object lives in namespaces.

    Raises:
        InvalidSpec: an object is a hook, has no namespace to go to, or carries an option that is not
        supported.
    """
    found: dict[Ref, Object] = {}
    repeated: list[Ref] = []
    for obj in objects:
        if _is_skipped(obj):
            continue
        placed = _placed(obj, namespace, namespaced(obj))
        object_options(placed)
        _wave(placed)
        ref = ref_of(placed)
        if ref in found:
            repeated.append(ref)
        found[ref] = tracking.stamp(application, placed)
    return Targets(objects=found, repeated=tuple(repeated))


def compare(
    application: str,
    targets: Mapping[Ref, Object],
    live: Mapping[Ref, Object],
    ignored: tuple[ResourceIgnoreDifferences, ...] = (),
    *,
    respect_ignored: bool = False,
) -> Comparison:
    """Pair what Git says with what lives.

    Args:
        application: its name as tracking annotations have it.
        targets: what Git says.
        live: the live objects of these names, and others that may have to be pruned.
        ignored: fields that do not count.
        respect_ignored: apply ignored fields as they live, too.
    """
    by = owners([*live.values(), *(target for ref, target in targets.items() if ref not in live)])
    resources = [
        _resource(target, live.get(ref), by, ignored, respect_ignored=respect_ignored)
        for ref, target in targets.items()
    ]
    resources += [
        Resource(ref=ref, target=None, live=obj, wave=_live_wave(obj))
        for ref, obj in live.items()
        if ref not in targets
        and tracking.tracks(application, obj)
        and not obj["metadata"].get("deletionTimestamp")
    ]
    return Comparison(resources=tuple(sorted(resources, key=sort_key)))


def sort_key(resource: Resource) -> tuple[int, int, str, str, str]:
    """Wave, then kind, then name: the order in which objects are applied."""
    kind = resource.ref.kind
    order = KIND_ORDER.index(kind) if kind in KIND_ORDER else len(KIND_ORDER)
    return resource.wave, order, kind, resource.ref.namespace, resource.ref.name


def prune_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """What is to be deleted, the last applied first."""
    return tuple(sorted(resources, key=sort_key, reverse=True))


def selected(resources: Iterable[Resource], refs: Collection[Ref]) -> tuple[Resource, ...]:
    """The resources that an operation names; all of them where it names none."""
    return tuple(resource for resource in resources if not refs or resource.ref in refs)


def applied_form(resource: Resource, revision: str) -> Object:
    """What is sent to the server: of a Rollout that changes, with the revision that changes it."""
    target = resource.target or {}
    if resource.ref.group != "argoproj.io" or resource.ref.kind != "Rollout" or not resource.modified:
        return target
    metadata = target["metadata"]
    annotations = {**(metadata.get("annotations") or {}), GIT_REVISION: revision}
    return {**target, "metadata": {**metadata, "annotations": annotations}}


def _resource(
    target: Object,
    live: Object | None,
    by: Owners,
    ignored: tuple[ResourceIgnoreDifferences, ...],
    *,
    respect_ignored: bool,
) -> Resource:
    ref = ref_of(target)
    carried = carry_over(target, live, by)
    if live is None:
        return Resource(ref=ref, target=carried, live=None, wave=_wave(target))
    if respect_ignored:
        carried = carry_ignored(carried, live, ignored)
    wanted, there = without_ignored(carried, ignored), without_ignored(live, ignored)
    return Resource(
        ref=ref,
        target=carried,
        live=live,
        differences=differences(wanted, there),
        wave=_wave(target),
        carried=carried != target,
    )


def _matters(resource: Resource) -> bool:
    return resource.live is not None and not ignores_extraneous(resource.live)


def _is_skipped(obj: Object) -> bool:
    """Hooks are not run yet, so that an object that asks to be one is refused; `Skip` means: leave it out."""
    annotations = obj["metadata"].get("annotations") or {}
    for key in (HOOK, _HELM_HOOK):
        value = annotations.get(key)
        if value == "Skip":
            return True
        if value:
            raise InvalidSpec(
                f'{obj["kind"]} {obj["metadata"]["name"]} .metadata.annotations["{key}"]',
                f'"{value}": hooks are not supported yet; make it an ordinary object with a {SYNC_WAVE}',
                value,
            )
    return False


def _placed(obj: Object, namespace: str, namespaced: bool) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "namespace"}
    if namespaced:
        own = obj["metadata"].get("namespace") or namespace
        if not own:
            raise InvalidSpec(
                f"{obj['kind']} {obj['metadata']['name']} .metadata.namespace",
                "is not set, and neither is .spec.destination.namespace of the Application",
            )
        metadata["namespace"] = own
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def _live_wave(obj: Object) -> int:
    """The wave in which an object is deleted; what somebody else wrote there by mistake holds nobody up."""
    try:
        return _wave(obj)
    except InvalidSpec:
        return 0


def _wave(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(SYNC_WAVE)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError as error:
        raise InvalidSpec(
            f'{obj["kind"]} {obj["metadata"]["name"]} .metadata.annotations["{SYNC_WAVE}"]',
            f'"{text}" is not a whole number',
            text,
        ) from error
