"""What is no difference: spellings that mean the same, and what only the server writes. Pure."""

import base64
import math
import re
from collections.abc import Callable, Hashable
from decimal import Decimal, InvalidOperation
from typing import Any

from rollouts.api.meta import Object

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_SERVER_METADATA = (
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
_CUSTOM_GROUPS = ("gateway.networking.k8s.io", "snapshot.storage.k8s.io")
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?")
_QUANTITY_FIELDS = re.compile(
    r"\.(?:requests|limits|hard|capacity|default|defaultRequest|max|min|maxLimitRequestRatio|overhead)\b"
    r"|\.(?:sizeLimit|averageValue|divisor|storage)$"
)
# Lists whose elements have a name, in the kinds that Kubernetes itself defines.
_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
}


def normalize(obj: Object) -> Object:
    """An object without what only the server writes, and in one spelling."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_METADATA}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    result = {key: value for key, value in obj.items() if key not in ("status", "apiVersion")}
    result["metadata"] = metadata
    group = obj["apiVersion"].rpartition("/")[0]
    if obj["kind"] == "Secret" and not group:
        result = _secret(result)
    if group == "rbac.authorization.k8s.io" and not result.get("rules", True):
        del result["rules"]
    if obj["kind"] == "StatefulSet" and group == "apps":
        result = _stateful_set(result)
    return {key: _without_nulls(value) for key, value in result.items() if value is not None}


def has_merge_keys(obj: Object) -> bool:
    """Whether the elements of the lists of a kind are told apart by name.

    So it is in the kinds that Kubernetes defines; in those of CustomResourceDefinitions a list is one value.
    """
    group = obj["apiVersion"].rpartition("/")[0]
    if group in _CUSTOM_GROUPS:
        return False
    return "." not in group or group.endswith(".k8s.io")


def equal(wanted: Any, live: Any, path: str) -> bool:
    """Whether two plain values mean the same at a place: `1000m` is `1` where a quantity stands."""
    if wanted == live and isinstance(wanted, bool) == isinstance(live, bool):
        return True
    if is_empty(wanted) and is_empty(live):
        return True
    if isinstance(wanted, bool) or isinstance(live, bool):
        return False
    if isinstance(wanted, int | float) and isinstance(live, int | float):
        return math.isclose(wanted, live)
    if _QUANTITY_FIELDS.search(path):
        one, other = _quantity(wanted), _quantity(live)
        return one is not None and one == other
    return False


def is_empty(value: Any) -> bool:
    """Whether the server would drop the value, or show it as nothing."""
    return value is None or value in ({}, [], "")


def merge_key(path: str, wanted: list[Any], live: list[Any]) -> Callable[[Any], Hashable] | None:
    """What tells the elements of a list apart; None where only their places do."""
    field = path.rpartition(".")[2]
    elements = [*wanted, *live]
    if not elements or not all(isinstance(element, dict) for element in elements):
        return None
    if field == "ports":
        names: tuple[str, ...] = ("port",)
        if any("containerPort" in element for element in elements):
            names = ("containerPort",)
        return _by(names, protocol="TCP") if _unique(wanted, names, live) else None
    names = _LIST_KEYS.get(field, ())
    if not names or not _unique(wanted, names, live):
        return None
    return _by(names)


def _by(names: tuple[str, ...], **defaults: str) -> Callable[[Any], Hashable]:
    return lambda element: (
        *(element.get(name) for name in names),
        *(element.get(name, value) for name, value in defaults.items()),
    )


def _unique(wanted: list[Any], names: tuple[str, ...], live: list[Any]) -> bool:
    """Whether the names do tell the elements apart, in both; env lists with a name twice go by place."""
    for items in (wanted, live):
        keys = [
            (*(str(item.get(name)) for name in names), str(item.get("protocol", "TCP"))) for item in items
        ]
        if len(set(keys)) != len(keys):
            return False
    return True


def _quantity(value: Any) -> Decimal | None:
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    try:
        return Decimal(match[1]) * _SUFFIXES[match[2] or ""]
    except InvalidOperation:
        return None


def _secret(obj: Object) -> Object:
    data = {key: "" if value is None else value for key, value in (obj.get("data") or {}).items()}
    for key, value in (obj.get("stringData") or {}).items():
        data[key] = base64.b64encode(str(value).encode()).decode()
    rest = {key: value for key, value in obj.items() if key not in ("data", "stringData")}
    return {**rest, "data": data} if data else rest


def _stateful_set(obj: Object) -> Object:
    spec = obj.get("spec") or {}
    claims = [
        {key: value for key, value in claim.items() if key not in ("status", "apiVersion", "kind")}
        for claim in spec.get("volumeClaimTemplates") or ()
    ]
    for claim in claims:
        claim["metadata"] = {
            key: value for key, value in claim.get("metadata", {}).items() if key not in _SERVER_METADATA
        }
    return {**obj, "spec": {**spec, "volumeClaimTemplates": claims}} if claims else obj


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
