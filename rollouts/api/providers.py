"""`.spec.metrics[].provider`: where a value comes from."""

from typing import Any, Literal

from pydantic import Field

from rollouts.api.meta import Object, Spec


class WebMetricHeader(Spec):
    """An HTTP header to send."""

    key: str
    value: str


class BasicAuth(Spec):
    """A user name and a password."""

    username: str = ""
    password: str = ""


class Authentication(Spec):
    """How to authenticate: at most one of these."""

    basic_auth: BasicAuth | None = None


class PrometheusMetric(Spec):
    """A PromQL query."""

    address: str = ""
    query: str = ""
    timeout: int | None = None
    """Seconds; 30 by default."""
    insecure: bool = False
    headers: tuple[WebMetricHeader, ...] = ()
    authentication: Authentication = Authentication()


class WebMetric(Spec):
    """An HTTP request that answers with JSON."""

    method: str = ""
    """GET by default; POST or PUT."""
    url: str
    headers: tuple[WebMetricHeader, ...] = ()
    body: str = ""
    json_body: Any = Field(default=None, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    timeout_seconds: int = 0
    """10 by default."""
    json_path: str = ""
    """`{$}`, the whole answer, by default."""
    insecure: bool = False
    authentication: Authentication = Authentication()


class JobMetric(Spec):
    """A Job whose completion is the verdict."""

    metadata: Object = Field(default={}, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    spec: Object = Field(default={}, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})


class TrafficMetric(Spec):
    """Additive to upstream: what the traffic router itself counted for one revision; no query needed."""

    metric: Literal["request-count", "success-rate", "latency"]
    """requests in the window; the share of answers other than 5xx, 0 to 1; a latency quantile in ms."""
    service: str
    """The Service whose traffic is counted, usually the canary service: `{{args.service-name}}`."""
    window: str = ""
    """The time over which each measurement counts; the metric's interval by default, else 30s."""
    quantile: float | None = None
    """Of the latency, 0 to 1; 0.99 by default."""
    min_requests: int | None = None
    """Fewer requests than this in the window are no data, and no data is never success; 1 by default."""


class MetricProvider(Spec):
    """Exactly one provider."""

    prometheus: PrometheusMetric | None = None
    web: WebMetric | None = None
    job: JobMetric | None = None
    traffic: TrafficMetric | None = None
    plugin: dict[str, Any] = {}
