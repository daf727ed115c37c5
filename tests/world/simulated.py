"""How a test lives in a world: `@simulated async def test_...(world)`."""

from collections.abc import Awaitable, Callable
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World

Test = Callable[[World], Awaitable[None]]


def simulated(test: Test) -> Callable[[], None]:
    """Make a coroutine function a test in a fresh world, in virtual time."""

    async def main() -> None:
        async with World() as world:
            await test(world)

    def run_it() -> None:
        run(main())

    run_it.__name__, run_it.__doc__ = getattr(test, "__name__", ""), test.__doc__
    return run_it


def rollout(strategy: Object, *, replicas: int = 4, name: str = "shop", **spec: Any) -> Object:
    """A rollout of a web server, at version v1."""
    labels = {"app": name}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{"name": name, "image": f"{name}:v1", "ports": [{"containerPort": 8080}]}]
                },
            },
            "strategy": strategy,
            **spec,
        },
    }


def service(name: str, app: str = "shop") -> Object:
    """A Service of the web server."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def ingress(name: str = "shop", service_name: str = "shop-stable") -> Object:
    """An Ingress to the stable service."""
    backend = {"service": {"name": service_name, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": f"{name}.example.com", "http": {"paths": [path]}}],
        },
    }


def success_rate(name: str = "success-rate", **metric: Any) -> Object:
    """An AnalysisTemplate: of the canary's answers, 95 % must be good."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name},
        "spec": {
            "metrics": [
                {
                    "name": "success-rate",
                    "interval": "10s",
                    "count": 3,
                    "successCondition": "result >= 0.95",
                    "provider": {
                        "traffic": {"metric": "success-rate", "service": "shop-canary", "window": "30s"}
                    },
                    **metric,
                }
            ]
        },
    }


def canary(*steps: Object, **more: Any) -> Object:
    """A canary strategy with traffic routing by an Ingress."""
    return {
        "canary": {
            "stableService": "shop-stable",
            "canaryService": "shop-canary",
            "trafficRouting": {"nginx": {"stableIngress": "shop"}},
            "steps": list(steps),
            **more,
        }
    }


def routed(*steps: Object, **more: Any) -> list[Object]:
    """Everything that a canary with traffic routing and analysis needs."""
    return [
        service("shop-stable"),
        service("shop-canary"),
        ingress(),
        success_rate(),
        rollout(canary(*steps, **more)),
    ]


async def deployed(world: World, *objects: Object) -> None:
    """Apply objects and wait for the rollout's first version; requests count from then on."""
    await world.apply(*objects)
    await world.run_until(lambda: world.phase("shop") == "Healthy", minutes=5)
    world.load.unserved = 0


GATED = (
    {"setWeight": 10},
    {"analysis": {"templates": [{"templateName": "success-rate"}]}},
    {"setWeight": 50},
    {"analysis": {"templates": [{"templateName": "success-rate"}]}},
)
