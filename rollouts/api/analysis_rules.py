"""What a template's metrics and arguments must satisfy beyond their shape.

Not for: the grammar of conditions, which `analysis` knows.
"""

import re
from collections.abc import Iterator

from rollouts.api.analysis import AnalysisRun, AnalysisTemplate, Argument, Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import IntOrString
from rollouts.api.paths import wrong
from rollouts.api.providers import MetricProvider, PrometheusMetric, TrafficMetric, WebMetric

_TEMPLATED = "{{"


def analysis_problems(template: AnalysisTemplate | AnalysisRun) -> tuple[InvalidSpec, ...]:
    """List what is wrong with the metrics, then with the arguments, then with what refers to metrics."""
    return tuple(_problems(template))


def _problems(template: AnalysisTemplate | AnalysisRun) -> Iterator[InvalidSpec]:
    spec = template.spec
    nested = template.spec.templates if isinstance(template, AnalysisTemplate) else ()
    if not spec.metrics and not nested:
        yield InvalidSpec(".spec.metrics", "no metrics specified; list at least one", [])
    names: set[str] = set()
    for index, metric in enumerate(spec.metrics):
        path = f".spec.metrics[{index}]"
        if metric.name in names:
            message = f"two metrics have the same name '{metric.name}'; rename one of them"
            yield InvalidSpec(f"{path}.name", message, metric.name)
        names.add(metric.name)
        yield from _metric_problems(metric, path)
    for index, reference in enumerate(nested):
        if not reference.template_name:
            yield InvalidSpec(f".spec.templates[{index}].templateName", "must name an AnalysisTemplate", "")
    yield from _argument_problems(spec.args)
    for index, dry_run in enumerate(spec.dry_run):
        yield from _pattern_problems(dry_run.metric_name, f".spec.dryRun[{index}].metricName")
    for index, retention in enumerate(spec.measurement_retention):
        path = f".spec.measurementRetention[{index}]"
        yield from _pattern_problems(retention.metric_name, f"{path}.metricName")
        if retention.limit < 1:
            yield wrong(f"{path}.limit", "must be at least 1", retention.limit)


def _metric_problems(metric: Metric, path: str) -> Iterator[InvalidSpec]:
    if not metric.name:
        yield InvalidSpec(f"{path}.name", "must be set", "")
    for name, text in (("interval", metric.interval), ("initialDelay", metric.initial_delay)):
        yield from _duration_problems(text, f"{path}.{name}")
    limits: dict[str, int | None] = {}
    for name, value in (
        ("count", metric.count),
        ("failureLimit", metric.failure_limit),
        ("inconclusiveLimit", metric.inconclusive_limit),
        ("consecutiveErrorLimit", metric.consecutive_error_limit),
        ("consecutiveSuccessLimit", metric.consecutive_success_limit),
    ):
        limits[name], problem = _number(value, f"{path}.{name}")
        if problem is not None:
            yield problem
    yield from _limit_problems(metric, limits, path)
    yield from _provider_problems(metric.provider, f"{path}.provider")


def _limit_problems(metric: Metric, limits: dict[str, int | None], path: str) -> Iterator[InvalidSpec]:
    count, failures = limits["count"], limits["failureLimit"]
    successes = limits["consecutiveSuccessLimit"]
    for name in ("count", "inconclusiveLimit", "consecutiveErrorLimit", "consecutiveSuccessLimit"):
        value = limits[name]
        if value is not None and value < 0:
            yield wrong(f"{path}.{name}", f"{name} must be >= 0", value)
    if failures is not None and failures < -1:
        yield wrong(f"{path}.failureLimit", "failureLimit must be >= -1", failures)
    if failures == -1 and successes == 0:
        message = "failureLimit must be >= 0 unless consecutiveSuccessLimit is set; -1 alone never ends"
        yield wrong(f"{path}.failureLimit", message, failures)
    if count is None or count <= 0:
        return
    if count > 1 and not metric.interval:
        yield wrong(f"{path}.interval", "interval must be specified when count > 1", count)
    needed = max(failures or 0, 0) + (successes or 0)
    if successes and count < needed:
        yield wrong(
            f"{path}.count", f"count must be >= failureLimit + consecutiveSuccessLimit ({needed})", count
        )
    elif failures is not None and count < failures:
        yield wrong(f"{path}.count", f"count must be >= failureLimit ({failures})", count)
    inconclusive = limits["inconclusiveLimit"]
    if inconclusive is not None and count < inconclusive:
        yield wrong(f"{path}.count", f"count must be >= inconclusiveLimit ({inconclusive})", count)


def _number(value: IntOrString | None, path: str) -> tuple[int | None, InvalidSpec | None]:
    """The number of a limit: 0 if unset, None if an argument stands for it."""
    if value is None:
        return 0, None
    if isinstance(value, int):
        return value, None
    if _TEMPLATED in value:
        return None, None
    if re.fullmatch(r"[-+]?\d+", value):
        return int(value), None
    return None, wrong(path, "must be a number, or an argument such as {{args.count}}", value)


def _provider_problems(provider: MetricProvider, path: str) -> Iterator[InvalidSpec]:
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


def _prometheus_problems(prometheus: PrometheusMetric, path: str) -> Iterator[InvalidSpec]:
    if not prometheus.query.strip():
        yield InvalidSpec(f"{path}.query", "must be a PromQL query, got nothing", prometheus.query)
    if prometheus.timeout is not None and prometheus.timeout < 0:
        yield wrong(f"{path}.timeout", "prometheus timeout should not be negative", prometheus.timeout)
    if prometheus.range_query is not None:
        for name in ("start", "end", "step"):
            if not getattr(prometheus.range_query, name):
                yield InvalidSpec(f"{path}.rangeQuery.{name}", "required, and missing; set it", "")
        yield from _duration_problems(prometheus.range_query.step, f"{path}.rangeQuery.step")


def _web_problems(web: WebMetric, path: str) -> Iterator[InvalidSpec]:
    if _TEMPLATED not in web.url and not re.match(r"https?://[^/]", web.url):
        yield wrong(f"{path}.url", "must start with http:// or https:// and name a host", web.url)
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
    yield from _duration_problems(traffic.window, f"{path}.window")
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


def _argument_problems(arguments: tuple[Argument, ...]) -> Iterator[InvalidSpec]:
    names: set[str] = set()
    for index, argument in enumerate(arguments):
        path, source = f".spec.args[{index}]", argument.value_from
        if not argument.name or argument.name in names:
            yield wrong(f"{path}.name", "must be set, and only once", argument.name)
        names.add(argument.name)
        if argument.value is not None and source is not None:
            yield wrong(path, "must have one of value and valueFrom", argument.name)
        if source is not None and (source.secret_key_ref is None) == (source.field_ref is None):
            yield wrong(f"{path}.valueFrom", "must have one of secretKeyRef and fieldRef", argument.name)


def _duration_problems(text: str, path: str) -> Iterator[InvalidSpec]:
    if not text or _TEMPLATED in text:
        return
    try:
        if parse_duration(text).total_seconds() <= 0:
            yield wrong(path, "must be longer than 0", text)
    except ValueError:
        yield wrong(path, "must be a duration such as 30s, 5m or 1h30m", text)


def _pattern_problems(pattern: str, path: str) -> Iterator[InvalidSpec]:
    try:
        re.compile(pattern)
    except re.error as error:
        message = f"is no regular expression ({error}); write .* for any name"
        yield wrong(path, message, pattern)
