"""Providers by name: no default, and none takes the place of a built-in."""

import pytest

from analysis.providers.job import JobProvider
from analysis.providers.prometheus import PrometheusProvider
from analysis.providers.registry import provider_of, registry
from analysis.providers.static import StaticProvider
from analysis.providers.traffic import TrafficProvider
from analysis.providers.web import WebProvider
from rollouts.api.analysis import Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import MetricProvider
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from tests.analysis.providers.requests import clock, run_with


@pytest.fixture
def providers():
    plugin = StaticProvider({"m": [1]}, clock)
    client = Client(InProcess(ApiServer(clock, seed=0)))
    return registry(client, clock, {"acme/x": plugin, "web": plugin})


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        ({"prometheus": {"query": "up"}}, PrometheusProvider),
        ({"web": {"url": "http://x/"}}, WebProvider),
        ({"job": {"spec": {"template": {}}}}, JobProvider),
        ({"traffic": {"metric": "latency", "service": "web"}}, TrafficProvider),
        ({"plugin": {"acme/x": {}}}, StaticProvider),
    ],
)
def test_a_metric_gets_the_provider_that_it_names(providers, provider, kind):
    assert isinstance(provider_of(run_with(provider)[1], providers), kind)


def test_every_provider_that_a_metric_can_name_is_there(providers):
    named = {str(info.alias) for info in MetricProvider.model_fields.values()} - {"plugin"}
    assert named - providers.keys() == set()


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ({}, "no provider specified"),
        ({"web": {"url": "http://x/"}, "prometheus": {"query": "up"}}, "multiple providers specified"),
        ({"plugin": {"acme/x": {}, "acme/y": {}}}, "multiple providers specified"),
        (
            {"plugin": {"acme/y": {}}},
            'unknown provider "acme/y"; this controller has: acme/x, ',
        ),
    ],
)
def test_any_other_metric_is_refused_by_name(providers, provider, message):
    with pytest.raises(InvalidSpec) as caught:
        provider_of(run_with(provider)[1], providers)
    assert message in caught.value.message
    assert caught.value.field == ".spec.metrics[m].provider"


async def test_the_test_double_goes_through_its_values_and_stays_at_the_last():
    provider = StaticProvider({"m": [0.1, None, OSError("down")]}, clock)
    run, metric = run_with({"web": {"url": "http://x/"}})
    assert (await provider.measure(run, metric, None)).value == "0.1"
    unknown = await provider.measure(run, Metric(name="other"), None)
    assert (unknown.value, unknown.message) == ("", "no values for other")
