"""What `.spec.strategy.canary.trafficRouting` must satisfy beyond its shape."""

from collections.abc import Iterator

from rollouts.api.canary import CanaryStrategy, SetHeaderRoute, SetMirrorRoute
from rollouts.api.errors import InvalidSpec
from rollouts.api.gateway_plugin import NAME as GATEWAY_PLUGIN
from rollouts.api.gateway_plugin import gateway_problems
from rollouts.api.paths import wrong
from rollouts.api.traffic import NginxTrafficRouting, RolloutTrafficRouting, StringMatch

_PATH = ".spec.strategy.canary"
_ROUTING = f"{_PATH}.trafficRouting"
_ROUTERS = ("alb", "ambassador", "apisix", "app_mesh", "istio", "nginx", "smi", "traefik")


def routing_problems(canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    """List what is wrong with the routers and with the services that they need."""
    routing = canary.traffic_routing
    yield from _ping_pong_problems(canary)
    if routing is None:
        return
    if not routing.plugins and all(getattr(routing, name) is None for name in _ROUTERS):
        message = "names no router; name one, such as nginx, or remove trafficRouting"
        yield InvalidSpec(_ROUTING, message, {})
    if _needs_services(canary, routing):
        message = "Canary service and Stable service must to be set to use Traffic Routing"
        for name, service in (
            ("stableService", canary.stable_service),
            ("canaryService", canary.canary_service),
        ):
            if not service:
                yield wrong(f"{_PATH}.{name}", message, service)
    if routing.max_traffic_weight is not None and routing.nginx is None and not routing.plugins:
        message = "Canary maxTrafficWeight in traffic routing only support in Nginx and Plugins"
        yield wrong(f"{_ROUTING}.maxTrafficWeight", message, routing.max_traffic_weight)
    yield from _either_problems(routing)
    if GATEWAY_PLUGIN in routing.plugins:
        yield from gateway_problems(
            routing.plugins[GATEWAY_PLUGIN], f'{_ROUTING}.plugins["{GATEWAY_PLUGIN}"]'
        )


def header_route_problems(canary: CanaryStrategy, step: SetHeaderRoute, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with a setHeaderRoute step."""
    routing = canary.traffic_routing
    if routing is None or not (routing.istio or routing.alb or routing.apisix or routing.plugins):
        message = "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix and Plugins"
        yield wrong(path, message, step.name)
        return
    yield from _managed_problems(routing, step.name, path)
    for index, match in enumerate(step.match):
        at, value = f"{path}.match[{index}]", match.header_value
        if routing.alb is None:
            yield from _string_match_problems(value, at)
        elif value is None or not value.exact or value.regex or value.prefix:
            message = "SetHeaderRoute match value invalid. ALB supports 'exact' value only"
            yield wrong(at, message, match.header_name)


def mirror_route_problems(canary: CanaryStrategy, step: SetMirrorRoute, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with a setMirrorRoute step."""
    routing = canary.traffic_routing
    if routing is None or not (routing.istio or routing.plugins):
        message = "SetMirrorRoute requires TrafficRouting, supports Istio only"
        yield wrong(path, message, step.name)
        return
    yield from _managed_problems(routing, step.name, path)
    for index, match in enumerate(step.match):
        at = f"{path}.match[{index}]"
        given = {"method": match.method, "path": match.path}
        given |= {f'headers["{name}"]': value for name, value in match.headers.items()}
        for name, value in given.items():
            if value is not None:
                yield from _string_match_problems(value, f"{at}.{name}")


def _ping_pong_problems(canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    routing, pair = canary.traffic_routing, canary.ping_pong
    if pair is None:
        return
    if routing is None or not (routing.alb or routing.istio or routing.plugins):
        message = "Ping-pong feature works with the ALB, Istio and Plugins traffic routing only"
        yield wrong(f"{_PATH}.pingPong", message, pair.ping_service)
    for name, service in (("pingService", pair.ping_service), ("pongService", pair.pong_service)):
        if not service:
            message = "Ping service and Pong service must to be set to use Ping-Pong feature"
            yield wrong(f"{_PATH}.pingPong.{name}", message, service)
    if pair.ping_service and pair.ping_service == pair.pong_service:
        message = (
            "This rollout uses the same service for the ping and pong services,"
            " but two different services are required."
        )
        yield wrong(f"{_PATH}.pingPong.pingService", message, pair.ping_service)
    if routing is not None and routing.alb is not None and not routing.alb.root_service:
        message = (
            "Root service field is required for the configuration with ALB and ping-pong feature enabled"
        )
        yield wrong(f"{_ROUTING}.alb.rootService", message, routing.alb.root_service)


def _needs_services(canary: CanaryStrategy, routing: RolloutTrafficRouting) -> bool:
    if routing.alb is not None and canary.ping_pong is None:
        return True
    if routing.istio is not None and routing.istio.destination_rule is None and canary.ping_pong is None:
        return True
    others = ("smi", "apisix", "ambassador", "nginx", "app_mesh", "traefik")
    # The Gateway API names its backends by service, so upstream's plugin fails without them later on.
    return any(getattr(routing, name) for name in others) or GATEWAY_PLUGIN in routing.plugins


def _either_problems(routing: RolloutTrafficRouting) -> Iterator[InvalidSpec]:
    """Where one object or a list of them can be named, not both and not neither."""
    nginx, alb, istio = routing.nginx, routing.alb, routing.istio
    pairs = (
        nginx and ("nginx", "stableIngress", "stableIngresses", nginx.stable_ingress, nginx.stable_ingresses),
        alb and ("alb", "ingress", "ingresses", alb.ingress, alb.ingresses),
        istio
        and ("istio", "virtualService", "virtualServices", istio.virtual_service, istio.virtual_services),
    )
    for pair in pairs:
        if not pair:
            continue
        router, one, many, single, several = pair
        if bool(single) == bool(several):
            seen = "both" if single else "neither"
            message = f"must have one of {one} and {many}, got {seen}"
            yield InvalidSpec(f"{_ROUTING}.{router}", message, seen)
    if nginx is not None:
        yield from _nginx_problems(nginx, routing.max_traffic_weight)


def _nginx_problems(nginx: NginxTrafficRouting, total: int | None) -> Iterator[InvalidSpec]:
    for index, name in enumerate(nginx.stable_ingresses):
        if not name or name in nginx.stable_ingresses[:index]:
            yield wrong(f"{_ROUTING}.nginx.stableIngresses[{index}]", "must be named, and only once", name)
    if total is not None and total < 100:
        # ingress-nginx passes over a canary-weight-total of less than 100, and the shares would be wrong.
        yield wrong(f"{_ROUTING}.maxTrafficWeight", "must be at least 100 with nginx", total)
    for field, annotations in (
        ("additionalIngressAnnotations", nginx.additional_ingress_annotations),
        ("canaryIngressAnnotations", nginx.canary_ingress_annotations),
    ):
        for key, value in annotations.items():
            if key.rpartition("/")[2] in ("canary", "canary-weight", "canary-weight-total"):
                path = f'{_ROUTING}.nginx.{field}["{key}"]'
                yield wrong(path, "is written by the engine; remove it", value)


def _managed_problems(routing: RolloutTrafficRouting, name: str, path: str) -> Iterator[InvalidSpec]:
    if not routing.managed_routes:
        message = "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"
        yield InvalidSpec(f"{_ROUTING}.managedRoutes", message)
    elif name not in (route.name for route in routing.managed_routes):
        message = (
            "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"
        )
        yield wrong(path, message, name)


def _string_match_problems(match: StringMatch | None, path: str) -> Iterator[InvalidSpec]:
    count = sum(map(bool, (match.exact, match.regex, match.prefix))) if match else 0
    if count == 0:
        message = "StringMatch value missed, match value must have one of the following: exact, regex, prefix"
        yield InvalidSpec(path, message)
    if count > 1:
        message = "StringMatch match value must have exactly one of the following: exact, regex, prefix"
        yield InvalidSpec(path, f"{message}, got {count} of them", count)
