"""What a metric's provider must satisfy beyond its shape."""

import re
from collections.abc import Iterator

from rollouts.api.comparison_rules import arms_problems
from rollouts.api.duration_rules import TEMPLATED, duration_problems
from rollouts.api.errors import InvalidSpec
from rollouts.api.paths import wrong
from rollouts.api.providers import (
    Authentication,
    MetricProvider,
    OAuth2Config,
    PrometheusMetric,
    Sigv4Config,
    TrafficMetric,
    WebMetric,
)
from rollouts.api.server_rules import server_problems
from rollouts.api.vendor_rules import vendor_problems


def provider_problems(provider: MetricProvider, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with the provider of a metric."""
    given = [
        str(info.alias)
        for name, info in MetricProvider.model_fields.items()
        if getattr(provider, name) not in (None, {})
    ]
    known = ", ".join(str(info.alias) for info in MetricProvider.model_fields.values())
    if not given:
        yield InvalidSpec(path, f"no provider specified; use one of {known}", {})
    if len(given) > 1:
        message = f"multiple providers specified; keep one, got {', '.join(given)}"
        yield InvalidSpec(path, message, given)
    if provider.prometheus is not None:
        yield from _prometheus_problems(provider.prometheus, f"{path}.prometheus")
    if provider.web is not None:
        yield from _web_problems(provider.web, f"{path}.web")
    if provider.job is not None and not provider.job.spec.get("template"):
        message = "a Job needs a pod template; set spec.template"
        yield InvalidSpec(f"{path}.job.spec.template", message)
    if provider.traffic is not None:
        yield from _traffic_problems(provider.traffic, f"{path}.traffic")
    yield from server_problems(provider, path)
    yield from vendor_problems(provider, path)


def _prometheus_problems(prometheus: PrometheusMetric, path: str) -> Iterator[InvalidSpec]:
    if prometheus.arms is not None:
        yield from arms_problems(prometheus, prometheus.arms, path)
    elif not prometheus.query.strip():
        yield InvalidSpec(f"{path}.query", "must be a PromQL query, got nothing", prometheus.query)
    yield from _authentication_problems(prometheus.authentication, f"{path}.authentication")
    if (
        prometheus.authentication.sigv4 != Sigv4Config()
        and prometheus.address
        and not ("aps-workspaces" in prometheus.address or TEMPLATED in prometheus.address)
    ):
        message = (
            "is for Amazon Managed Service for Prometheus, whose addresses hold aps-workspaces; "
            "remove it, or correct the address"
        )
        yield InvalidSpec(f"{path}.authentication.sigv4", message, prometheus.address)
    if prometheus.timeout is not None and prometheus.timeout < 0:
        yield wrong(f"{path}.timeout", "prometheus timeout should not be negative", prometheus.timeout)
    if prometheus.range_query is not None:
        for name in ("start", "end", "step"):
            if not getattr(prometheus.range_query, name):
                yield InvalidSpec(f"{path}.rangeQuery.{name}", "required, and missing; set it", "")
        yield from duration_problems(prometheus.range_query.step, f"{path}.rangeQuery.step")


def _authentication_problems(authentication: Authentication, path: str) -> Iterator[InvalidSpec]:
    given = [
        name
        for name, is_given in (
            ("sigv4", authentication.sigv4 != Sigv4Config()),
            ("oauth2", authentication.oauth2 != OAuth2Config()),
            ("basicAuth", authentication.basic_auth is not None),
        )
        if is_given
    ]
    if len(given) > 1:
        yield InvalidSpec(path, f"keep one of {', '.join(given)}; a request can carry only one", given)
    if "oauth2" in given:
        for name in ("tokenUrl", "clientId", "clientSecret"):
            if not authentication.oauth2.model_dump(by_alias=True)[name]:
                yield InvalidSpec(f"{path}.oauth2.{name}", "required, and missing; set it", "")


def _web_problems(web: WebMetric, path: str) -> Iterator[InvalidSpec]:
    if TEMPLATED not in web.url and not re.match(r"https?://[^/]", web.url):
        yield wrong(f"{path}.url", "must start with http:// or https:// and name a host", web.url)
    yield from _authentication_problems(web.authentication, f"{path}.authentication")
    if web.body and web.json_body is not None:
        message = "use either Body or JSONBody; both cannot exists for WebMetric payload"
        yield InvalidSpec(f"{path}.jsonBody", message)
    if (web.body or web.json_body is not None) and web.method in ("", "GET"):
        message = "Body and JSONBody need method POST or PUT"
        yield wrong(f"{path}.method", message, web.method or "GET")
    if web.timeout_seconds < 0:
        yield wrong(f"{path}.timeoutSeconds", "must be at least 0", web.timeout_seconds)


def _traffic_problems(traffic: TrafficMetric, path: str) -> Iterator[InvalidSpec]:
    if not traffic.service:
        yield InvalidSpec(f"{path}.service", "must name a Service, usually the canary service", "")
    yield from duration_problems(traffic.window, f"{path}.window")
    if traffic.quantile is not None and not 0 < traffic.quantile < 1:
        yield wrong(f"{path}.quantile", "must be above 0 and below 1", traffic.quantile)
    if traffic.quantile is not None and traffic.metric != "latency":
        yield wrong(f"{path}.quantile", f"goes with latency, not with {traffic.metric}", traffic.quantile)
    if traffic.stable_service and traffic.stable_service == traffic.service:
        message = "must be another Service than service; a version compared with itself is always as good"
        yield wrong(f"{path}.stableService", message, traffic.stable_service)
    if traffic.stable_service and traffic.metric == "request-count":
        message = "goes with success-rate or latency: requests alone are neither good nor bad"
        yield wrong(f"{path}.metric", message, traffic.metric)
    if traffic.stable_service and traffic.quantile is not None:
        message = "goes without stableService, with which all buckets are counted"
        yield wrong(f"{path}.quantile", message, traffic.quantile)
    if traffic.min_requests is not None and traffic.min_requests < 1:
        yield wrong(
            f"{path}.minRequests", "must be at least 1: no data is never success", traffic.min_requests
        )
