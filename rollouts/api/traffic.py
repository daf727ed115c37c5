"""`.spec.strategy.canary.trafficRouting`: one block per router."""

from typing import Any

from pydantic import Field

from rollouts.api.meta import OPEN, Spec


class StringMatch(Spec):
    """Exactly one of exact, prefix and regex."""

    exact: str | None = None
    """The whole value."""
    prefix: str | None = None
    """What the value begins with."""
    regex: str | None = None
    """A regular expression that the value matches."""


class MangedRoutes(Spec):  # upstream's spelling of the type; the field is managedRoutes
    """A route that the rollout may create and remove; the order is the precedence."""

    name: str
    """The name of the route."""


class NginxTrafficRouting(Spec):
    """ingress-nginx: a second Ingress with canary annotations."""

    stable_ingress: str = ""
    """The Ingress that serves the stable Service; use this or stableIngresses."""
    stable_ingresses: tuple[str, ...] = ()
    """Several such Ingresses, all with the same weight."""
    annotation_prefix: str = ""
    """`nginx.ingress.kubernetes.io` by default."""
    additional_ingress_annotations: dict[str, str] = {}
    """Annotations of the canary Ingress; the prefix is added where it is missing."""
    canary_ingress_annotations: dict[str, str] = {}
    """Annotations of the canary Ingress as they are; they win over additionalIngressAnnotations."""


class StickinessConfig(Spec):
    """Keep a client on the version it saw first."""

    enabled: bool
    """Whether clients stay where they are."""
    duration_seconds: int
    """1 to 604800."""


class ALBTrafficRouting(Spec):
    """AWS Load Balancer Controller: a forward action in an Ingress annotation."""

    ingress: str = ""
    """The Ingress to write to; use this or ingresses."""
    ingresses: tuple[str, ...] = ()
    """Several such Ingresses."""
    service_port: int
    """The port of the Services."""
    root_service: str = ""
    """The service name in the Ingress; the stable service by default."""
    annotation_prefix: str = ""
    """`alb.ingress.kubernetes.io` by default."""
    stickiness_config: StickinessConfig | None = None
    """Whether a client stays with a version, and for how long."""


class TLSRoute(Spec):
    """A TLS route by port and server names."""

    port: int = 0
    """The port of the route."""
    sni_hosts: tuple[str, ...] = ()
    """The server names of the route."""


class TCPRoute(Spec):
    """A TCP route by port."""

    port: int = 0
    """The port of the route."""


class IstioVirtualService(Spec):
    """A VirtualService, and which of its routes carry the weights."""

    name: str
    """`name` or `name.namespace`."""
    routes: tuple[str, ...] = ()
    """The names of the HTTP routes; needed where there is more than one."""
    tls_routes: tuple[TLSRoute, ...] = ()
    """The TLS routes that carry the weights."""
    tcp_routes: tuple[TCPRoute, ...] = ()
    """The TCP routes that carry the weights."""


class IstioDestinationRule(Spec):
    """A DestinationRule whose subsets are the versions."""

    name: str
    """The name of the DestinationRule."""
    canary_subset_name: str
    """The subset of the canary."""
    stable_subset_name: str
    """The subset of the stable version."""
    additional_subset_names: tuple[str, ...] = ()
    """Other subsets, whose weights are left alone."""


class IstioTrafficRouting(Spec):
    """Istio: weights of a VirtualService."""

    virtual_service: IstioVirtualService | None = None
    """The VirtualService; use this or virtualServices."""
    virtual_services: tuple[IstioVirtualService, ...] = ()
    """Several such VirtualServices."""
    destination_rule: IstioDestinationRule | None = None
    """The DestinationRule, where versions are subsets instead of Services."""


class SMITrafficRouting(Spec):
    """Service Mesh Interface: a TrafficSplit."""

    root_service: str = ""
    """The stable service by default."""
    traffic_split_name: str = ""
    """The name of the rollout by default."""


class AmbassadorTrafficRouting(Spec):
    """Ambassador: a canary Mapping beside each of these."""

    mappings: tuple[str, ...]
    """The names of the Mappings."""


class AppMeshVirtualService(Spec):
    """A VirtualService whose VirtualRouter carries the weights."""

    name: str
    """The name of the VirtualService."""
    routes: tuple[str, ...] = ()
    """The names of the routes; all by default."""


class AppMeshVirtualNodeReference(Spec):
    """A VirtualNode."""

    name: str
    """The name of the VirtualNode."""


class AppMeshVirtualNodeGroup(Spec):
    """The VirtualNodes of the two versions."""

    canary_virtual_node_ref: AppMeshVirtualNodeReference
    """The VirtualNode of the canary."""
    stable_virtual_node_ref: AppMeshVirtualNodeReference
    """The VirtualNode of the stable version."""


class AppMeshTrafficRouting(Spec):
    """AWS App Mesh: weights of a VirtualRouter."""

    virtual_service: AppMeshVirtualService
    """The VirtualService to write to."""
    virtual_node_group: AppMeshVirtualNodeGroup
    """The VirtualNodes of the two versions."""


class TraefikTrafficRouting(Spec):
    """Traefik: weights of a TraefikService."""

    weighted_traefik_service_name: str
    """The name of the weighted TraefikService."""


class ApisixRoute(Spec):
    """An ApisixRoute, and which of its rules carry the weights."""

    name: str
    """The name of the ApisixRoute."""
    rules: tuple[str, ...] = ()
    """The names of its rules; needed where there is more than one."""


class ApisixTrafficRouting(Spec):
    """APISIX: weights of an ApisixRoute."""

    route: ApisixRoute
    """The ApisixRoute to write to."""


class RolloutTrafficRouting(Spec):
    """Which routers carry the weights."""

    managed_routes: tuple[MangedRoutes, ...] = ()
    """Routes that setHeaderRoute and setMirrorRoute may make, highest precedence first."""
    max_traffic_weight: int | None = Field(default=None, ge=1)
    """The number that means all traffic; 100 by default. nginx and plugins only."""
    alb: ALBTrafficRouting | None = None
    """AWS Load Balancer Controller."""
    ambassador: AmbassadorTrafficRouting | None = None
    """Ambassador (Emissary)."""
    apisix: ApisixTrafficRouting | None = None
    """Apache APISIX."""
    app_mesh: AppMeshTrafficRouting | None = None
    """AWS App Mesh."""
    istio: IstioTrafficRouting | None = None
    """Istio."""
    nginx: NginxTrafficRouting | None = None
    """ingress-nginx."""
    smi: SMITrafficRouting | None = None
    """A mesh that speaks the Service Mesh Interface."""
    traefik: TraefikTrafficRouting | None = None
    """Traefik Proxy."""
    plugins: dict[str, Any] = Field(default={}, json_schema_extra=OPEN)
    """Routers by plugin name; `argoproj-labs/gatewayAPI` is built in."""
