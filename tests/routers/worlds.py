"""A rollout and the objects that each router wants to see, small enough to read."""

from typing import Any

from rollouts.api.rollout import Rollout
from rollouts.routers import ROUTERS, Ref, Router

UID = "2b0f"


def rollout(routing: dict[str, Any], name: str = "shop") -> Rollout:
    canary = {"stableService": "stable", "canaryService": "canary", "trafficRouting": routing}
    return Rollout.model_validate(
        {
            "metadata": {"name": name, "namespace": "web", "uid": UID},
            "spec": {"strategy": {"canary": canary}},
        }
    )


def ingress(name: str = "front", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "web", "resourceVersion": "7"},
        "spec": {"ingressClassName": "nginx", "rules": [rule("shop.example.com", "stable")], **spec},
    }


def rule(host: str, *services: str) -> dict[str, Any]:
    paths = [
        {
            "path": f"/{index}",
            "pathType": "Prefix",
            "backend": {"service": {"name": name, "port": {"number": 80}}},
        }
        for index, name in enumerate(services)
    ]
    return {"host": host, "http": {"paths": paths}}


def http_route(name: str = "front", *rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "web", "resourceVersion": "7", "generation": 3},
        "spec": {"hostnames": ["shop.example.com"], "rules": list(rules) or [backends("stable", "canary")]},
    }


def backends(*names: str) -> dict[str, Any]:
    return {"backendRefs": [{"name": name, "port": 80} for name in names]}


class World:
    """A router, its rollout, and a cluster that takes what the router renders."""

    def __init__(self, router: str, routing: dict[str, Any], *objects: dict[str, Any]) -> None:
        self.router: Router = ROUTERS[router]
        self.rollout = rollout(routing)
        self.objects: dict[Ref, Any] = {}
        self.apply(*objects)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Store objects as an API server would: with a version."""
        for each in objects:
            group = each["apiVersion"].rpartition("/")[0]
            metadata = each["metadata"] | {"resourceVersion": each["metadata"].get("resourceVersion", "1")}
            self.objects[Ref(group, each["kind"], metadata["name"])] = each | {"metadata": metadata}


def nginx() -> World:
    return World("nginx", {"nginx": {"stableIngress": "front"}}, ingress())


def nginx_several() -> World:
    routing = {"nginx": {"stableIngresses": ["front", "back"]}}
    return World(
        "nginx", routing, ingress(), ingress("back", rules=[rule("back.example.com", "api", "stable")])
    )


def gateway() -> World:
    return World(GATEWAY, {"plugins": {GATEWAY: {"httpRoute": "front"}}}, http_route())


def gateway_several() -> World:
    routing = {"plugins": {GATEWAY: {"httpRoutes": [{"name": "front"}, {"name": "back"}]}}}
    back = http_route("back", backends("api"), backends("canary", "stable"), backends("stable", "canary"))
    return World(GATEWAY, routing, http_route(), back)


GATEWAY = "argoproj-labs/gatewayAPI"
WORLDS = {
    "nginx": nginx,
    "nginx with several ingresses": nginx_several,
    "gateway": gateway,
    "gateway with several routes": gateway_several,
}
