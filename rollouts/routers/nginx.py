"""ingress-nginx: a second Ingress with canary annotations beside each stable one.

The canary Ingress belongs to the rollout and stays after the update, at weight 0. Weights take effect within
about a second of the write and the controller reports nothing back, so a weight is never verified here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import API_VERSION, Object
from rollouts.api.rollout import Rollout
from rollouts.api.traffic import NginxTrafficRouting
from rollouts.api.weights import Weights
from rollouts.routers.ref import Ref

DEFAULT_PREFIX = "nginx.ingress.kubernetes.io"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_GROUP = "networking.k8s.io"
_PATH = ".spec.strategy.canary.trafficRouting.nginx"
_MAX_NAME = 253


class Nginx:
    """The router `nginx`."""

    def kinds(self, rollout: Rollout) -> tuple[Ref, ...]:
        stable = stable_ingresses(rollout)
        return tuple(_ref(name) for each in stable for name in (each, canary_name(rollout, each)))

    def read(self, rollout: Rollout, objects: Mapping[Ref, Object]) -> Weights | None:
        """The highest weight of all canary Ingresses; None until every one of them exists.

        Pods are kept for as long as any of them sends traffic. While they differ the weight is not verified.
        """
        found = []
        for name in stable_ingresses(rollout):
            canary = objects.get(_ref(canary_name(rollout, name)))
            if canary is None or not _controlled(canary, rollout):
                return None
            found.append(_read_one(canary, _routing(rollout)))
        if not found:
            return None
        highest = max(found, key=lambda each: each.canary / each.total)
        return highest if len(set(found)) == 1 else replace(highest, verified=False)

    def render(self, rollout: Rollout, objects: Mapping[Ref, Object], weights: Weights) -> tuple[Object, ...]:
        if weights.additional:
            names = " and ".join(each.service for each in weights.additional)
            message = f"an Ingress cannot send a share to a third Service, {names}; use the Gateway API"
            raise InvalidSpec(_PATH, message, names)
        changed, problems = [], []
        for name in stable_ingresses(rollout):
            current = objects.get(_ref(canary_name(rollout, name)))
            try:
                wanted = _canary(rollout, _stable(rollout, name, objects), current, weights)
            except InvalidSpec as problem:
                problems.append(problem)
                continue
            if wanted != current:
                changed.append(wanted)
        if not problems:
            return tuple(changed)
        lowered = tuple(_lowered(rollout, objects, weights))
        if not lowered:
            raise problems[0]
        return lowered


def stable_ingresses(rollout: Rollout) -> tuple[str, ...]:
    """The Ingresses of the user that get a canary beside them."""
    routing = _routing(rollout)
    return routing.stable_ingresses or ((routing.stable_ingress,) if routing.stable_ingress else ())


def canary_name(rollout: Rollout, ingress: str) -> str:
    """`<rollout>-<ingress>-canary`, cut so that the whole is a legal name."""
    return f"{rollout.metadata.name}-{ingress}"[: _MAX_NAME - len("-canary")] + "-canary"


def _routing(rollout: Rollout) -> NginxTrafficRouting:
    canary = rollout.spec.strategy.canary
    if canary is None or canary.traffic_routing is None or canary.traffic_routing.nginx is None:
        raise InvalidSpec(_PATH, f'rollout "{rollout.metadata.name}" does not use this router')
    return canary.traffic_routing.nginx


def _ref(name: str) -> Ref:
    return Ref(_GROUP, "Ingress", name)


def _field(rollout: Rollout, name: str) -> str:
    several = _routing(rollout).stable_ingresses
    return f"{_PATH}.stableIngresses[{several.index(name)}]" if several else f"{_PATH}.stableIngress"


def _read_one(canary: Object, routing: NginxTrafficRouting) -> Weights:
    prefix = routing.annotation_prefix or DEFAULT_PREFIX
    annotations = canary["metadata"].get("annotations") or {}
    weight = _number(annotations.get(f"{prefix}/canary-weight"), 0)
    if annotations.get(f"{prefix}/canary") != "true":
        weight = 0
    return Weights(canary=weight, total=_number(annotations.get(f"{prefix}/canary-weight-total"), 100) or 100)


def _number(text: Any, default: int) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else default


def _controlled(ingress: Object, rollout: Rollout) -> bool:
    owner = _controller(ingress)
    return owner is not None and owner.get("uid") == rollout.metadata.uid


def _controller(ingress: Object) -> Mapping[str, Any] | None:
    owners = ingress["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _stable(rollout: Rollout, name: str, objects: Mapping[Ref, Object]) -> Object:
    stable = objects.get(_ref(name))
    if stable is None:
        message = f'Ingress "{name}" not found; create it with a rule for the stable service'
        raise InvalidSpec(_field(rollout, name), message, name)
    return stable


def _lowered(rollout: Rollout, objects: Mapping[Ref, Object], weights: Weights) -> Iterator[Object]:
    """The canary Ingresses that carry more than they should: what a stable one lacks holds up no retreat."""
    routing = _routing(rollout)
    annotation = f"{routing.annotation_prefix or DEFAULT_PREFIX}/canary-weight"
    for name in stable_ingresses(rollout):
        current = objects.get(_ref(canary_name(rollout, name)))
        if current is None or not _controlled(current, rollout):
            continue
        if _read_one(current, routing).canary > weights.canary:
            annotations = current["metadata"]["annotations"] | {annotation: str(weights.canary)}
            yield current | {"metadata": current["metadata"] | {"annotations": annotations}}


def _canary(rollout: Rollout, stable: Object, current: Object | None, weights: Weights) -> Object:
    name = stable["metadata"]["name"]
    if current is None:
        current = {
            "apiVersion": stable.get("apiVersion", "networking.k8s.io/v1"),
            "kind": "Ingress",
            "metadata": {
                "name": canary_name(rollout, name),
                "namespace": rollout.metadata.namespace,
                "ownerReferences": [_owner(rollout)],
            },
        }
    elif not _controlled(current, rollout):
        owner = _controller(current)
        whose = f"controlled by {owner.get('kind')} {owner.get('name')}" if owner else "controlled by nobody"
        message = (
            f'canary Ingress "{current["metadata"]["name"]}" is {whose}, not by rollout'
            f' "{rollout.metadata.name}"; delete or rename it'
        )
        raise InvalidSpec(_field(rollout, name), message, current["metadata"]["name"])
    annotations = dict(current["metadata"].get("annotations") or {})
    prefix = _routing(rollout).annotation_prefix or DEFAULT_PREFIX
    annotations.pop(f"{prefix}/canary-weight-total", None)
    annotations |= _annotations(rollout, stable, weights)
    metadata = current["metadata"] | {"annotations": annotations}
    spec = dict(current.get("spec") or {}) | {"rules": _rules(rollout, stable)}
    for field in ("ingressClassName", "tls"):
        spec.pop(field, None)
        if field in stable.get("spec", {}):
            spec[field] = stable["spec"][field]
    return current | {"metadata": metadata, "spec": spec}


def _owner(rollout: Rollout) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "name": rollout.metadata.name,
        "uid": rollout.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _annotations(rollout: Rollout, stable: Object, weights: Weights) -> dict[str, str]:
    routing = _routing(rollout)
    prefix = routing.annotation_prefix or DEFAULT_PREFIX
    wanted = {}
    ingress_class = (stable["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    if ingress_class is not None:
        wanted[CLASS_ANNOTATION] = ingress_class
    for key, value in routing.additional_ingress_annotations.items():
        wanted[key if key.startswith(f"{prefix}/") else f"{prefix}/{key}"] = value
    wanted |= routing.canary_ingress_annotations
    wanted[f"{prefix}/canary"] = "true"
    wanted[f"{prefix}/canary-weight"] = str(weights.canary)
    if weights.total != 100:
        wanted[f"{prefix}/canary-weight-total"] = str(weights.total)
    return wanted


def _rules(rollout: Rollout, stable: Object) -> list[Object]:
    """The rules that lead to the stable service, leading to the canary service instead."""
    strategy = rollout.spec.strategy.canary
    if strategy is None:
        raise InvalidSpec(_PATH, f'rollout "{rollout.metadata.name}" has no canary strategy')
    rules, seen = [], set()
    for rule in stable.get("spec", {}).get("rules") or ():
        paths = (rule.get("http") or {}).get("paths") or []
        services = [_service(path) for path in paths]
        seen.update(services)
        if strategy.stable_service in services:
            renamed = [_renamed(path, strategy.stable_service, strategy.canary_service) for path in paths]
            rules.append(rule | {"http": rule["http"] | {"paths": renamed}})
    if not rules:
        name = stable["metadata"]["name"]
        found = ", ".join(sorted(filter(None, seen))) or "none"
        message = (
            f'Ingress "{name}" has no rule for service "{strategy.stable_service}" in paths'
            f" (services found: {found}); add one, or name another stableService"
        )
        raise InvalidSpec(_field(rollout, name), message, name)
    return rules


def _service(path: Object) -> str:
    return str(((path.get("backend") or {}).get("service") or {}).get("name", ""))


def _renamed(path: Object, old: str, new: str) -> Object:
    if _service(path) != old:
        return path
    return path | {"backend": path["backend"] | {"service": path["backend"]["service"] | {"name": new}}}
