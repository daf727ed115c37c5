"""Pod templates: their hash, and when two of them ask for the same pods."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from rollouts.api.meta import Object
from strategies.marshal import marshal

HASH_LABEL = "rollouts-pod-template-hash"

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # what Kubernetes allows in generated names: no vowels, no 0, 1, 3

# What the API server fills in where a template says nothing, by the field's name and value.
_DEFAULTS: dict[str, tuple[object, ...]] = {
    "apiVersion": ("v1",),
    "creationTimestamp": (None,),
    "defaultMode": (420,),
    "dnsPolicy": ("ClusterFirst",),
    "emptyDir": ({},),
    "enableServiceLinks": (True,),
    "expirationSeconds": (3600,),
    "failureThreshold": (3,),
    "metadata": ({},),
    "optional": (False,),
    "path": ("/",),
    "periodSeconds": (10,),
    "protocol": ("TCP",),
    "readOnly": (False,),
    "resources": ({},),
    "restartPolicy": ("Always",),
    "schedulerName": ("default-scheduler",),
    "scheme": ("HTTP",),
    "securityContext": ({},),
    "service": ("",),
    "successThreshold": (1,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "timeoutSeconds": (1,),
    "type": ("",),
}

_QUANTITY = re.compile(r"^([+-]?[0-9.]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
_SCALE: dict[str, Decimal | int] = {"": 1}
_SCALE |= {"m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_SCALE |= {f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", start=1)}


def fnv32a(data: bytes) -> int:
    """The 32 bit FNV-1a hash (Fowler, Noll, Vo): offset basis 2166136261, prime 16777619."""
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def safe_encode(text: str) -> str:
    """Spell a text in Kubernetes' alphabet for names, so that it forms no word by accident."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in text.encode())


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces and no nulls: equal content gives equal bytes."""
    return json.dumps(_without_nulls(value), sort_keys=True, separators=(",", ":")).encode()


@lru_cache(maxsize=16_384)
def name_of(content: bytes, write: Callable[[object], bytes], collision_count: int | None = None) -> str:
    """Name JSON content: FNV-32a of what `write` makes of it, and of the collision count if there is one.

    Remembered for the templates and the steps of some 8,000 rollouts: a pass asks for both each time.
    """
    data = write(json.loads(content))
    if collision_count is not None:
        data += (collision_count % 2**32).to_bytes(8, "little")
    return safe_encode(str(fnv32a(data)))


def pod_hash(template: Object, collision_count: int | None = None) -> str:
    """Name a pod template by its content, as upstream does."""
    return name_of(to_json(template), _pod_template, collision_count)


def _pod_template(value: object) -> bytes:
    return marshal(value, "PodTemplateSpec")


def without_hash(template: Object) -> Object:
    """The template as the user wrote it: without the label that the engine adds."""
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def same_pods(live: Object, desired: Object) -> bool:
    """Whether `live` is `desired` as an API server stores it: equal, or with nothing more than defaults.

    A field that the live template has and the desired one lacks counts as equal only at its default value, so
    that taking a field out of a template is a change.
    """
    return _equal(_without_nulls(without_hash(live)), _without_nulls(without_hash(desired)))


def images(template: Object) -> tuple[tuple[str, str], ...]:
    """The containers of a template by name and image; no API server rewrites these."""
    spec = template.get("spec") or {}
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return tuple((str(each.get("name", "")), str(each.get("image", ""))) for each in containers)


def _equal(live: Any, desired: Any, key: str = "") -> bool:
    if isinstance(live, Mapping) and isinstance(desired, Mapping):
        quantities = key in {"limits", "requests"}
        if any(name not in live for name in desired if not _empty(desired[name])):
            return False
        return all(
            _same_value(value, desired[name], name, quantities=quantities)
            if name in desired
            else _defaulted(name, value, desired)
            for name, value in live.items()
        )
    if isinstance(live, list) and isinstance(desired, list):
        return len(live) == len(desired) and all(map(_equal, live, desired))
    return bool(live == desired)


def _same_value(live: Any, desired: Any, name: str, *, quantities: bool) -> bool:
    if quantities or name == "sizeLimit":
        return _quantity(live) == _quantity(desired)
    return _equal(live, desired, name)


def _defaulted(name: str, value: object, beside: Mapping[str, object]) -> bool:
    """Whether the API server may have put `value` there by itself."""
    if name == "serviceAccount":  # the old name of serviceAccountName, kept equal to it
        return value == beside.get("serviceAccountName", "default")
    if name == "imagePullPolicy":
        return value == _pull_policy(str(beside.get("image", "")))
    return _empty(value) or value in _DEFAULTS.get(name, ())


def _pull_policy(image: str) -> str:
    """Kubernetes pulls anew only what may move: no tag, or `latest`."""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return "Always" if "@" not in image and tag in {"", "latest"} else "IfNotPresent"


def _empty(value: object) -> bool:
    return value is None or value in ({}, [])


def _quantity(value: object) -> Decimal | str:
    found = _QUANTITY.match(str(value))
    if found is None:
        return str(value)
    return Decimal(found[1]) * _SCALE[found[2] or ""]


def _without_nulls(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(each) for each in value]
    return value
