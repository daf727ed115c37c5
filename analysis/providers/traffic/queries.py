"""PromQL for the built-in metrics, by the controller that routes the traffic. Pure.

The series are those that Flagger queries for the same routers; other than there, latency is a quantile for
ingress-nginx too, and a share is 0 to 1.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a query is about."""

    namespace: str
    service: str
    window: timedelta
    quantile: float
    canary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """The three built-in metrics for one router."""

    requests: str
    success_rate: str
    latency: str
    """In ms."""


def _queries(
    *, counter: str, buckets: str, selector: str, code: str, asked: Asked, scale: int = 1
) -> Queries:
    window = f"[{max(round(asked.window.total_seconds()), 1)}s]"
    good = f'{selector},{code}!~"5.*"'
    factor = f" * {scale}" if scale != 1 else ""
    return Queries(
        requests=f"sum(increase({counter}{{{selector}}}{window}))",
        # `or vector(0)`: without a single good answer the series is missing, and the share is 0, not unknown.
        success_rate=f"(sum(rate({counter}{{{good}}}{window})) or vector(0)) "
        f"/ sum(rate({counter}{{{selector}}}{window}))",
        latency=f"histogram_quantile({asked.quantile:g}, "
        f"sum by (le) (rate({buckets}{{{selector}}}{window}))){factor}",
    )


def _ingress_nginx(asked: Asked) -> Queries:
    # The label `canary` names the upstream `namespace-service-port` when the canary ingress was chosen.
    if asked.canary:
        upstream = re.escape(f"{asked.namespace}-{asked.service}-").replace("\\", "\\\\")
        selector = f'namespace="{asked.namespace}",canary=~"{upstream}.+"'
    else:
        selector = f'namespace="{asked.namespace}",service="{asked.service}",canary=""'
    return _queries(
        counter="nginx_ingress_controller_requests",
        buckets="nginx_ingress_controller_response_duration_seconds_bucket",
        selector=selector,
        code="status",
        asked=asked,
        scale=1000,
    )


def _istio(asked: Asked) -> Queries:
    return _queries(
        counter="istio_requests_total",
        buckets="istio_request_duration_milliseconds_bucket",
        selector=f'reporter="source",destination_service_namespace="{asked.namespace}",'
        f'destination_service_name="{asked.service}"',
        code="response_code",
        asked=asked,
    )


def _contour(asked: Asked) -> Queries:
    return _queries(
        counter="envoy_cluster_upstream_rq",
        buckets="envoy_cluster_upstream_rq_time_bucket",
        selector=f'envoy_cluster_name=~"{asked.namespace}_{asked.service}_[0-9a-zA-Z-]+"',
        code="envoy_response_code",
        asked=asked,
    )


QUERIES: Mapping[str, Callable[[Asked], Queries]] = {
    "k8s.io/ingress-nginx": _ingress_nginx,
    "istio.io/gateway-controller": _istio,
    "istio.io/ingress-controller": _istio,
    "projectcontour.io/gateway-controller": _contour,
}
"""By the controller of the IngressClass or GatewayClass.

Envoy Gateway is missing because its clusters are those of routes, not of Services: it does not count canary
and stable apart.
"""
