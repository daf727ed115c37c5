"""What a selector and a pod template must satisfy for a ReplicaSet to be made of them.

Not for: everything that the API server checks of a pod. It answers when the ReplicaSet is created.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.canary import PodTemplateMetadata
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import LabelSelector, Object
from rollouts.api.paths import show

_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_HASH = "rollouts-pod-template-hash"
_CONTAINER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def selector_problems(selector: LabelSelector, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with a selector by itself."""
    if not selector.match_labels and not selector.match_expressions:
        message = "empty selector is invalid for deployment; name a label of the template"
        yield InvalidSpec(path, message, {})
    for key, value in selector.match_labels.items():
        if not _LABEL.fullmatch(value):
            at = f'{path}.matchLabels["{key}"]'
            yield InvalidSpec(at, f"must be at most 63 letters, digits, -, _ or ., got {show(value)}", value)
    for index, term in enumerate(selector.match_expressions):
        at = f"{path}.matchExpressions[{index}]"
        if term.operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            message = f"must be In, NotIn, Exists or DoesNotExist, got {show(term.operator)}"
            yield InvalidSpec(f"{at}.operator", message, term.operator)
        elif (term.operator in ("In", "NotIn")) != bool(term.values):
            verb = "needs values" if not term.values else "takes no values"
            yield InvalidSpec(f"{at}.values", f"{term.operator} {verb}, got {list(term.values)}", term.values)


def role_problems(
    metadata: PodTemplateMetadata | None, selector: LabelSelector | None, path: str
) -> Iterator[InvalidSpec]:
    """List the labels of a role by which pods are found, so that they would be lost to their ReplicaSet."""
    if metadata is None or selector is None:
        return
    used = {_HASH, *selector.match_labels, *(each.key for each in selector.match_expressions)}
    for key, value in metadata.labels.items():
        if key in used:
            message = f"pods are found by this label, which must not change; use another, got {show(value)}"
            yield InvalidSpec(f'{path}.labels["{key}"]', message, value)


def template_problems(template: Object, selector: LabelSelector, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with a template, and whether the selector finds the pods that it makes."""
    if not template:
        yield InvalidSpec(path, f"Rollout has missing field '{path}'")
        return
    labels = _map(_map(template.get("metadata")).get("labels"))
    if not _selects(selector, labels):
        message = (
            f"`selector` does not match template `labels`; set {_wanted(selector)}, got {_pairs(labels)}"
        )
        yield InvalidSpec(f"{path}.metadata.labels", message, labels)
    spec = _map(template.get("spec"))
    policy = spec.get("restartPolicy", "Always")
    if policy != "Always":
        message = f"must be Always, got {show(policy)}; a rollout's pods run until they are replaced"
        yield InvalidSpec(f"{path}.spec.restartPolicy", message, policy)
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        message = f"must list at least one container, got {show(containers)}"
        yield InvalidSpec(f"{path}.spec.containers", message, containers)
        return
    yield from _container_problems(containers, f"{path}.spec.containers")
    if isinstance(spec.get("initContainers"), list):
        yield from _container_problems(spec["initContainers"], f"{path}.spec.initContainers")


def _container_problems(containers: list[Any], path: str) -> Iterator[InvalidSpec]:
    names: set[str] = set()
    for index, each in enumerate(containers):
        at, container = f"{path}[{index}]", _map(each)
        name, image = container.get("name"), container.get("image")
        if not isinstance(name, str) or not _CONTAINER_NAME.fullmatch(name):
            message = f"must be lower-case letters, digits and -, got {show(name)}"
            yield InvalidSpec(f"{at}.name", message, name)
        elif name in names:
            message = f"must be unique, got {show(name)} again; rename one of the containers"
            yield InvalidSpec(f"{at}.name", message, name)
        else:
            names.add(name)
        if not isinstance(image, str) or not image.strip():
            yield InvalidSpec(f"{at}.image", f"must name an image, got {show(image)}", image)


def _selects(selector: LabelSelector, labels: Mapping[str, Any]) -> bool:
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    for term in selector.match_expressions:
        value = labels.get(term.key)
        holds = {
            "In": value in term.values,
            "NotIn": value not in term.values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds.get(term.operator, True):
            return False
    return True


def _wanted(selector: LabelSelector) -> str:
    return _pairs(selector.match_labels) if selector.match_labels else "labels that matchExpressions accept"


def _pairs(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "no labels"


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
