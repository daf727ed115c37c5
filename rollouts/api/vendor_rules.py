"""What the providers of vendors must satisfy beyond their shape."""

import re
from collections.abc import Iterator

from rollouts.api.duration_rules import TEMPLATED, duration_problems
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import IntOrString
from rollouts.api.paths import wrong
from rollouts.api.providers import (
    CloudWatchMetric,
    CloudWatchMetricDataQuery,
    DatadogMetric,
    MetricProvider,
    NewRelicMetric,
    WavefrontMetric,
)

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_HOST = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9.]*")


def vendor_problems(provider: MetricProvider, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with a metric of Datadog, New Relic, Wavefront or CloudWatch."""
    if provider.datadog is not None:
        yield from _datadog_problems(provider.datadog, f"{path}.datadog")
    if provider.new_relic is not None:
        yield from _new_relic_problems(provider.new_relic, f"{path}.newRelic")
    if provider.wavefront is not None:
        yield from _wavefront_problems(provider.wavefront, f"{path}.wavefront")
    if provider.cloud_watch is not None:
        yield from _cloud_watch_problems(provider.cloud_watch, f"{path}.cloudWatch")


def _cloud_watch_problems(spec: CloudWatchMetric, path: str) -> Iterator[InvalidSpec]:
    yield from duration_problems(spec.interval, f"{path}.interval")
    here = f"{path}.metricDataQueries"
    if not spec.metric_data_queries:
        yield InvalidSpec(here, "must hold a query", [])
    seen: set[str] = set()
    for index, query in enumerate(spec.metric_data_queries):
        if TEMPLATED not in query.id and not _ID.fullmatch(query.id):
            message = "must begin with a small letter, and hold letters, digits and _"
            yield wrong(f"{here}[{index}].id", message, query.id)
        if query.id in seen:
            yield wrong(f"{here}[{index}].id", "must be another than those before it", query.id)
        seen.add(query.id)
        yield from _query_problems(query, f"{here}[{index}]")
    if spec.metric_data_queries and all(query.return_data is False for query in spec.metric_data_queries):
        message = "one query must return its data, and all have returnData: false"
        yield InvalidSpec(here, message)


def _query_problems(query: CloudWatchMetricDataQuery, path: str) -> Iterator[InvalidSpec]:
    if (query.expression is None) == (query.metric_stat is None):
        yield InvalidSpec(path, "must have one of expression and metricStat")
    yield from _period_problems(query.period, f"{path}.period")
    if query.metric_stat is None:
        return
    here = f"{path}.metricStat"
    yield from _period_problems(query.metric_stat.period, f"{here}.period")
    if query.metric_stat.period is None:
        yield InvalidSpec(f"{here}.period", "required, and missing; set the seconds", None)
    if not query.metric_stat.stat:
        yield InvalidSpec(f"{here}.stat", "required, and missing; set one such as Sum, Average or p99", "")
    if not query.metric_stat.metric.metric_name:
        yield InvalidSpec(f"{here}.metric.metricName", "required, and missing; set it", "")


def _period_problems(period: IntOrString | None, path: str) -> Iterator[InvalidSpec]:
    if isinstance(period, str) and TEMPLATED in period:
        return
    if period is not None and not (str(period).isdecimal() and int(period) > 0):
        yield wrong(path, "must be a number of seconds above 0", period)


def _datadog_problems(spec: DatadogMetric, path: str) -> Iterator[InvalidSpec]:
    """In upstream's words, as far as it has some."""
    yield from duration_problems(spec.interval, f"{path}.interval")
    yield from duration_problems(spec.request_timeout, f"{path}.requestTimeout")
    v1 = spec.api_version in ("", "v1")
    if not spec.query and not spec.queries:
        yield InvalidSpec(f"{path}.query", "Must have either a query or queries", "")
    if spec.query and spec.queries:
        yield InvalidSpec(f"{path}.queries", "Cannot have both a query and queries; remove one")
    if v1 and spec.queries:
        message = "API Version v1 only supports using the query parameter; set apiVersion: v2"
        yield InvalidSpec(f"{path}.queries", message)
    if spec.formula and not spec.queries:
        yield wrong(f"{path}.formula", "Formula are only valid when queries are set", spec.formula)
    if not spec.formula and len(spec.queries) > 1:
        message = "When multiple queries are provided you must include a formula"
        yield InvalidSpec(f"{path}.formula", message, "")
    if v1 and spec.aggregator:
        yield wrong(
            f"{path}.aggregator", "Aggregator is not supported in v1; set apiVersion: v2", spec.aggregator
        )
    if spec.secret_ref.namespaced and not spec.secret_ref.name:
        message = "secret name is required for namespaced credentials"
        yield InvalidSpec(f"{path}.secretRef.name", message, "")


def _new_relic_problems(spec: NewRelicMetric, path: str) -> Iterator[InvalidSpec]:
    if not spec.query.strip():
        yield InvalidSpec(f"{path}.query", "must be a NRQL query, got nothing", spec.query)
    if spec.timeout is not None and spec.timeout <= 0:
        yield wrong(f"{path}.timeout", "must be a number of seconds above 0", spec.timeout)


def _wavefront_problems(spec: WavefrontMetric, path: str) -> Iterator[InvalidSpec]:
    if not spec.query.strip():
        yield InvalidSpec(f"{path}.query", "must be a Wavefront query, got nothing", spec.query)
    if TEMPLATED not in spec.address and not _HOST.fullmatch(spec.address):
        message = "must be a host such as example.wavefront.com, a key of the Secret wavefront-api-tokens"
        yield wrong(f"{path}.address", message, spec.address)
