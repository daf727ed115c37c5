"""The providers that are held to one contract. A new one takes a folder of cases, and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from analysis.providers import Provider
from analysis.providers.answers import Clock
from analysis.providers.cloudwatch import CloudWatchProvider
from analysis.providers.datadog import DatadogProvider
from analysis.providers.dynatrace import DynatraceProvider
from analysis.providers.external_metrics import ExternalMetricsProvider
from analysis.providers.graphite import GraphiteProvider
from analysis.providers.influxdb import InfluxdbProvider
from analysis.providers.kayenta import KayentaProvider
from analysis.providers.keptn import KeptnProvider
from analysis.providers.newrelic import NewRelicProvider
from analysis.providers.prometheus import PrometheusProvider
from analysis.providers.skywalking import SkyWalkingProvider
from analysis.providers.splunk import SplunkProvider
from analysis.providers.stackdriver import StackdriverProvider
from analysis.providers.wavefront import WavefrontProvider
from analysis.providers.web import WebProvider
from rollouts.kube.client import Client
from tests.analysis.providers.contract import installed
from tests.analysis.providers.requests import NOW


class SetClock:
    """Shows a time, and another when it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What providers are made of."""

    client: Client
    clock: Clock
    transport: httpx.AsyncBaseTransport
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider, and in what its cases differ from the others'."""

    make: Callable[[Parts], Provider]
    on_loopback: bool = False
    """Its client takes no transport: it is served the exchanges on loopback."""
    without: Mapping[str, str] = field(default_factory=dict)
    """Cases that it cannot have, and why."""


SUBJECTS: dict[str, Subject] = {
    "prometheus": Subject(make=lambda p: PrometheusProvider(p.clock, p.environ), on_loopback=True),
    "cloudWatch": Subject(
        make=lambda p: CloudWatchProvider(p.clock, p.transport, p.environ),
        without={
            "not-a-number": "CloudWatch takes none, and leaves a point out that an expression cannot give"
        },
    ),
    "datadog": Subject(make=lambda p: DatadogProvider(p.client, p.clock, p.transport, p.environ)),
    "newRelic": Subject(
        make=lambda p: NewRelicProvider(p.client, p.clock, p.transport, p.environ),
    ),
    "wavefront": Subject(make=lambda p: WavefrontProvider(p.client, p.clock, p.transport, p.environ)),
    "web": Subject(make=lambda p: WebProvider(p.clock, p.transport, p.environ)),
    "graphite": Subject(make=lambda p: GraphiteProvider(p.clock, p.transport)),
    "influxdb": Subject(make=lambda p: InfluxdbProvider(p.client, p.clock, p.transport, p.environ)),
    "skywalking": Subject(
        make=lambda p: SkyWalkingProvider(p.clock, p.transport),
        without={"not-a-number": "GraphQL has no such number: it is null"},
    ),
    "kayenta": Subject(
        make=lambda p: KayentaProvider(p.clock, p.transport),
        without={"several-values": "there is one score"},
    ),
    "stackdriver": Subject(make=lambda p: StackdriverProvider(p.client, p.clock, p.transport, p.environ)),
    "dynatrace": Subject(make=lambda p: DynatraceProvider(p.client, p.clock, p.transport, p.environ)),
    "splunk": Subject(make=lambda p: SplunkProvider(p.client, p.clock, p.transport, p.environ)),
    "keptn": Subject(
        make=lambda p: KeptnProvider(p.client, p.clock),
        without={"several-values": "a KeptnMetric has one value"},
    ),
    "externalMetrics": Subject(
        make=lambda p: ExternalMetricsProvider(p.client, p.clock, p.transport, p.environ)
    ),
    "plugin": Subject(
        make=lambda p: installed.provider(p.client, p.clock),
        on_loopback=True,
        without={"several-values": "the API of the example has one rate"},
    ),
}
"""By the name of the folder that holds the cases."""
