"""The scale of an object: its replicas, wherever its kind keeps them, as autoscaling/v1 Scale."""

from collections.abc import Iterator
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind, Scale
from rollouts.embedded.api.status import Cause, bad_request, invalid, wrong

_GO_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", list: "[]interface {}", dict: "map"}
_MOST = 2**31 - 1


def read_path(obj: Object, path: str) -> Any:
    """A value by a path of plain fields (`.spec.replicas`), or None."""
    value: Any = obj
    for key in path.strip(".").split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def scale_of(kind: Kind, scale: Scale, obj: Object) -> Object:
    """An object's autoscaling/v1 Scale."""
    meta = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": read_path(obj, scale.status) or 0}
    chosen = read_path(obj, scale.selector) if kind.custom and scale.selector else None
    if not kind.custom:
        chosen = _selector_text(obj["spec"].get("selector") or {})
    if chosen:
        status["selector"] = chosen
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": wanted} if (wanted := read_path(obj, scale.spec)) else {},
        "status": status,
    }


def _selector_text(selector: Object) -> str:
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or ():
        key, values = term["key"], ",".join(term.get("values") or ())
        match term["operator"]:
            case "In":
                terms.append(f"{key} in ({values})")
            case "NotIn":
                terms.append(f"{key} notin ({values})")
            case "Exists":
                terms.append(key)
            case _:
                terms.append(f"!{key}")
    return ",".join(terms)


def scaled(kind: Kind, scale: Scale, obj: Object, wanted: Object) -> Object:
    """The object with the replicas of a Scale.

    Raises:
        Refusal: the replicas are no count (422), or it is no Scale (400).
    """
    if wanted.get("kind", "Scale") != "Scale":
        raise bad_request(f"the scale subresource takes a Scale, not {wanted['kind']}")
    spec, meta = wanted.get("spec") or {}, wanted.get("metadata") or {}
    if not isinstance(spec, dict) or not isinstance(meta, dict):
        raise bad_request("a Scale needs a map spec with replicas, and a map metadata")
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(f"spec.replicas of a Scale must be a whole number, not {replicas}")
    if replicas < 0 and not kind.custom:
        cause = wrong("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("Scale", "autoscaling", obj["metadata"]["name"], [cause])
    version = meta.get("resourceVersion")
    result = {**obj, "metadata": {**obj["metadata"]}}
    if version:
        result["metadata"]["resourceVersion"] = version
    node = result
    *parents, last = scale.spec.strip(".").split(".")
    for key in parents:
        node[key] = dict(node.get(key) or {})
        node = node[key]
    node[last] = replicas
    return result


def scale_errors(kind: Kind, obj: Object) -> Iterator[Cause]:
    """What is wrong with the replicas of a custom object that can be scaled."""
    if kind.scale is None:
        return
    path, value = kind.scale.spec, obj
    for key in path.strip(".").split("."):
        if not isinstance(value, dict):
            yield _unreadable(path, value, "map[string]interface{}")
            return
        if key not in value:
            return
        value = value[key]
    if not isinstance(value, int) or isinstance(value, bool):
        yield _unreadable(path, value, "int64")
    elif value < 0:
        yield wrong(path, value, "should be a non-negative integer")
    elif value > _MOST:
        yield wrong(path, value, f"should be less than or equal to {_MOST}")


def _unreadable(path: str, value: Any, wanted: str) -> Cause:
    seen = f"{value} is of the type {_GO_TYPES.get(type(value), 'nil')}"
    return wrong(path, 0, f"{path} accessor error: {seen}, expected {wanted}")
