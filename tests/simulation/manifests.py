"""The manifests of a setup: the rollout and everything that it refers to."""

from rollouts.api.meta import Object
from tests.simulation.program import Setup
from tests.world.simulated import ingress, rollout, service

SERVICES = {
    "rolling": ("shop",),
    "canary": ("shop",),
    "nginx": ("shop-stable", "shop-canary"),
    "gateway": ("shop-stable", "shop-canary"),
    "blueGreen": ("shop-active", "shop-preview"),
}
"""By kind; the first is the one that users' requests reach by default."""


def manifests(setup: Setup) -> tuple[Object, ...]:
    """Every object of the world, the rollout last."""
    front, *more = SERVICES[setup.kind]
    measured = more[0] if more else front
    services = [service(name) for name in SERVICES[setup.kind]]
    ways = [_gateway(), _http_route()] if setup.kind == "gateway" else [ingress(service_name=front)]
    if setup.kind == "blueGreen":
        ways.append(ingress("preview", "shop-preview"))
    templates = (
        _template("errors", measured, count=2),
        _template("watch", measured, interval="20s"),
        _template("after", front, count=2),
        *(_proving(name, more) for name, more in PROVING.items() if setup.errors),
    )
    chosen = "blueGreen" if setup.kind == "blueGreen" else "canary"
    body = rollout({chosen: setup.strategy}, replicas=setup.replicas, **setup.spec)
    return (*services, *ways, *templates, body)


def _template(name: str, measured: str, **more: object) -> Object:
    """Good from 95 % of the answers on, bad below 60 %, and between the two a human must judge."""
    metric = {
        "name": "success-rate",
        "interval": "8s",
        "successCondition": "result >= 0.95",
        "failureCondition": "result < 0.6",
        "provider": {"traffic": {"metric": "success-rate", "service": measured, "window": "8s"}},
        **more,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name},
        "spec": {"metrics": [metric]},
    }


PROVING: dict[str, Object] = {"proof": {"count": 25}, "proof-watch": {}}
"""Templates whose metric compares the canary with stable, and proves it good soon."""


def _proving(name: str, more: Object) -> Object:
    template = _template(name, "shop-canary", **more)
    (metric,) = template["spec"]["metrics"]
    del metric["successCondition"], metric["failureCondition"]
    metric |= {"name": "errors", "warmUp": "2s", "judge": {"sequential": {"proveRatio": 20}}}
    metric["provider"]["traffic"] |= {"stableService": "shop-stable"}
    del metric["provider"]["traffic"]["window"]
    return template


def _gateway() -> Object:
    listeners = [{"name": "http", "protocol": "HTTP", "port": 80}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "front"},
        "spec": {"gatewayClassName": "envoy", "listeners": listeners},
    }


def _http_route() -> Object:
    backends = [{"name": name, "port": 80} for name in SERVICES["gateway"]]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop"},
        "spec": {"parentRefs": [{"name": "front"}], "rules": [{"backendRefs": backends}]},
    }
