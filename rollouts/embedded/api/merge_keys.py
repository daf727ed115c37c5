"""Which lists of the built-in kinds are merged by key, and which fields are replaced whole.

The facts are those of the API types' patchMergeKey, patchStrategy and listType tags. A row says: in this
type, this field; the key that a strategic merge patch pairs elements by; the keys that server-side apply
pairs them by, when they differ; and that it is a set, a union or atomic where the tags say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Merge:
    """How a list or a map is merged."""

    key: str = ""
    """The patch merge key; empty for lists of scalars, and for lists that a patch replaces."""
    keys: tuple[str, ...] = ()
    """The keys of a list of type `map`."""
    set: bool = False
    """A list of scalars that are merged as a set."""
    retain_keys: bool = False
    """A union: a patch says which fields stay."""
    atomic: bool = False
    """Apply replaces it whole."""


def _by(key: str, *keys: str) -> Merge:
    return Merge(key=key, keys=keys or (key,))


_SET = Merge(set=True)
_CONDITIONS = {"conditions": _by("type")}
_UNION = Merge(retain_keys=True)
_ATOMIC = Merge(atomic=True)

MERGES: Mapping[str, Mapping[str, Merge]] = {
    "V1ObjectMeta": {"finalizers": _SET, "ownerReferences": _by("uid")},
    "V1PodSpec": {
        "containers": _by("name"),
        "initContainers": _by("name"),
        "ephemeralContainers": _by("name"),
        "volumes": Merge(key="name", keys=("name",), retain_keys=True),
        "imagePullSecrets": _by("name"),
        "hostAliases": _by("ip"),
        "topologySpreadConstraints": _by("topologyKey", "topologyKey", "whenUnsatisfiable"),
        "resourceClaims": Merge(key="name", keys=("name",), retain_keys=True),
        "schedulingGates": _by("name"),
        "nodeSelector": _ATOMIC,
    },
    "V1Container": {
        "env": _by("name"),
        "ports": _by("containerPort", "containerPort", "protocol"),
        "volumeMounts": _by("mountPath"),
        "volumeDevices": _by("devicePath"),
    },
    "V1EphemeralContainer": {
        "env": _by("name"),
        "ports": _by("containerPort", "containerPort", "protocol"),
        "volumeMounts": _by("mountPath"),
        "volumeDevices": _by("devicePath"),
    },
    "V1PodStatus": {
        **_CONDITIONS,
        "podIPs": _by("ip"),
        "hostIPs": _by("ip"),
        "resourceClaimStatuses": _by("name"),
    },
    "V1ResourceRequirements": {"claims": Merge(keys=("name",))},
    "V1Capabilities": {},
    "V1ServiceSpec": {"ports": _by("port", "port", "protocol"), "selector": _ATOMIC},
    "V1ServiceStatus": _CONDITIONS,
    "V1ServiceAccount": {"secrets": _by("name")},
    "V1NamespaceStatus": _CONDITIONS,
    "V1NodeSpec": {"podCIDRs": _SET, "taints": Merge(key="key")},
    "V1NodeStatus": {**_CONDITIONS, "addresses": _by("type")},
    "V1DeploymentSpec": {"strategy": _UNION},
    "V1DeploymentStatus": _CONDITIONS,
    "V1ReplicaSetStatus": _CONDITIONS,
    "V1StatefulSetStatus": _CONDITIONS,
    "V1DaemonSetStatus": _CONDITIONS,
    "V1JobStatus": {"conditions": Merge(key="type")},
    "V1PersistentVolumeClaimStatus": _CONDITIONS,
    "V1PodDisruptionBudgetStatus": _CONDITIONS,
    "V1CustomResourceDefinitionStatus": {"conditions": Merge(keys=("type",))},
    "V1LabelSelector": {"*": _ATOMIC},
    "V1ObjectReference": {"*": _ATOMIC},
    "V1SecretKeySelector": {"*": _ATOMIC},
    "V1ConfigMapKeySelector": {"*": _ATOMIC},
    "V1LocalObjectReference": {"*": _ATOMIC},
    "V1OwnerReference": {"*": _ATOMIC},
    "V1NodeSelector": {"*": _ATOMIC},
    "V1NodeSelectorTerm": {"*": _ATOMIC},
    "V1ResourceFieldSelector": {"*": _ATOMIC},
    "V1ObjectFieldSelector": {"*": _ATOMIC},
    "V1RoleRef": {"*": _ATOMIC},
    "V1TypedLocalObjectReference": {"*": _ATOMIC},
}
"""By type and field; the field `*` is the type as a whole."""

KEY_DEFAULTS: Mapping[str, str] = {"protocol": "TCP"}
"""What a key is when an element leaves it out."""
