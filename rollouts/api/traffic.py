"""`.spec.strategy.canary.trafficRouting`: one block per router."""

from typing import Any

from pydantic import Field

from rollouts.api.meta import OPEN, Spec


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
    """Annotations of the canary Ingress; the prefix is added where it is missing."""
    canary_ingress_annotations: dict[str, str] = {}
    """Annotations of the canary Ingress as they are; they win over additionalIngressAnnotations."""


class StickinessConfig(Spec):
    """Keep a client on the version it saw first."""

    enabled: bool
    duration_seconds: int
    """1 to 604800."""


class ALBTrafficRouting(Spec):
    """AWS Load Balancer Controller: a forward action in an Ingress annotation."""

    ingress: str = ""
    ingresses: tuple[str, ...] = ()
    service_port: int
    root_service: str = ""
    """The service name in the Ingress; the stable service by default."""
    annotation_prefix: str = ""
    """`alb.ingress.kubernetes.io` by default."""
    stickiness_config: StickinessConfig | None = None


class TLSRoute(Spec):
    """A TLS route by port and server names."""

    port: int = 0
    sni_hosts: tuple[str, ...] = ()


class TCPRoute(Spec):
    """A TCP route by port."""

    port: int = 0


class IstioVirtualService(Spec):
    """A VirtualService, and which of its routes carry the weights."""

    name: str
    """`name` or `name.namespace`."""
    routes: tuple[str, ...] = ()
    tls_routes: tuple[TLSRoute, ...] = ()
    tcp_routes: tuple[TCPRoute, ...] = ()


class IstioDestinationRule(Spec):
    """A DestinationRule whose subsets are the versions."""

    name: str
    canary_subset_name: str
    stable_subset_name: str
    additional_subset_names: tuple[str, ...] = ()


class IstioTrafficRouting(Spec):
    """Istio: weights of a VirtualService."""

    virtual_service: IstioVirtualService | None = None
    virtual_services: tuple[IstioVirtualService, ...] = ()
    destination_rule: IstioDestinationRule | None = None


class SMITrafficRouting(Spec):
    """Service Mesh Interface: a TrafficSplit."""

    root_service: str = ""
    """The stable service by default."""
    traffic_split_name: str = ""
    """The name of the rollout by default."""


class AmbassadorTrafficRouting(Spec):
    """Ambassador: a canary Mapping beside each of these."""

    mappings: tuple[str, ...]


class AppMeshVirtualService(Spec):
    """A VirtualService whose VirtualRouter carries the weights."""

    name: str
    routes: tuple[str, ...] = ()


class AppMeshVirtualNodeReference(Spec):
    """A VirtualNode."""

    name: str


class AppMeshVirtualNodeGroup(Spec):
    """The VirtualNodes of the two versions."""

    canary_virtual_node_ref: AppMeshVirtualNodeReference
    stable_virtual_node_ref: AppMeshVirtualNodeReference


class AppMeshTrafficRouting(Spec):
    """AWS App Mesh: weights of a VirtualRouter."""

    virtual_service: AppMeshVirtualService
    virtual_node_group: AppMeshVirtualNodeGroup


class TraefikTrafficRouting(Spec):
    """Traefik: weights of a TraefikService."""

    weighted_traefik_service_name: str


class ApisixRoute(Spec):
    """An ApisixRoute, and which of its rules carry the weights."""

    name: str
    rules: tuple[str, ...] = ()


class ApisixTrafficRouting(Spec):
    """APISIX: weights of an ApisixRoute."""

    route: ApisixRoute


class RolloutTrafficRouting(Spec):
    """Which routers carry the weights."""

    managed_routes: tuple[MangedRoutes, ...] = ()
    max_traffic_weight: int | None = Field(default=None, ge=1)
    """The number that means all traffic; 100 by default. nginx and plugins only."""
    alb: ALBTrafficRouting | None = None
    ambassador: AmbassadorTrafficRouting | None = None
    apisix: ApisixTrafficRouting | None = None
    app_mesh: AppMeshTrafficRouting | None = None
    istio: IstioTrafficRouting | None = None
    nginx: NginxTrafficRouting | None = None
    smi: SMITrafficRouting | None = None
    traefik: TraefikTrafficRouting | None = None
    plugins: dict[str, Any] = Field(default={}, json_schema_extra=OPEN)
    """Routers by plugin name; `argoproj-labs/gatewayAPI` is built in."""
