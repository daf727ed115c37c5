"""`.spec.strategy.canary.trafficRouting`: one block per router."""

from typing import Any

from pydantic import Field

from rollouts.api.meta import Spec


class StringMatch(Spec):
    """Exactly one of exact, prefix and regex."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class MangedRoutes(Spec):  # upstream's spelling of the type; the field is managedRoutes
    """A route that the rollout may create and remove; the order is the precedence."""

    name: str


class NginxTrafficRouting(Spec):
    """ingress-nginx: a second Ingress with canary annotations."""

    stable_ingress: str = ""
    stable_ingresses: tuple[str, ...] = ()
    annotation_prefix: str = ""
    """`nginx.ingress.kubernetes.io` by default."""
    additional_ingress_annotations: dict[str, str] = {}
    canary_ingress_annotations: dict[str, str] = {}


class RolloutTrafficRouting(Spec):
    """Which routers carry the weights."""

    managed_routes: tuple[MangedRoutes, ...] = ()
    max_traffic_weight: int | None = Field(default=None, ge=1)
    """The number that means all traffic; 100 by default. nginx and plugins only."""
    nginx: NginxTrafficRouting | None = None
    plugins: dict[str, Any] = {}
    """Routers by plugin name; `argoproj-labs/gatewayAPI` is built in."""
