"""What renders without an error and yet cannot be meant. Pure."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from rollouts.api.meta import Object

_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_MOST = 20
"""Warnings that are told one by one: they go into the status and become events."""
_LONGEST = 600
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout", "Job", "Pod")


def lint(objects: tuple[Object, ...], namespace: str, strays: Mapping[str, bytes]) -> tuple[str, ...]:
    """One sentence for each finding: the object, the field, the value and what to do.

    Args:
        objects: what was rendered.
        namespace: where objects without a namespace go.
        strays: files named `kustomize`, by path.
    """
    found = chain(
        _strays(strays), _variables(objects), _ingresses(objects, namespace), _services(objects, namespace)
    )
    told = tuple(_short(text) for text in islice(found, _MOST))
    if more := sum(1 for _ in found):
        return (*told, f"There are {more} more warnings of this kind; they show once these are mended.")
    return told


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _strays(strays: Mapping[str, bytes]) -> Iterator[str]:
    for path, content in strays.items():
        if b"kind: Kustomization" in content or b"resources:" in content:
            yield (
                f'File "{path}" looks like a kustomization, but it is only read under the name '
                "kustomization.yaml: its images and settings have no effect. Rename it."
            )


def _variables(objects: tuple[Object, ...]) -> Iterator[str]:
    for obj in objects:
        for field, value in _texts(obj):
            if match := _VARIABLE.search(value):
                yield (
                    f'{_name(obj)} {field}: "{value}" holds the literal {match.group()}, which nothing '
                    "replaces. Write the value, or set it with a kustomization."
                )


def _texts(obj: Object) -> Iterator[tuple[str, str]]:
    """The fields where a variable can only be a mistake: namespaces, hosts and images."""
    metadata = obj["metadata"]
    yield ".metadata.name", str(metadata["name"])
    yield ".metadata.namespace", str(metadata.get("namespace") or "")
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    if obj["kind"] == "Ingress":
        for number, rule in enumerate(spec.get("rules") or ()):
            yield f".spec.rules[{number}].host", str(rule.get("host") or "")
    if obj["kind"] == "HTTPRoute":
        for number, host in enumerate(spec.get("hostnames") or ()):
            yield f".spec.hostnames[{number}]", str(host)
    for number, container in enumerate(_pod(obj).get("containers") or ()):
        yield f".spec.template.spec.containers[{number}].image", str(container.get("image") or "")


def _ingresses(objects: tuple[Object, ...], namespace: str) -> Iterator[str]:
    services = {
        (_namespace(obj, namespace), obj["metadata"]["name"]): obj
        for obj in objects
        if obj["kind"] == "Service"
    }
    for obj in objects:
        if obj["kind"] != "Ingress":
            continue
        for field, backend in _backends(obj):
            name = str(backend.get("name") or "")
            service = services.get((_namespace(obj, namespace), name))
            if service is None:
                yield from _elsewhere(obj, field, name, services)
                continue
            yield from _port(obj, field, backend.get("port") or {}, service)


def _backends(ingress: Object) -> Iterator[tuple[str, Object]]:
    spec = ingress.get("spec") or {}
    default = (spec.get("defaultBackend") or {}).get("service")
    if default:
        yield ".spec.defaultBackend.service", default
    for number, rule in enumerate(spec.get("rules") or ()):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            service = (path.get("backend") or {}).get("service")
            if service:
                yield f".spec.rules[{number}].http.paths[{index}].backend.service", service


def _elsewhere(
    ingress: Object, field: str, name: str, services: Mapping[tuple[str, str], Object]
) -> Iterator[str]:
    others = sorted(namespace for namespace, other in services if other == name)
    if others:
        yield (
            f"{_name(ingress)} {field}.name: Service {name} is in namespace {others[0]}, and an Ingress only "
            "reaches Services of its own namespace. Move one of them."
        )


def _port(ingress: Object, field: str, port: Object, service: Object) -> Iterator[str]:
    ports = (service.get("spec") or {}).get("ports") or ()
    numbers, names = [p.get("port") for p in ports], [p.get("name") for p in ports if p.get("name")]
    if "number" in port and port["number"] not in numbers:
        seen, key = port["number"], "number"
    elif "name" in port and port["name"] not in names:
        seen, key = port["name"], "name"
    else:
        return
    has = ", ".join(str(value) for value in (numbers if key == "number" else names)) or "none"
    yield (
        f"{_name(ingress)} {field}.port.{key}: {seen} is no port of Service {service['metadata']['name']}, "
        f"which has {has}. No request would arrive; change one of them."
    )


def _services(objects: tuple[Object, ...], namespace: str) -> Iterator[str]:
    for obj in objects:
        selector = (obj.get("spec") or {}).get("selector") if obj["kind"] == "Service" else None
        if not selector:
            continue
        here = _namespace(obj, namespace)
        workloads = [o for o in objects if o["kind"] in _WORKLOADS]
        matching = [o for o in workloads if selector.items() <= _labels(o).items()]
        if matching and all(_namespace(o, namespace) != here for o in matching):
            yield (
                f"{_name(obj)} .spec.selector: it matches {_name(matching[0])} in namespace "
                f"{_namespace(matching[0], namespace)}, but the Service is in {here} and only finds pods "
                "there. Put both into one namespace."
            )
        elif not matching and workloads:
            text = ",".join(f"{key}={value}" for key, value in selector.items())
            yield (
                f'{_name(obj)} .spec.selector: "{text}" matches no pod template of this application. '
                "Use the labels of the pods."
            )


def _pod(obj: Object) -> Object:
    spec: Any = obj.get("spec") or {}
    if obj["kind"] == "Pod":
        return spec if isinstance(spec, dict) else {}
    template = spec.get("template") if isinstance(spec, dict) else None
    return (template.get("spec") or {}) if isinstance(template, dict) else {}


def _labels(obj: Object) -> Mapping[str, str]:
    if obj["kind"] == "Pod":
        return obj["metadata"].get("labels") or {}
    template = (obj.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}


def _namespace(obj: Object, default: str) -> str:
    return str(obj["metadata"].get("namespace") or default)


def _name(obj: Object) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"
