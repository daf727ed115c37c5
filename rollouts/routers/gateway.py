"""Gateway API: the weights of an HTTPRoute's backends. The plugin `argoproj-labs/gatewayAPI`, built in.

A weight is verified once every parent of the route has accepted and, where it says so, programmed this very
generation of it. Until a parent has written any status there is nothing to conclude.

A further destination is one more backend beside the stable one, and like it in all but name and weight. Those
that the rollout does not ask for any more are taken out; they are known by their names, unless a Service of
that name is somebody else's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rollouts.api.baseline import service_name
from rollouts.api.errors import InvalidSpec
from rollouts.api.gateway_plugin import NAME, GatewayPlugin, gateway_problems, route_names
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Destination, Weights
from rollouts.routers.ref import Ref

_GROUP = "gateway.networking.k8s.io"
_PATH = f'.spec.strategy.canary.trafficRouting.plugins["{NAME}"]'
_CANARY = ""
"""Stands for the canary among names of services."""


class GatewayAPI:
    """The router plugin `argoproj-labs/gatewayAPI`."""

    def kinds(self, rollout: Rollout) -> tuple[Ref, ...]:
        settings = _settings(rollout)
        return (*(_ref(settings, name) for name in route_names(settings)), _generated(rollout))

    def read(self, rollout: Rollout, objects: Mapping[Ref, Object]) -> Weights | None:
        """The highest share of the canary in any rule of any route; None where one has no weights yet.

        Pods are kept for as long as any rule sends them traffic. While rules differ nothing is verified.
        """
        settings, total = _settings(rollout), _total(rollout)
        own = _own_destinations(rollout, objects)
        shares: list[dict[str, int]] = []
        verdicts: list[bool | None] = []
        for name in route_names(settings):
            route = objects.get(_ref(settings, name))
            for _, canary, stable, further in _pairs(rollout, route or {}, own):
                # Without a weight the API means 1, so that no rule was ever written by this router.
                if "weight" not in canary or "weight" not in stable:
                    return None
                shares.append(_shares(canary, stable, further, total))
            if route is None or not shares:
                return None
            verdicts.append(verified(route))
        if not shares:
            return None
        verdict = _worst(verdicts) if all(each == shares[0] for each in shares) else False
        most = {name: max(each.get(name, 0) for each in shares) for name in set().union(*shares)}
        canary_share = most.pop(_CANARY)
        additional = tuple(
            Destination(service=name, weight=most[name]) for name in sorted(most) if most[name]
        )
        return Weights(canary=canary_share, total=total, additional=additional, verified=verdict)

    def render(self, rollout: Rollout, objects: Mapping[Ref, Object], weights: Weights) -> tuple[Object, ...]:
        settings = _settings(rollout)
        changed = []
        for name in route_names(settings):
            route = objects.get(_ref(settings, name))
            if route is None:
                message = f'HTTPRoute "{name}" not found; create it with both services as backends'
                raise InvalidSpec(_field(settings, name), message, name)
            wanted = _weighted(rollout, settings, route, weights, _own_destinations(rollout, objects))
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


def _generated(rollout: Rollout) -> Ref:
    return Ref("", "Service", service_name(rollout.metadata.name))


def _own_destinations(rollout: Rollout, objects: Mapping[Ref, Object]) -> frozenset[str]:
    """The names of further backends that are the engine's to add, change and remove."""
    ref = _generated(rollout)
    service = objects.get(ref)
    owners = (service["metadata"].get("ownerReferences") or ()) if service is not None else ()
    foreign = service is not None and all(each.get("uid") != rollout.metadata.uid for each in owners)
    return frozenset() if foreign else frozenset({ref.name})


def _shares(canary: Object, stable: Object, further: list[Object], total: int) -> dict[str, int]:
    """The shares of one rule by service but stable's, which has the rest; the canary's has an empty name."""
    weights = {_CANARY: canary["weight"]} | {each["name"]: each.get("weight", 1) for each in further}
    parts = stable["weight"] + sum(weights.values())
    return {name: round(weight * total / parts) if parts else 0 for name, weight in weights.items()}


def _pairs(
    rollout: Rollout, route: Object, own: frozenset[str]
) -> Iterator[tuple[int, Object, Object, list[Object]]]:
    """Each rule with both backends: its index, the canary's, the stable one, and those of the names `own`."""
    strategy = rollout.spec.strategy.canary
    for index, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        backends = [each for each in rule.get("backendRefs") or () if _is_service(each)]
        canary = [each for each in backends if strategy and each.get("name") == strategy.canary_service]
        stable = [each for each in backends if strategy and each.get("name") == strategy.stable_service]
        if canary and stable:
            where = stable[0].get("namespace")
            further = [
                each for each in backends if each.get("name") in own and each.get("namespace") == where
            ]
            yield index, canary[0], stable[0], further


def _is_service(backend: Mapping[str, Any]) -> bool:
    return (backend.get("group", ""), backend.get("kind", "Service")) == ("", "Service")


def _weighted(
    rollout: Rollout, settings: GatewayPlugin, route: Object, weights: Weights, own: frozenset[str]
) -> Object:
    pairs = list(_pairs(rollout, route, own | {each.service for each in weights.additional}))
    if not pairs:
        raise _missing_backend(rollout, settings, route)
    rules = list(route["spec"]["rules"])
    for index, canary, stable, further in pairs:
        shares = {id(canary): weights.canary, id(stable): weights.stable}
        removed = {id(each) for each in further}
        backends = [
            backend | {"weight": shares[id(backend)]} if id(backend) in shares else backend
            for backend in rules[index]["backendRefs"]
            if id(backend) not in removed
        ]
        added = [stable | {"name": each.service, "weight": each.weight} for each in weights.additional]
        rules[index] = rules[index] | {"backendRefs": [*backends, *added]}
    labels = dict(route["metadata"].get("labels") or {})
    if not settings.disable_in_progress_label:
        if weights.canary > 0 or weights.additional:
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
