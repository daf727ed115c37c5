"""The providers by the name that a metric gives them."""

from collections.abc import Mapping

from analysis.providers import Provider
from analysis.providers.answers import Clock
from analysis.providers.cloudwatch import CloudWatchProvider
from analysis.providers.datadog import DatadogProvider
from analysis.providers.dynatrace import DynatraceProvider
from analysis.providers.external_metrics import ExternalMetricsProvider
from analysis.providers.graphite import GraphiteProvider
from analysis.providers.influxdb import InfluxdbProvider
from analysis.providers.job import JobProvider
from analysis.providers.kayenta import KayentaProvider
from analysis.providers.keptn import KeptnProvider
from analysis.providers.newrelic import NewRelicProvider
from analysis.providers.prometheus import PrometheusProvider
from analysis.providers.skywalking import SkyWalkingProvider
from analysis.providers.splunk import SplunkProvider
from analysis.providers.stackdriver import StackdriverProvider
from analysis.providers.traffic import TrafficProvider
from analysis.providers.wavefront import WavefrontProvider
from analysis.providers.web import WebProvider
from analysis.validation import provider_names
from rollouts.api.analysis import Metric
from rollouts.api.errors import InvalidSpec
from rollouts.kube.client import Client

Providers = Mapping[str, Provider]


def registry(client: Client, clock: Clock, plugins: Providers | None = None) -> Providers:
    """Every provider there is. A plugin is named under `provider.plugin` and cannot replace a built-in."""
    return {
        **(plugins or {}),
        "prometheus": PrometheusProvider(clock),
        "web": WebProvider(clock),
        "datadog": DatadogProvider(client, clock),
        "newRelic": NewRelicProvider(client, clock),
        "wavefront": WavefrontProvider(client, clock),
        "cloudWatch": CloudWatchProvider(clock),
        "job": JobProvider(client, clock),
        "traffic": TrafficProvider(client, clock),
        "graphite": GraphiteProvider(clock),
        "influxdb": InfluxdbProvider(client, clock),
        "skywalking": SkyWalkingProvider(clock),
        "kayenta": KayentaProvider(clock),
        "stackdriver": StackdriverProvider(client, clock),
        "dynatrace": DynatraceProvider(client, clock),
        "splunk": SplunkProvider(client, clock),
        "keptn": KeptnProvider(client, clock),
        "externalMetrics": ExternalMetricsProvider(client, clock),
    }


def provider_of(metric: Metric, providers: Providers) -> Provider:
    """The provider of a metric.

    Raises:
        InvalidSpec: the metric names none, several, or one that is not there; there is no default.
    """
    names = provider_names(metric.provider)
    if len(names) != 1:
        what = "no provider specified" if not names else "multiple providers specified"
        raise InvalidSpec(f".spec.metrics[{metric.name}].provider", what, ", ".join(names))
    provider = providers.get(names[0])
    if provider is None:
        known = ", ".join(sorted(providers))
        raise InvalidSpec(
            f".spec.metrics[{metric.name}].provider",
            f'unknown provider "{names[0]}"; this controller has: {known}',
            names[0],
        )
    return provider
