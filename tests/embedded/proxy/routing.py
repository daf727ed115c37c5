"""Asking a configuration, in the way that Envoy would, where a request goes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from rollouts.api.meta import Object
from rollouts.embedded.proxy.model import CONTROLLER, Config, Match, Pattern
from rollouts.embedded.proxy.routes import Seen, configure
from tests.embedded.manifests import service

CLASS = {"metadata": {"name": "nginx"}, "spec": {"controller": CONTROLLER}}
GATEWAY_CLASS = {"metadata": {"name": "envoy"}, "spec": {"controllerName": CONTROLLER}}
GATEWAY = {
    "metadata": {"name": "envoy", "namespace": "rollouts-system", "generation": 1},
    "spec": {
        "gatewayClassName": "envoy",
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
        ],
    },
}


@dataclass(frozen=True)
class Request:
    host: str = "a.com"
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)


def slice_of(name: str, *addresses: str) -> Object:
    return {
        "metadata": {
            "name": f"{name}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "endpoints": [{"addresses": [a], "conditions": {"ready": True}} for a in addresses],
        "ports": [{"name": "p80", "port": 8080}],
    }


def config_of(
    *,
    ready: Iterable[str] = (),
    idle: Iterable[str] = (),
    routes: Iterable[Object] = (),
    **seen: Iterable[Object],
) -> Config:
    """A configuration over services that have a pod (`ready`) or none (`idle`)."""
    return configure(
        Seen(
            services=[service(name) for name in (*ready, *idle)],
            endpoint_slices=[slice_of(name, f"10.0.0.{i}") for i, name in enumerate(ready)],
            ingress_classes=[CLASS],
            gateways=[GATEWAY],
            gateway_classes=[GATEWAY_CLASS],
            http_routes=routes,
            **seen,
        )
    )


def shares(config: Config, request: Request) -> dict[str, Fraction]:
    """Which services get which share of such requests; the proxy's own answers go by their status."""
    host = next((h for h in config.hosts if h.domain == request.host), None)
    host = host or next((h for h in config.hosts if _covers(h.domain, request.host)), None)
    for route in host.routes if host else ():
        if _matches(route.match, request):
            if route.failure:
                return {str(route.failure): Fraction(1)}
            total = sum(b.weight for b in route.backends)
            return {b.cluster.split("/")[1]: Fraction(b.weight, total) for b in route.backends if b.weight}
    return {"404": Fraction(1)}


def _covers(domain: str, host: str) -> bool:
    return domain == "*" or (domain.startswith("*.") and host.endswith(domain[1:]))


def _matches(match: Match, request: Request) -> bool:
    lower = {name.lower(): value for name, value in request.headers.items()}
    return (
        _path(match, request.path)
        and match.method in ("", request.method)
        and all(_fits(p, lower.get(p.name.lower())) for p in match.headers)
        and all(_fits(p, request.cookies.get(p.name)) for p in match.cookies)
        and not match.query
    )


def _path(match: Match, path: str) -> bool:
    value = match.path.value
    return {
        "exact": path == value,
        "prefix": path.startswith(value),
        "segments": path == value or path.startswith(value + "/"),
        "regex": match.path.kind == "regex" and re.fullmatch(value, path) is not None,
    }[match.path.kind]


def _fits(pattern: Pattern, value: str | None) -> bool:
    if value is None:
        return False
    return re.fullmatch(pattern.value, value) is not None if pattern.regex else pattern.value == value
