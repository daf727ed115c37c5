"""Traffic routers: how a weight is written into the objects of an ingress, and read back from them. Pure.

A router never talks to the cluster: it is shown objects and answers with objects.
"""

from collections.abc import Mapping
from typing import Protocol

from rollouts.api.gateway_plugin import NAME as GATEWAY_PLUGIN
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Weights
from rollouts.routers.gateway import GatewayAPI
from rollouts.routers.nginx import Nginx
from rollouts.routers.ref import Ref

__all__ = ["ROUTERS", "Ref", "Router", "configured"]


class Router(Protocol):
    """One kind of traffic router."""

    def kinds(self, rollout: Rollout) -> tuple[Ref, ...]:
        """Every object that read and render want to see: those of the user, and those it makes itself."""
        ...

    def read(self, rollout: Rollout, objects: Mapping[Ref, Object]) -> Weights | None:
        """The split that the objects carry; None where the canary route does not exist yet."""
        ...

    def render(self, rollout: Rollout, objects: Mapping[Ref, Object], weights: Weights) -> tuple[Object, ...]:
        """The objects as they must be; unchanged ones are left out, fields of others are kept.

        An object without metadata.resourceVersion is to be created, the others are to be patched.

        Raises:
            InvalidSpec: an object is missing or does not fit the rollout; names object, field, value, remedy.
        """
        ...


ROUTERS: Mapping[str, Router] = {
    "nginx": Nginx(),
    GATEWAY_PLUGIN: GatewayAPI(),
}
"""By the name of the field, or of the plugin, that asks for each; in the order in which they are applied."""


def configured(rollout: Rollout) -> tuple[Router, ...]:
    """The routers that a rollout asks for, in the order in which they are applied; none without routing."""
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    if routing is None:
        return ()
    asked = {*routing.plugins, *(("nginx",) if routing.nginx else ())}
    return tuple(router for name, router in ROUTERS.items() if name in asked)
