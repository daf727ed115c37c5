"""The few kinds that kubectl's own commands (`create namespace`, `auth can-i`) send as protobuf.

Kubernetes wraps a message of the kind in one that names it. Only the fields in the table are read: a message
with any other field is refused with 415, since dropping it would change what was meant.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rollouts.api.meta import Object, format_time
from rollouts.embedded.api.status import Refusal, bad_request

MAGIC = b"k8s\x00"
_Fields = Mapping[int, tuple[str, str]]

# A type is a scalar, a message, or either behind a mark: `[]` repeated, `{}` a map with text keys, `*` a
# pointer (a zero that was sent was meant; all other zeros are absent).
_MESSAGES: Mapping[str, _Fields] = {
    "Time": {1: ("seconds", "int"), 2: ("nanos", "int")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        4: ("selfLink", "string"),
        5: ("uid", "string"),
        6: ("resourceVersion", "string"),
        7: ("generation", "int"),
        8: ("creationTimestamp", "Time"),
        11: ("labels", "{}string"),
        12: ("annotations", "{}string"),
        13: ("ownerReferences", "[]OwnerReference"),
        14: ("finalizers", "[]string"),
    },
    "OwnerReference": {
        1: ("kind", "string"),
        3: ("name", "string"),
        4: ("uid", "string"),
        5: ("apiVersion", "string"),
        6: ("controller", "*bool"),
        7: ("blockOwnerDeletion", "*bool"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec"), 3: ("status", "Empty")},
    "NamespaceSpec": {1: ("finalizers", "[]string")},
    "Empty": dict.fromkeys(range(1, 12), ("", "string")),
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "{}string"),
        3: ("binaryData", "{}bytes"),
        4: ("immutable", "*bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "{}bytes"),
        3: ("type", "string"),
        4: ("stringData", "{}string"),
        5: ("immutable", "*bool"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta"), 4: ("automountServiceAccountToken", "*bool")},
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "*int"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "*bool"),
        4: ("propagationPolicy", "string"),
        5: ("dryRun", "[]string"),
    },
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta"), 2: ("status", "Empty")},
    "SelfSubjectRulesReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "RulesSpec"),
        3: ("status", "Empty"),
    },
    "RulesSpec": {1: ("namespace", "string")},
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "AccessSpec"),
        3: ("status", "Empty"),
    },
    "AccessSpec": {1: ("resourceAttributes", "Attributes"), 2: ("nonResourceAttributes", "PathAttributes")},
    "Attributes": {
        1: ("namespace", "string"),
        2: ("verb", "string"),
        3: ("group", "string"),
        4: ("version", "string"),
        5: ("resource", "string"),
        6: ("subresource", "string"),
        7: ("name", "string"),
    },
    "PathAttributes": {1: ("path", "string"), 2: ("verb", "string")},
}
_KINDS = frozenset(
    {
        ("v1", "Namespace"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "ServiceAccount"),
        ("policy/v1", "Eviction"),
        ("v1", "DeleteOptions"),
        ("authentication.k8s.io/v1", "SelfSubjectReview"),
        ("authorization.k8s.io/v1", "SelfSubjectRulesReview"),
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
    }
)


def decode(raw: bytes) -> Object:
    """The object in a request body.

    Raises:
        Refusal: 400 when it cannot be read, 415 for a kind or a field that is only read as JSON or YAML.
    """
    if not raw.startswith(MAGIC):
        raise bad_request("the body of the request is no Kubernetes protobuf")
    try:
        wrapper = dict(_parts(raw[len(MAGIC) :]))
        names = dict(_parts(wrapper[1]))
        version, kind = names[1].decode(), names[2].decode()
        if (version, kind) not in _KINDS:
            raise _json_only(f"{version} {kind}")
        return {"apiVersion": version, "kind": kind, **_message(kind, wrapper.get(2, b""))}
    except (LookupError, AttributeError, TypeError, ValueError, OverflowError, OSError) as error:
        raise bad_request("the body of the request is no Kubernetes protobuf that can be read") from error


def _json_only(what: str) -> Refusal:
    message = (
        f"{what} is not read as protobuf by the embedded server; send it as JSON or YAML, for example with"
        " `kubectl ... --dry-run=client -o yaml | kubectl apply -f -`"
    )
    return Refusal(415, "UnsupportedMediaType", message)


def _message(name: str, raw: bytes) -> Object:
    found: Object = {}
    for number, value in _parts(raw):
        if number not in _MESSAGES[name]:
            raise _json_only(f"field {number} of {name}")
        field, shape = _MESSAGES[name][number]
        if not field:
            continue
        if shape.startswith("{}"):
            entry = dict(_parts(value))
            found.setdefault(field, {})[entry.get(1, b"").decode()] = _value(shape[2:], entry.get(2, b""))
            continue
        inner = _value(shape.lstrip("[]*"), value)
        if shape.startswith("[]"):
            found.setdefault(field, []).append(inner)
        elif shape.startswith("*") or inner:
            found[field] = inner
    return found


def _value(shape: str, value: Any) -> Any:
    match shape:
        case "string":
            return value.decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case "int":
            return value - (1 << 64) if value >= 1 << 63 else value
        case "bool":
            return bool(value)
        case "Time":
            seconds = _message("Time", value).get("seconds", 0)
            return format_time(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else None
    return _message(shape, value)


def _parts(raw: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message in their order: numbers for varints, bytes for all else."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        if key & 7 == 0:
            value, at = _varint(raw, at)
            yield key >> 3, value
        elif key & 7 == 2:
            size, at = _varint(raw, at)
            if at + size > len(raw):
                raise ValueError("a field is cut short")
            yield key >> 3, raw[at : at + size]
            at += size
        else:
            raise ValueError("a wire type that no Kubernetes kind uses")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
