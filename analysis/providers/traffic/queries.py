"""PromQL for the built-in metrics, by the controller that routes the traffic. Pure.

The series are those that Flagger queries for the same routers, or that a router documents; other than there,
latency is a quantile for ingress-nginx too, and a share is 0 to 1.

For comparisons requests are counted exactly: `increase()` reckons from the samples within a window what the
whole of it may have held, and so counts each request more than once, or not at all. What a series stood at in
the end, without what it stood at when the look before ended, counts each once. As of Envoy's own counters, of
one that went back all that it shows counts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from rollouts.api.providers import PrometheusArm

REMEMBERED = "15m"
"""How old the last sample of a series may be: a scrape that failed for a while loses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a query is about."""

    namespace: str
    service: str
    canary: bool = False
    """Whether a canary Ingress leads to the Service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """The three built-in metrics for one router."""

    requests: str
    success_rate: str
    latency: str
    """In ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How a router counts the requests to one Service."""

    counter: str
    buckets: str
    selectors: tuple[str, ...]
    """Which series; several where scraping may have renamed a label."""
    code: str
    """The label with the status code."""
    bad: str = "5.*"
    """Which of its values are errors, as a regular expression."""
    per_second: int = 1
    """How many units of a bucket's bound make a second."""


def _ingress_nginx(asked: Asked) -> Counters:
    # The label `canary` names the upstream `namespace-service-port` when the canary ingress was chosen.
    def selector(prefix: str) -> str:
        if asked.canary:
            upstream = _quoted(re.escape(f"{asked.namespace}-{asked.service}-"))
            return f'{prefix}namespace="{asked.namespace}",canary=~"{upstream}.+"'
        return f'{prefix}namespace="{asked.namespace}",{prefix}service="{asked.service}",canary=""'

    return Counters(
        counter="nginx_ingress_controller_requests",
        buckets="nginx_ingress_controller_response_duration_seconds_bucket",
        # Labels that the scraped pod has as well are renamed, unless the scrape honours those of the metrics.
        selectors=(selector(""), selector("exported_")),
        code="status",
    )


def _istio(asked: Asked) -> Counters:
    selector = (
        f'reporter="source",destination_service_namespace="{asked.namespace}",'
        f'destination_service_name="{asked.service}"'
    )
    return Counters(
        counter="istio_requests_total",
        buckets="istio_request_duration_milliseconds_bucket",
        selectors=(selector,),
        code="response_code",
        per_second=1000,
    )


def _contour(asked: Asked) -> Counters:
    return _envoy(f"{asked.namespace}_{asked.service}_[0-9a-zA-Z-]+")


def _kgateway(asked: Asked) -> Counters:
    return _envoy(f"kube_{asked.namespace}_{asked.service}_[0-9]+")


def _envoy(cluster: str) -> Counters:
    return Counters(
        counter="envoy_cluster_upstream_rq",
        buckets="envoy_cluster_upstream_rq_time_bucket",
        selectors=(f'envoy_cluster_name=~"{cluster}"',),
        code="envoy_response_code",
        per_second=1000,
    )


def _traefik(asked: Asked) -> Counters:
    # `namespace-service-port@provider`; of late the Gateway provider names its route and rule before it.
    name = _quoted(re.escape(f"{asked.namespace}-{asked.service}-"))
    service = f"(httproute-.+-svc-)?{name}[0-9a-zA-Z]+@kubernetes(gateway)?"
    return Counters(
        counter="traefik_service_requests_total",
        buckets="traefik_service_request_duration_seconds_bucket",
        selectors=(f'service=~"{service}"', f'exported_service=~"{service}"'),
        code="code",
    )


def _linkerd(asked: Asked) -> Counters:
    return Counters(
        counter="outbound_http_route_backend_response_statuses_total",
        buckets="outbound_http_route_backend_response_duration_seconds_bucket",
        selectors=(
            f'backend_kind="Service",backend_namespace="{asked.namespace}",backend_name="{asked.service}"',
        ),
        code="http_status",
        bad="5.*|",  # without a status there was no answer
    )


def _quoted(expression: str) -> str:
    """A regular expression as PromQL writes it between quotes."""
    return expression.replace("\\", "\\\\")


ROUTERS: Mapping[str, Callable[[Asked], Counters]] = {
    "k8s.io/ingress-nginx": _ingress_nginx,
    "istio.io/gateway-controller": _istio,
    "istio.io/ingress-controller": _istio,
    "kgateway.dev/kgateway": _kgateway,
    "linkerd.io/policy-controller": _linkerd,
    "projectcontour.io/gateway-controller": _contour,
    "traefik.io/gateway-controller": _traefik,
    "traefik.io/ingress-controller": _traefik,
}
"""By the controller of the IngressClass or GatewayClass, or that which a mesh gives in a route's status."""

NOT_APART: Mapping[str, str] = {
    "apisix.apache.org/apisix-ingress-controller": "APISIX counts by route, and by address of the pod",
    "gateway.envoyproxy.io/gatewayclass-controller": "Envoy Gateway has a cluster for all backends of a rule",
    "gateway.nginx.org/nginx-gateway-controller": "NGINX Gateway Fabric counts all requests together",
    "ingress-controllers.konghq.com/kong": "Kong has one service for all backends of a rule",
    "konghq.com/kic-gateway-controller": "Kong has one service for all backends of a rule",
}
"""Why the counters of a controller do not tell canary and stable apart."""


def of_window(counters: Counters, window: timedelta, quantile: float) -> Queries:
    """The built-in metrics of one Service over the last while."""
    over = f"[{max(round(window.total_seconds()), 1)}s]"

    def each(function: str, name: str, more: str = "") -> str:
        return " or ".join(f"{function}({name}{{{one}{more}}}{over})" for one in counters.selectors)

    good = f',{counters.code}!~"{counters.bad}"'
    scale = "" if counters.per_second == 1000 else f" * {1000 // counters.per_second}"
    return Queries(
        requests=f"sum({each('increase', counters.counter)})",
        # `or vector(0)`: without a single good answer the series is missing, and the share is 0, not unknown.
        success_rate=f"(sum({each('rate', counters.counter, good)}) or vector(0)) "
        f"/ sum({each('rate', counters.counter)})",
        latency=f"histogram_quantile({quantile:g}, sum by (le) ({each('rate', counters.buckets)})){scale}",
    )


def arm(counters: Counters, window: timedelta, *, latency: bool) -> PrometheusArm:
    """What one side of a comparison counted within a window that ends when the queries are asked for."""
    if latency:
        # Of a Service that nobody asked anything there are no buckets, and that is no lack of data.
        none = 'label_replace(vector(0), "le", "+Inf", "", "")'
        return PrometheusArm(buckets=f"sum by (le) ({_grown(counters, counters.buckets, window)}) or {none}")
    bad = f',{counters.code}=~"{counters.bad}"'
    return PrometheusArm(
        requests=f"sum({_grown(counters, counters.counter, window)}) or vector(0)",
        errors=f"sum({_grown(counters, counters.counter, window, bad)}) or vector(0)",
    )


def _grown(counters: Counters, name: str, window: timedelta, more: str = "") -> str:
    ended = f"offset {round(window.total_seconds() * 1000)}ms"

    def one(selector: str) -> str:
        last = f"last_over_time({name}{{{selector}{more}}}[{REMEMBERED}]"
        return f"({last}) - {last} {ended}) >= 0) or {last})"

    return " or ".join(one(selector) for selector in counters.selectors)
