"""The shape of manifests as far as this engine looks into them: what must be a mapping, a list, text. Pure.

The API server would refuse a manifest of another shape, too; but only once it is applied, and the engine
reads it long before that.
"""

import re
from collections.abc import Iterator
from typing import Any

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object

_API_VERSION = re.compile(r"(?:[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?/)?[a-z0-9]+")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_NAMESPACE = re.compile(r"[^/%\s]+")
_LONGEST_NAME = 253

_POD = (
    "spec.template.metadata.labels",
    "spec.template.spec.containers[]",
    "spec.template.spec.initContainers[]",
)
_CANARY = "spec.strategy.canary"
_ROUTE = "backend.service.port"
# By kind. Each name on a path is a mapping, one with [] a list of mappings, one with [*] a list of anything.
SHAPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"), _POD),
    "Pod": ("spec.containers[]", "spec.initContainers[]"),
    "Service": ("spec.selector", "spec.ports[]"),
    "Ingress": (
        "spec.defaultBackend.service.port",
        f"spec.rules[].http.paths[].{_ROUTE}",
        "spec.tls[].hosts[*]",
    ),
    "HTTPRoute": ("spec.hostnames[*]", "spec.rules[].backendRefs[]"),
    "HorizontalPodAutoscaler": ("spec.scaleTargetRef",),
    "Rollout": (
        *_POD,
        "spec.workloadRef",
        f"{_CANARY}.trafficRouting.nginx.stableIngresses[*]",
        f"{_CANARY}.trafficRouting.managedRoutes[]",
        f"{_CANARY}.trafficRouting.plugins.argoproj-labs/gatewayAPI.httpRoutes[]",
    ),
}


def check(document: Object, where: str) -> None:
    """Refuse a document of a shape that no object has.

    Args:
        document: a mapping out of a file.
        where: the file and the document, for messages.

    Raises:
        InvalidSpec: names the object, the field, the value and what it must be.
    """
    for field, form in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        value = document.get(field)
        if not isinstance(value, str) or not value:
            raise InvalidSpec(f"{where} .{field}", "is required", value)
        if not form.fullmatch(value):
            raise InvalidSpec(f"{where} .{field}", f'"{value[:80]}" is none', value)


def check_object(obj: Object, where: str) -> None:
    """Refuse an object whose metadata, or whose fields that are looked into, have another shape.

    Raises:
        InvalidSpec: as `check`.
    """
    what = f"{where} {obj['kind']}"
    _check_metadata(obj.get("metadata"), what)
    named = f"{what}/{obj['metadata']['name']}"
    for path in SHAPES.get(obj["kind"], ()):
        _walk(obj, path.split("."), named, "")
    for path, value in _texts(obj):
        if not isinstance(value, str):
            raise InvalidSpec(f"{named} {path}", f'"{value}" must be text; put quotes around it', value)


def _check_metadata(metadata: Any, what: str) -> None:
    if not isinstance(metadata, dict):
        raise InvalidSpec(f"{what} .metadata", "is required", metadata)
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        remedy = (
            "; an object that Git describes needs a name of its own" if "generateName" in metadata else ""
        )
        raise InvalidSpec(f"{what} .metadata.name", f"is required{remedy}", name)
    if name in (".", "..") or "/" in name or "%" in name or len(name) > _LONGEST_NAME:
        raise InvalidSpec(f"{what} .metadata.name", f'"{name[:80]}" cannot be the name of an object', name)
    namespace = metadata.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise InvalidSpec(
            f"{what}/{name} .metadata.namespace",
            f'"{namespace}" must be text; put quotes around it',
            namespace,
        )
    if namespace and (namespace in (".", "..") or not _NAMESPACE.fullmatch(namespace)):
        raise InvalidSpec(
            f"{what}/{name} .metadata.namespace", f'"{namespace[:80]}" cannot be a namespace', namespace
        )
    for field in ("labels", "annotations"):
        texts = metadata.get(field)
        if texts is not None and not isinstance(texts, dict):
            raise InvalidSpec(f"{what}/{name} .metadata.{field}", _not("a mapping", texts), texts)
        for key, value in (texts or {}).items():
            if not isinstance(value, str):
                where = f"{what}/{name} .metadata.{field}.{key}"
                raise InvalidSpec(where, "must be text; put quotes around it", value)


def _not(what: str, seen: Any) -> str:
    return f'must be {what}, and is "{str(seen)[:60]}"'


def _walk(value: Any, path: list[str], named: str, at: str) -> None:
    """Follow a path as far as there is anything."""
    if not path or value is None:
        return
    step, *rest = path
    name, bracket, _ = step.partition("[")
    inner = value.get(name)
    place = f"{at}.{name}"
    if inner is None:
        return
    if not bracket:
        if not isinstance(inner, dict):
            raise InvalidSpec(f"{named} {place}", _not("a mapping", inner), inner)
        _walk(inner, rest, named, place)
        return
    if not isinstance(inner, list):
        raise InvalidSpec(f"{named} {place}", _not("a list", inner), inner)
    if step.endswith("[*]"):
        return
    for number, item in enumerate(inner):
        if not isinstance(item, dict):
            raise InvalidSpec(f"{named} {place}[{number}]", _not("a mapping", item), item)
        _walk(item, rest, named, f"{place}[{number}]")


def _texts(obj: Object) -> Iterator[tuple[str, Any]]:
    """Fields by which objects are found, and which so must be text."""
    spec = obj.get("spec")
    if obj["kind"] == "Service" and isinstance(spec, dict):
        for key, value in (spec.get("selector") or {}).items():
            yield f".spec.selector.{key}", value
    if obj["kind"] == "Rollout" and isinstance(spec, dict):
        canary = (spec.get("strategy") or {}).get("canary") or {}
        for field in ("stableService", "canaryService"):
            if canary.get(field) is not None:
                yield f".{_CANARY}.{field}", canary[field]
        routing = canary.get("trafficRouting") or {}
        gateway = (routing.get("plugins") or {}).get("argoproj-labs/gatewayAPI") or {}
        if gateway.get("httpRoute") is not None:
            yield (
                f".{_CANARY}.trafficRouting.plugins.argoproj-labs/gatewayAPI.httpRoute",
                gateway["httpRoute"],
            )
