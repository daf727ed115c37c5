"""Gateway API: the weights of an HTTPRoute's backends. The plugin `argoproj-labs/gatewayAPI`, built in.

A weight is verified once every parent of the route has accepted and, where it says so, programmed this very
generation of it. Until a parent has written any status there is nothing to conclude.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rollouts.api.errors import InvalidSpec
from rollouts.api.gateway_plugin import NAME, GatewayPlugin, gateway_problems, route_names
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Weights
from rollouts.routers.ref import Ref

_GROUP = "gateway.networking.k8s.io"
_PATH = f'.spec.strategy.canary.trafficRouting.plugins["{NAME}"]'


class GatewayAPI:
    """The router plugin `argoproj-labs/gatewayAPI`."""

    def kinds(self, rollout: Rollout) -> tuple[Ref, ...]:
        settings = _settings(rollout)
        return tuple(_ref(settings, name) for name in route_names(settings))

    def read(self, rollout: Rollout, objects: Mapping[Ref, Object]) -> Weights | None:
        """The highest share of the canary in any rule of any route; None where one has no weights yet.

        Pods are kept for as long as any rule sends them traffic. While rules differ nothing is verified.
        """
        settings, total = _settings(rollout), _total(rollout)
        shares: list[int] = []
        verdicts: list[bool | None] = []
        for name in route_names(settings):
            route = objects.get(_ref(settings, name))
            for _, canary, stable in _pairs(rollout, route or {}):
                # Without a weight the API means 1, so that no rule was ever written by this router.
                if "weight" not in canary or "weight" not in stable:
                    return None
                parts = canary["weight"] + stable["weight"]
                shares.append(round(canary["weight"] * total / parts) if parts else 0)
            if route is None or not shares:
                return None
            verdicts.append(verified(route))
        if not shares:
            return None
        verdict = _worst(verdicts) if len(set(shares)) == 1 else False
        return Weights(canary=max(shares), total=total, verified=verdict)

    def render(self, rollout: Rollout, objects: Mapping[Ref, Object], weights: Weights) -> tuple[Object, ...]:
        settings = _settings(rollout)
        changed = []
        for name in route_names(settings):
            route = objects.get(_ref(settings, name))
            if route is None:
                message = f'HTTPRoute "{name}" not found; create it with both services as backends'
                raise InvalidSpec(_field(settings, name), message, name)
            wanted = _weighted(rollout, settings, route, weights)
            if wanted != route:
                changed.append(wanted)
        return tuple(changed)


def verified(route: Object) -> bool | None:
    """Whether the parents carry this generation of the route; None while none of them says anything."""
    generation = route["metadata"].get("generation")
    parents = (route.get("status") or {}).get("parents") or ()
    answers: list[bool | None] = []
    for parent in parents:
        conditions = {each.get("type"): each for each in parent.get("conditions") or ()}
        if "Accepted" not in conditions:
            answers.append(None)
            continue
        counted = [conditions[kind] for kind in ("Accepted", "Programmed") if kind in conditions]
        answers.append(
            all(
                each.get("status") == "True" and each.get("observedGeneration") == generation
                for each in counted
            )
        )
    return _worst(answers)


def _worst(answers: list[bool | None]) -> bool | None:
    if False in answers:
        return False
    return None if None in answers or not answers else True


def _settings(rollout: Rollout) -> GatewayPlugin:
    canary = rollout.spec.strategy.canary
    config = canary.traffic_routing.plugins.get(NAME) if canary and canary.traffic_routing else None
    try:
        return GatewayPlugin.model_validate(config)
    except ValidationError:
        raise next(gateway_problems(config, _PATH)) from None


def _ref(settings: GatewayPlugin, name: str) -> Ref:
    return Ref(_GROUP, "HTTPRoute", name, settings.namespace)


def _field(settings: GatewayPlugin, name: str) -> str:
    if name == settings.http_route:
        return f"{_PATH}.httpRoute"
    names = [route.name for route in settings.http_routes]
    return f"{_PATH}.httpRoutes[{names.index(name)}].name"


def _total(rollout: Rollout) -> int:
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    return (routing and routing.max_traffic_weight) or 100


def _pairs(rollout: Rollout, route: Object) -> Iterator[tuple[int, Object, Object]]:
    """Each rule with both backends: its index, the canary's backend and the stable one."""
    strategy = rollout.spec.strategy.canary
    for index, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        backends = [each for each in rule.get("backendRefs") or () if _is_service(each)]
        canary = [each for each in backends if strategy and each.get("name") == strategy.canary_service]
        stable = [each for each in backends if strategy and each.get("name") == strategy.stable_service]
        if canary and stable:
            yield index, canary[0], stable[0]


def _is_service(backend: Mapping[str, Any]) -> bool:
    return (backend.get("group", ""), backend.get("kind", "Service")) == ("", "Service")


def _weighted(rollout: Rollout, settings: GatewayPlugin, route: Object, weights: Weights) -> Object:
    pairs = list(_pairs(rollout, route))
    if not pairs:
        raise _missing_backend(rollout, settings, route)
    rules = list(route["spec"]["rules"])
    for index, canary, stable in pairs:
        shares = {id(canary): weights.canary, id(stable): weights.total - weights.canary}
        backends = [
            backend | {"weight": shares[id(backend)]} if id(backend) in shares else backend
            for backend in rules[index]["backendRefs"]
        ]
        rules[index] = rules[index] | {"backendRefs": backends}
    labels = dict(route["metadata"].get("labels") or {})
    if not settings.disable_in_progress_label:
        if weights.canary > 0:
            labels[settings.in_progress_label_key] = settings.in_progress_label_value
        else:
            labels.pop(settings.in_progress_label_key, None)
    metadata = {key: value for key, value in route["metadata"].items() if key != "labels"}
    if labels:
        metadata["labels"] = labels
    return route | {"metadata": metadata, "spec": route["spec"] | {"rules": rules}}


def _missing_backend(rollout: Rollout, settings: GatewayPlugin, route: Object) -> InvalidSpec:
    strategy = rollout.spec.strategy.canary
    services = (strategy.stable_service, strategy.canary_service) if strategy else ()
    rules = (route.get("spec") or {}).get("rules") or ()
    found = sorted({each.get("name", "") for rule in rules for each in rule.get("backendRefs") or ()})
    name = route["metadata"]["name"]
    missing = [service for service in services if service not in found]
    what = (
        f"has no backend for service {' and '.join(missing)}"
        if missing
        else "has both services in no one rule"
    )
    message = (
        f'HTTPRoute "{name}" {what} (backends found: {", ".join(found) or "none"}); list'
        f" {' and '.join(services)} under backendRefs of the same rule"
    )
    return InvalidSpec(_field(settings, name), message, name)
