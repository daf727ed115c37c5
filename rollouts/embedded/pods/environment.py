"""The environment of a container: values, references to the pod, to ConfigMaps and Secrets. Pure."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.embedded.pods.runner import Address

Source = tuple[str, str]
"""`ConfigMap` or `Secret`, and its name."""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


def sources(container: Object) -> set[Source]:
    """Every ConfigMap and Secret that the environment refers to."""
    found = set()
    for entry in container.get("envFrom") or ():
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if ref := entry.get(field):
                found.add((kind, ref["name"]))
    for entry in container.get("env") or ():
        value_from = entry.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if ref := value_from.get(field):
                found.add((kind, ref["name"]))
    return found


def resolve(
    container: Object, pod: Object, address: Address, found: Mapping[Source, Object], base: Mapping[str, str]
) -> dict[str, str]:
    """The environment in full; `base` is what the image brings, and the container's own entries win.

    Raises:
        InvalidSpec: a reference leads nowhere and is not optional, or is of a kind that this cluster lacks.
    """
    env = {
        **base,
        "POD_IP": address.ip,
        "POD_NAME": pod["metadata"]["name"],
        "POD_NAMESPACE": pod["metadata"]["namespace"],
    }
    ports = [int(port["containerPort"]) for port in container.get("ports") or ()]
    if ports:
        env["PORT"] = str(address.port(ports[0]))
    env |= dict(_from_sources(container, found))
    for index, entry in enumerate(container.get("env") or ()):
        value = _value(entry, pod, address, found, f".env[{index}].valueFrom")
        if value is not None:
            env[entry["name"]] = expand(value, env)
    return env


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)` as Kubernetes does in commands and values: unknown names stay, `$$` is a dollar."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return env.get(match[1], match[0])

    return _REFERENCE.sub(replace, text)


def _from_sources(container: Object, found: Mapping[Source, Object]) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(container.get("envFrom") or ()):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if ref := entry.get(field):
                data = _data(kind, ref, found, f".envFrom[{index}].{field}")
                yield from ((f"{entry.get('prefix', '')}{name}", value) for name, value in data.items())


def _data(kind: str, ref: Object, found: Mapping[Source, Object], where: str) -> Mapping[str, str]:
    item = found.get((kind, ref["name"]))
    if item is None:
        if ref.get("optional"):
            return {}
        raise InvalidSpec(where, f'there is no {kind} "{ref["name"]}"; create it, or mark it optional')
    data: dict[str, Any] = item.get("data") or {}
    if kind == "Secret":
        return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}
    return data


def _value(
    entry: Object, pod: Object, address: Address, found: Mapping[Source, Object], where: str
) -> str | None:
    value_from = entry.get("valueFrom")
    if not value_from:
        return str(entry.get("value") or "")
    if ref := value_from.get("fieldRef"):
        return _field(ref["fieldPath"], pod, address, where)
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if ref := value_from.get(field):
            data = _data(kind, ref, found, f"{where}.{field}")
            if ref["key"] in data or ref.get("optional"):
                return data.get(ref["key"])
            raise InvalidSpec(f"{where}.{field}", f'{kind} "{ref["name"]}" has no key "{ref["key"]}"; add it')
    raise InvalidSpec(where, "use fieldRef, configMapKeyRef or secretKeyRef; this cluster has no other")


def _field(path: str, pod: Object, address: Address, where: str) -> str:
    metadata = pod["metadata"]
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
        "status.hostIP": address.ip,
        "status.podIP": address.ip,
        "status.podIPs": address.ip,
    }
    if path not in known:
        raise InvalidSpec(f"{where}.fieldRef.fieldPath", f'"{path}" is not known; use {", ".join(known)}')
    return str(known[path])
