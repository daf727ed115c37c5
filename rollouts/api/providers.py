"""`.spec.metrics[].provider`: where a value comes from."""

from typing import Any, Literal

from pydantic import Field

from rollouts.api.meta import OPEN, IntOrString, Object, Spec


class WebMetricHeader(Spec):
    """An HTTP header to send."""

    key: str
    value: str


class BasicAuth(Spec):
    """A user name and a password."""

    username: str = ""
    password: str = ""


class Sigv4Config(Spec):
    """AWS Signature Version 4."""

    region: str = ""
    profile: str = ""
    role_arn: str = ""


class OAuth2Config(Spec):
    """A token by the client credentials grant."""

    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    scopes: tuple[str, ...] = ()


class Authentication(Spec):
    """How to authenticate: at most one of these."""

    sigv4: Sigv4Config = Sigv4Config()
    oauth2: OAuth2Config = OAuth2Config()
    basic_auth: BasicAuth | None = None


class PrometheusRangeQueryArgs(Spec):
    """Ask for a range instead of one moment."""

    start: str = ""
    """An expression for a time, such as `now() - duration("5m")`."""
    end: str = ""
    step: str = ""
    """A duration."""


class PrometheusMetric(Spec):
    """A PromQL query."""

    address: str = ""
    query: str = ""
    timeout: int | None = None
    """Seconds; 30 by default."""
    insecure: bool = False
    headers: tuple[WebMetricHeader, ...] = ()
    authentication: Authentication = Authentication()
    range_query: PrometheusRangeQueryArgs | None = None


class WebMetric(Spec):
    """An HTTP request that answers with JSON."""

    method: Literal["", "GET", "POST", "PUT"] = ""
    """GET by default; POST or PUT."""
    url: str
    headers: tuple[WebMetricHeader, ...] = ()
    body: str = ""
    json_body: Any = Field(default=None, json_schema_extra=OPEN)
    timeout_seconds: int = 0
    """10 by default."""
    json_path: str = ""
    """`{$}`, the whole answer, by default."""
    insecure: bool = False
    authentication: Authentication = Authentication()


class JobMetric(Spec):
    """A Job whose completion is the verdict."""

    metadata: Object = Field(default={}, json_schema_extra=OPEN)
    spec: Object = Field(default={}, json_schema_extra=OPEN)


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


class SecretRef(Spec):
    """The Secret that holds a provider's credentials."""

    name: str = ""
    namespaced: bool = False
    """Look in the namespace of the run instead of the controller's."""


class DatadogMetric(Spec):
    """A Datadog query, or several and a formula."""

    interval: str = Field(default="", json_schema_extra={"default": "5m"})
    """5m by default."""
    query: str = ""
    queries: dict[str, str] = {}
    formula: str = ""
    api_version: Literal["", "v1", "v2"] = Field(default="", json_schema_extra={"default": "v1"})
    """v1 by default."""
    aggregator: Literal["", "avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"] = ""
    secret_ref: SecretRef = SecretRef()
    request_timeout: str = ""
    """10s by default."""


class NewRelicMetric(Spec):
    """A NRQL query."""

    profile: str = ""
    """The Secret with the account; `newrelic` by default."""
    query: str
    timeout: int | None = None
    """Seconds."""


class WavefrontMetric(Spec):
    """A Wavefront query."""

    address: str = ""
    query: str = ""


class KayentaThreshold(Spec):
    """Scores from which a canary passes, or is inconclusive."""

    pass_: int = Field(alias="pass")
    marginal: int


class ScopeDetail(Spec):
    """One side of a comparison."""

    scope: str
    region: str
    step: int
    start: str
    end: str


class KayentaScope(Spec):
    """What is compared with what."""

    name: str
    control_scope: ScopeDetail
    experiment_scope: ScopeDetail


class KayentaMetric(Spec):
    """A judgement by Spinnaker's Kayenta."""

    address: str
    application: str
    canary_config_name: str
    metrics_account_name: str
    configuration_account_name: str
    storage_account_name: str
    threshold: KayentaThreshold
    scopes: tuple[KayentaScope, ...]
    lookback: bool = False


class CloudWatchDimension(Spec):
    """A dimension of a CloudWatch metric."""

    name: str = ""
    value: str = ""


class CloudWatchMetricStatMetric(Spec):
    """A CloudWatch metric."""

    dimensions: tuple[CloudWatchDimension, ...] = ()
    metric_name: str = ""
    namespace: str | None = None


class CloudWatchMetricStat(Spec):
    """A statistic of a CloudWatch metric."""

    metric: CloudWatchMetricStatMetric = CloudWatchMetricStatMetric()
    period: IntOrString | None = None
    """Seconds."""
    stat: str = ""
    unit: str = ""


class CloudWatchMetricDataQuery(Spec):
    """One query of a CloudWatch request."""

    id: str = ""
    expression: str | None = None
    label: str | None = None
    metric_stat: CloudWatchMetricStat | None = None
    period: IntOrString | None = None
    """Seconds."""
    return_data: bool | None = None


class CloudWatchMetric(Spec):
    """Amazon CloudWatch GetMetricData."""

    interval: str = ""
    metric_data_queries: tuple[CloudWatchMetricDataQuery, ...]


class GraphiteMetric(Spec):
    """A Graphite render query."""

    address: str = ""
    query: str = ""


class InfluxdbMetric(Spec):
    """A Flux query."""

    profile: str = ""
    """The Secret with address, token and organisation; `influxdb` by default."""
    query: str = ""


class SkyWalkingMetric(Spec):
    """A SkyWalking GraphQL query."""

    address: str = ""
    query: str = ""
    interval: str = ""


class MetricProvider(Spec):
    """Exactly one provider."""

    prometheus: PrometheusMetric | None = None
    web: WebMetric | None = None
    job: JobMetric | None = None
    traffic: TrafficMetric | None = None
    datadog: DatadogMetric | None = None
    new_relic: NewRelicMetric | None = None
    wavefront: WavefrontMetric | None = None
    kayenta: KayentaMetric | None = None
    cloud_watch: CloudWatchMetric | None = None
    graphite: GraphiteMetric | None = None
    influxdb: InfluxdbMetric | None = None
    skywalking: SkyWalkingMetric | None = None
    plugin: dict[str, Any] = Field(default={}, json_schema_extra=OPEN)
    """Settings by the name of the plugin."""
