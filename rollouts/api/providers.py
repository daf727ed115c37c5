"""`.spec.metrics[].provider`: where a value comes from."""

from typing import Any, Literal

from pydantic import Field

from rollouts.api.flagger_providers import (
    DynatraceMetric,
    ExternalMetricsMetric,
    KeptnMetric,
    SplunkMetric,
    StackdriverMetric,
)
from rollouts.api.meta import OPEN, IntOrString, Object, Spec
from rollouts.api.secret_ref import SecretRef


class WebMetricHeader(Spec):
    """An HTTP header to send."""

    key: str
    """The name of the header."""
    value: str
    """The value of the header; take a secret one from an argument."""


class BasicAuth(Spec):
    """A user name and a password."""

    username: str = ""
    """The user name."""
    password: str = ""
    """The password; take it from an argument."""


class Sigv4Config(Spec):
    """AWS Signature Version 4."""

    region: str = ""
    """The AWS region; that of the host name by default, else that of the controller's environment."""
    profile: str = ""
    """A profile of the controller's shared files, whose credentials to use."""
    role_arn: str = ""
    """The role to assume with those credentials."""


class OAuth2Config(Spec):
    """A token by the client credentials grant."""

    token_url: str = ""
    """The URL that hands out tokens."""
    client_id: str = ""
    """The client's ID."""
    client_secret: str = ""
    """The client's secret; take it from an argument."""
    scopes: tuple[str, ...] = ()
    """The scopes to ask for."""


class Authentication(Spec):
    """How to authenticate: at most one of these."""

    sigv4: Sigv4Config = Sigv4Config()
    """AWS Signature Version 4."""
    oauth2: OAuth2Config = OAuth2Config()
    """A bearer token by OAuth 2."""
    basic_auth: BasicAuth | None = None
    """A user name and a password."""


class PrometheusRangeQueryArgs(Spec):
    """Ask for a range instead of one moment."""

    start: str = ""
    """An expression for a time, such as `now() - duration("5m")`."""
    end: str = ""
    """An expression for a time, such as `now()`."""
    step: str = ""
    """A duration."""


class PrometheusArm(Spec):
    """What to ask about one side of a comparison: query for the kayenta judge; for the sequential judge
    requests and errors, buckets, or all three. `{{window}}` stands for the time since the look before, and
    `{{baseline.service}}` and `{{baseline.podTemplateHash}}` for the baseline pods.
    """

    query: str = ""
    """A series, asked over rangeQuery."""
    requests: str = ""
    """How many requests there were, such as `sum(increase(http_requests_total{...}[{{window}}]))`."""
    errors: str = ""
    """How many of them failed."""
    buckets: str = ""
    """How many took at most `le` seconds, by `le`: `sum by (le) (increase(..._bucket{...}[{{window}}]))`."""


class PrometheusArms(Spec):
    """The sides of a comparison."""

    canary: PrometheusArm
    """The version that is judged."""
    stable: PrometheusArm
    """The version that it is compared with."""
    baseline: PrometheusArm | None = None
    """The baseline pods, which take the place of stable where the run has them."""


class PrometheusMetric(Spec):
    """A PromQL query."""

    address: str = ""
    """The URL of the server, such as `http://prometheus.monitoring:9090`."""
    query: str = ""
    """The query, in PromQL."""
    timeout: int | None = None
    """Seconds; 30 by default."""
    insecure: bool = False
    """Do not verify the server's certificate; false by default."""
    headers: tuple[WebMetricHeader, ...] = ()
    """HTTP headers to send along."""
    authentication: Authentication = Authentication()
    """How to authenticate: at most one of the three; not at all by default."""
    range_query: PrometheusRangeQueryArgs | None = None
    """Ask for a range of time; without it, for this moment."""
    arms: PrometheusArms | None = None
    """Additive to upstream, instead of query: canary and stable apart, for judges that compare."""


class WebMetric(Spec):
    """An HTTP request that answers with JSON."""

    method: Literal["", "GET", "POST", "PUT"] = ""
    """GET by default; POST or PUT."""
    url: str
    """The URL to ask."""
    headers: tuple[WebMetricHeader, ...] = ()
    """HTTP headers to send along."""
    body: str = ""
    """The text to send, with POST or PUT."""
    json_body: Any = Field(default=None, json_schema_extra=OPEN)
    """The JSON to send, with POST or PUT."""
    timeout_seconds: int = 0
    """10 by default."""
    json_path: str = ""
    """`{$}`, the whole answer, by default."""
    insecure: bool = False
    """Do not verify the server's certificate; false by default."""
    authentication: Authentication = Authentication()
    """How to authenticate: at most one of the three; not at all by default."""


class JobMetric(Spec):
    """A Job whose completion is the verdict."""

    metadata: Object = Field(default={}, json_schema_extra=OPEN)
    """Labels and annotations for the Job."""
    spec: Object = Field(default={}, json_schema_extra=OPEN)
    """The spec of the Job, as of `batch/v1`."""


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
    stable_service: str = ""
    """The Service to compare with, usually the stable one: the value is then the counts of both sides since
    the measurement before, for judges that compare (errors with success-rate, buckets with latency), and
    those of baseline pods where the run has them. window is then the least time."""


class DatadogMetric(Spec):
    """A Datadog query, or several and a formula."""

    interval: str = Field(default="", json_schema_extra={"default": "5m"})
    """5m by default."""
    query: str = ""
    """The query; use this or queries."""
    queries: dict[str, str] = {}
    """Queries by name, for the formula."""
    formula: str = ""
    """A calculation with the names of the queries."""
    api_version: Literal["", "v1", "v2"] = Field(default="", json_schema_extra={"default": "v1"})
    """v1 by default."""
    aggregator: Literal["", "avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"] = ""
    """How a series becomes one value; the last one by default."""
    secret_ref: SecretRef = SecretRef()
    """The Secret with the keys; `datadog` by default."""
    request_timeout: str = ""
    """10s by default."""


class NewRelicMetric(Spec):
    """A NRQL query."""

    profile: str = ""
    """The Secret with the account, in the controller's namespace; `newrelic` by default."""
    query: str
    """The query, in NRQL."""
    timeout: int | None = None
    """Seconds that New Relic may work on the query; 5 by default."""


class WavefrontMetric(Spec):
    """A Wavefront query."""

    address: str = ""
    """The host of the server, and the key of its token in the Secret `wavefront-api-tokens`."""
    query: str = ""
    """The query, in WQL."""


class KayentaThreshold(Spec):
    """Scores from which a canary passes, or is inconclusive."""

    pass_: int = Field(alias="pass")
    """The score from which the canary passes, 0 to 100."""
    marginal: int
    """The score from which the verdict is inconclusive rather than a failure."""


class ScopeDetail(Spec):
    """One side of a comparison."""

    scope: str
    """What the metrics are selected by."""
    region: str
    """Where it runs."""
    step: int
    """Seconds between two points."""
    start: str
    """Begin of the range, in RFC 3339."""
    end: str
    """End of the range, in RFC 3339."""


class KayentaScope(Spec):
    """What is compared with what."""

    name: str
    """The name of the scope."""
    control_scope: ScopeDetail
    """The side to compare with."""
    experiment_scope: ScopeDetail
    """The side that is judged."""


class KayentaMetric(Spec):
    """A judgement by Spinnaker's Kayenta."""

    address: str
    """The URL of Kayenta."""
    application: str
    """The application, as Kayenta knows it."""
    canary_config_name: str
    """The canary configuration."""
    metrics_account_name: str
    """The account to read metrics with."""
    configuration_account_name: str
    """The account that holds the configuration."""
    storage_account_name: str
    """The account that keeps the results."""
    threshold: KayentaThreshold
    """The scores that decide."""
    scopes: tuple[KayentaScope, ...]
    """What is compared with what."""
    lookback: bool = False
    """Accepted and without effect, as upstream: every scope names its start and its end."""


class CloudWatchDimension(Spec):
    """A dimension of a CloudWatch metric."""

    name: str = ""
    """The name of the dimension."""
    value: str = ""
    """The value of the dimension."""


class CloudWatchMetricStatMetric(Spec):
    """A CloudWatch metric."""

    dimensions: tuple[CloudWatchDimension, ...] = ()
    """What narrows the metric down."""
    metric_name: str = ""
    """The name of the metric."""
    namespace: str | None = None
    """The namespace of the metric, such as `AWS/ApplicationELB`."""


class CloudWatchMetricStat(Spec):
    """A statistic of a CloudWatch metric."""

    metric: CloudWatchMetricStatMetric = CloudWatchMetricStatMetric()
    """The metric."""
    period: IntOrString | None = None
    """Seconds."""
    stat: str = ""
    """The statistic, such as `Sum` or `p99`."""
    unit: str = ""
    """The unit of the values."""


class CloudWatchMetricDataQuery(Spec):
    """One query of a CloudWatch request."""

    id: str = ""
    """A short name that expressions refer to."""
    expression: str | None = None
    """A calculation with the ids of other queries; use this or metricStat."""
    label: str | None = None
    """A name for the result."""
    metric_stat: CloudWatchMetricStat | None = None
    """What to fetch; use this or expression."""
    period: IntOrString | None = None
    """Seconds."""
    return_data: bool | None = None
    """Whether the result is part of the answer; true by default."""


class CloudWatchMetric(Spec):
    """Amazon CloudWatch GetMetricData."""

    interval: str = ""
    """How far back to look; 5m by default."""
    metric_data_queries: tuple[CloudWatchMetricDataQuery, ...]
    """The queries."""


class GraphiteMetric(Spec):
    """A Graphite render query."""

    address: str = ""
    """The URL of the server."""
    query: str = ""
    """The target to render."""


class InfluxdbMetric(Spec):
    """A Flux query."""

    profile: str = ""
    """The Secret with address, token and organisation; `influxdb` by default."""
    query: str = ""
    """The query, in Flux."""


class SkyWalkingMetric(Spec):
    """A SkyWalking GraphQL query."""

    address: str = ""
    """The URL of the server."""
    query: str = ""
    """The query, in GraphQL."""
    interval: str = ""
    """How far back to look, such as `5m`."""


class MetricProvider(Spec):
    """Exactly one provider."""

    prometheus: PrometheusMetric | None = None
    """Ask a Prometheus server."""
    web: WebMetric | None = None
    """Ask an HTTP API that answers with JSON."""
    job: JobMetric | None = None
    """Run a Job and take its end as the verdict."""
    traffic: TrafficMetric | None = None
    """Ask the traffic router itself; needs no metrics server."""
    datadog: DatadogMetric | None = None
    """Ask Datadog."""
    new_relic: NewRelicMetric | None = None
    """Ask New Relic."""
    wavefront: WavefrontMetric | None = None
    """Ask Wavefront."""
    kayenta: KayentaMetric | None = None
    """Ask Kayenta."""
    cloud_watch: CloudWatchMetric | None = None
    """Ask Amazon CloudWatch."""
    graphite: GraphiteMetric | None = None
    """Ask a Graphite server."""
    influxdb: InfluxdbMetric | None = None
    """Ask an InfluxDB server."""
    skywalking: SkyWalkingMetric | None = None
    """Ask a SkyWalking server."""
    stackdriver: StackdriverMetric | None = None
    """Additive to upstream: ask Google Cloud Monitoring."""
    dynatrace: DynatraceMetric | None = None
    """Additive to upstream: ask Dynatrace."""
    splunk: SplunkMetric | None = None
    """Additive to upstream: ask Splunk Observability Cloud."""
    keptn: KeptnMetric | None = None
    """Additive to upstream: take what Keptn has measured or judged."""
    external_metrics: ExternalMetricsMetric | None = None
    """Additive to upstream: ask the external metrics API of Kubernetes."""
    plugin: dict[str, Any] = Field(default={}, json_schema_extra=OPEN)
    """Settings by the name of the plugin."""
