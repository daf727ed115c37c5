"""What the servers that providers ask must satisfy beyond their shape: address, query, interval."""

import re
from collections.abc import Iterator

from rollouts.api.duration_rules import TEMPLATED, duration_problems
from rollouts.api.errors import InvalidSpec
from rollouts.api.flagger_providers import ExternalMetricsMetric
from rollouts.api.paths import wrong
from rollouts.api.providers import KayentaMetric, MetricProvider

_URL = re.compile(r"https?://[^/]")
_STREAM = re.compile(r"(https?|wss?)://[^/]")
"""Splunk's, which Flagger takes with the scheme of a WebSocket too."""


def server_problems(provider: MetricProvider, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with the providers that are little more than that."""
    for name, needed in (("graphite", True), ("skywalking", True), ("kayenta", True), ("dynatrace", False)):
        if (spec := getattr(provider, name)) is not None:
            yield from _address_problems(spec.address, f"{path}.{name}.address", needed=needed)
    if provider.splunk is not None:
        address = provider.splunk.address
        yield from _address_problems(address, f"{path}.splunk.address", needed=False, pattern=_STREAM)
    for name, alias, language in (
        ("graphite", "graphite", "what follows /render?, such as target=a.b.c&from=-5min"),
        ("influxdb", "influxdb", "a Flux query"),
        ("skywalking", "skywalking", "a GraphQL query"),
        ("stackdriver", "stackdriver", "a query in MQL"),
        ("dynatrace", "dynatrace", "a metric selector"),
        ("splunk", "splunk", "a SignalFlow program"),
        ("keptn", "keptn", "such as keptnmetric/shop/error-rate"),
        ("external_metrics", "externalMetrics", "such as shop/queue-length?labelSelector=app%3Dweb"),
    ):
        spec = getattr(provider, name)
        if spec is not None and not spec.query.strip():
            yield InvalidSpec(f"{path}.{alias}.query", f"must be {language}, got nothing", spec.query)
    for name in ("skywalking", "dynatrace", "splunk"):
        if (spec := getattr(provider, name)) is not None:
            yield from duration_problems(spec.interval, f"{path}.{name}.interval")
    if provider.kayenta is not None:
        yield from _kayenta_problems(provider.kayenta, f"{path}.kayenta")
    if provider.external_metrics is not None:
        yield from _external_problems(provider.external_metrics, f"{path}.externalMetrics")


def _address_problems(
    address: str, path: str, *, needed: bool, pattern: re.Pattern[str] = _URL
) -> Iterator[InvalidSpec]:
    if TEMPLATED in address or (not address and not needed):
        return
    if not pattern.match(address):
        yield wrong(path, "must start with http:// or https:// and name a host", address)


def _kayenta_problems(kayenta: KayentaMetric, path: str) -> Iterator[InvalidSpec]:
    passing, marginal = kayenta.threshold.pass_, kayenta.threshold.marginal
    for name, score in (("pass", passing), ("marginal", marginal)):
        if not 0 <= score <= 100:
            yield wrong(f"{path}.threshold.{name}", "must be a score, 0 to 100", score)
    if marginal > passing:
        yield wrong(f"{path}.threshold.marginal", f"must be at most pass ({passing})", marginal)
    if not kayenta.scopes:
        yield InvalidSpec(f"{path}.scopes", "must name at least one scope", [])
    names: set[str] = set()
    for index, scope in enumerate(kayenta.scopes):
        if not scope.name or scope.name in names:
            yield wrong(f"{path}.scopes[{index}].name", "must be set, and only once", scope.name)
        names.add(scope.name)


def _external_problems(external: ExternalMetricsMetric, path: str) -> Iterator[InvalidSpec]:
    yield from _address_problems(external.address, f"{path}.address", needed=False)
    if external.address:
        if external.secret_ref.name and not external.secret_ref.namespaced:
            message = "must be true: the token for an address in a metric is the run's, not the controller's"
            yield InvalidSpec(f"{path}.secretRef.namespaced", message, value=False)
        return
    if external.secret_ref.name or external.insecure:
        message = (
            "must be set beside secretRef or insecure; without it the controller's own API server is asked"
        )
        yield InvalidSpec(f"{path}.address", message, "")
