"""The settings of the router plugin `argoproj-labs/gatewayAPI`, which is built in."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import LabelSelector, Spec
from rollouts.api.paths import join, show

NAME = "argoproj-labs/gatewayAPI"

NOT_YET = (
    "grpcRoute",
    "grpcRoutes",
    "grpcRouteSelector",
    "tcpRoute",
    "tcpRoutes",
    "tcpRouteSelector",
    "tlsRoute",
    "tlsRoutes",
    "tlsRouteSelector",
    "httpRouteSelector",
)
"""Settings of upstream's plugin that this engine does not act on yet."""


class GatewayRoute(Spec):
    """A route by name."""

    name: str
    """The name of the route."""
    use_header_routes: bool = False
    """Let setHeaderRoute steps add rules to it; false by default."""


class GatewayPlugin(Spec):
    """Which routes carry the weights."""

    http_route: str = ""
    """The HTTPRoute that carries the weights; use this or httpRoutes."""
    http_routes: tuple[GatewayRoute, ...] = ()
    """Several HTTPRoutes, all with the same weight."""
    namespace: str = ""
    """Of the routes; the rollout's own by default."""
    http_route_selector: LabelSelector | None = None
    """HTTPRoutes by label."""
    grpc_route: str = ""
    """A GRPCRoute by name."""
    grpc_routes: tuple[GatewayRoute, ...] = ()
    """Several GRPCRoutes."""
    grpc_route_selector: LabelSelector | None = None
    """GRPCRoutes by label."""
    tcp_route: str = ""
    """A TCPRoute by name."""
    tcp_routes: tuple[GatewayRoute, ...] = ()
    """Several TCPRoutes."""
    tcp_route_selector: LabelSelector | None = None
    """TCPRoutes by label."""
    tls_route: str = ""
    """A TLSRoute by name."""
    tls_routes: tuple[GatewayRoute, ...] = ()
    """Several TLSRoutes."""
    tls_route_selector: LabelSelector | None = None
    """TLSRoutes by label."""
    disable_in_progress_label: bool = False
    """Leave the routes unlabelled while a canary is under way; false by default."""
    in_progress_label_key: str = "rollouts.argoproj.io/gatewayapi-canary"
    """The label that routes carry while a canary is under way."""
    in_progress_label_value: str = "in-progress"
    """The value of that label."""


def route_names(config: GatewayPlugin) -> tuple[str, ...]:
    """The HTTPRoutes in the order they are named, each once."""
    names = [config.http_route] if config.http_route else []
    return tuple(dict.fromkeys([*names, *(route.name for route in config.http_routes)]))


def gateway_problems(config: Any, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with the settings, and which of them are not acted on yet."""
    try:
        settings = GatewayPlugin.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(str(info.alias) for info in GatewayPlugin.model_fields.values())
        seen = show(first["input"])
        reason = (
            f"unknown field, got {seen}; use one of {known}" if first["type"] == "extra_forbidden" else ""
        )
        yield InvalidSpec(path + join(first["loc"]), reason or f"{first['msg']}, got {seen}", first["input"])
        return
    for name in NOT_YET:
        if config.get(name):
            message = f"not supported yet, got {show(config[name])}; use httpRoute or httpRoutes"
            yield InvalidSpec(f"{path}.{name}", message, config[name])
    for index, route in enumerate(settings.http_routes):
        if route.use_header_routes:
            at = f"{path}.httpRoutes[{index}].useHeaderRoutes"
            yield InvalidSpec(at, "not supported yet, got true; remove it", True)
    if not route_names(settings) and not any(config.get(name) for name in NOT_YET):
        yield InvalidSpec(path, "names no route; set httpRoute or httpRoutes", config)
