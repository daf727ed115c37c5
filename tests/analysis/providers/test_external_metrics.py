"""The external metrics API, asked by the controller's own account."""

import pytest

from analysis.providers.external_metrics import ExternalMetricsProvider, parse, read
from analysis.providers.oneshot import Failed
from rollouts.api.errors import InvalidSpec
from rollouts.kube.client import Client
from rollouts.kube.transport import Response
from tests.analysis.providers.requests import clock, run_with


class Server:
    """Answers every request with what it is told to."""

    def __init__(self, code=200, body=None):
        self.code, self.body, self.asked = code, body, []

    async def request(self, request):
        self.asked.append((request.method, request.path, dict(request.query)))
        return Response(code=self.code, body=self.body)


def listing(*values):
    return {
        "kind": "ExternalMetricValueList",
        "items": [{"metricName": "q", "value": text} for text in values],
    }


async def measured(server, query):
    run, metric = run_with({"externalMetrics": {"query": query}})
    return await ExternalMetricsProvider(Client(server), clock).measure(run, metric, None)


@pytest.mark.parametrize("query", ["queue?labelSelector=app%3Dweb", "shop/queue?labelSelector=app=web"])
async def test_a_metric_is_read_in_the_namespace_of_the_run(query):
    server = Server(body=listing("250m"))
    measurement = await measured(server, query)
    assert (measurement.value, measurement.phase) == ("0.25", "")
    path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue"
    assert server.asked == [("GET", path, {"labelSelector": "app=web"})]


async def test_another_namespace_is_not_read_with_the_controllers_account():
    server = Server(body=listing("1"))
    measurement = await measured(server, "bank/queue")
    assert measurement.phase == "Error"
    assert 'names namespace "bank"' in measurement.message
    assert server.asked == []


@pytest.mark.parametrize(
    ("code", "body", "message"),
    [
        (403, {"reason": "Forbidden", "message": "no"}, "no; apply crds/install/external-metrics.yaml"),
        (404, {"reason": "NotFound", "message": "no such resource"}, "no such resource"),
        (200, {"items": "many"}, "answered with something else than a list"),
        (200, "page", "answered with something else than a list"),
        (200, listing("1", "2"), "answered with 2 series; narrow the labelSelector"),
    ],
)
async def test_what_is_no_value_is_an_error_that_says_why(code, body, message):
    measurement = await measured(Server(code, body), "queue")
    assert (measurement.phase, measurement.value) == ("Error", "")
    assert measurement.message.endswith(message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1111m", 1.111),
        ("2k", 2000),
        ("1.5Gi", 1.5 * 2**30),
        ("1e3", 1000),
        ("-5", -5),
        (".5", 0.5),
        ("1n", 1e-9),
    ],
)
def test_a_quantity_is_the_number_that_it_stands_for(text, value):
    assert read(listing(text)) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "NaN", "1x", "1 Gi", "--1", "1e", None, 1, {}])
def test_what_is_no_quantity_is_an_error(text):
    with pytest.raises(Failed, match="which is no quantity"):
        read(listing(text))


@pytest.mark.parametrize(
    "query", ["", "/", "shop/", "a/b/c", "queue?selector=a", "queue?labelSelector=a&x=1"]
)
def test_a_query_of_another_format_is_refused(query):
    with pytest.raises(InvalidSpec, match=r"externalMetrics\.query: must be "):
        parse(query, "shop")
