"""The built-in metrics: where they are taken from, and that a window without requests is no data."""

import asyncio
import json
from datetime import timedelta

import pytest

from analysis.providers.query import Answer, QueryFailed
from analysis.providers.traffic import TrafficProvider, queries, routes
from analysis.providers.traffic import provider as traffic_provider
from analysis.run import record
from rollouts.api.crd import crds
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.embedded.virtual_time import run as in_virtual_time
from rollouts.kube.client import Client
from rollouts.kube.resources import (
    GATEWAY_CLASSES,
    GATEWAYS,
    HTTP_ROUTES,
    INGRESS_CLASSES,
    INGRESSES,
    NAMESPACES,
)
from rollouts.kube.transport import Response
from tests.analysis.providers.requests import run_with
from tests.controller.api import virtually

ENVOY = "rollouts.io/envoy"


class Cluster:
    """An API server with an Ingress to `web`, and an Envoy whose counters the test sets."""

    def __init__(self, environ=None):
        self.clock = VirtualClock()
        self.api = ApiServer(self.clock, seed=0)
        self.api.install_crds(crds())
        self.client = Client(InProcess(self.api))
        self.good = self.bad = self.slow = 0
        self.code = 200
        self.asked = []
        self.api.proxies["rollouts-system", "envoy", "admin"] = self.answer
        self.provider = TrafficProvider(self.client, self.clock, environ or {})

    async def answer(self, path, query):
        self.asked.append((path, query))
        labels = 'envoy_cluster_name="shop/web/80"'
        fast = self.good + self.bad - self.slow
        lines = [
            f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="2",{labels}}} {self.good}',
            f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="5",{labels}}} {self.bad}',
            f'envoy_cluster_upstream_rq_time_bucket{{{labels},le="10"}} {fast}',
            f'envoy_cluster_upstream_rq_time_bucket{{{labels},le="1000"}} {fast + self.slow}',
            f'envoy_cluster_upstream_rq_time_bucket{{{labels},le="+Inf"}} {fast + self.slow}',
        ]
        headers = {"content-type": "text/plain"}
        return Response(code=self.code, body="\n".join(lines) + "\n", headers=headers)

    async def ingress(self, controller=ENVOY, service="web", annotations=None, name="web"):
        await self.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        await self.client.create(
            INGRESS_CLASSES, {"metadata": {"name": "nginx"}, "spec": {"controller": controller}}
        )
        backend = {"service": {"name": service, "port": {"number": 80}}}
        path = {"path": "/", "pathType": "Prefix", "backend": backend}
        body = {
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "x.test", "http": {"paths": [path]}}]},
        }
        await self.client.create(INGRESSES, body, "shop")

    def metric(self, **traffic):
        return run_with({"traffic": {"metric": "success-rate", "service": "web", "window": "10s", **traffic}})


@virtually
async def test_the_share_of_good_answers_in_the_window_is_measured():
    cluster = Cluster()
    await cluster.ingress()
    cluster.good, cluster.bad = 5000, 5000
    run, metric = cluster.metric()
    first = await cluster.provider.measure(run, metric, None)
    assert first.phase == "Running"
    assert first.resume_at == cluster.clock() + timedelta(seconds=10)
    await asyncio.sleep(10)
    cluster.good, cluster.bad = 5090, 5010
    second = await cluster.provider.measure(run, metric, first)
    assert (second.phase, second.value) == ("", "0.9")
    assert (second.metadata["requests"], second.metadata["window"]) == ("100", "10s")
    path, query = cluster.asked[0]
    assert path == "/stats/prometheus"
    assert query == {"usedonly": "", "filter": r"^cluster\.shop/web/\d+\.upstream_rq_(\dxx|time)$"}


@virtually
async def test_a_killed_controller_goes_on_with_what_the_measurement_holds():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric()
    first = await cluster.provider.measure(run, metric, None)
    written = type(first).model_validate_json(first.model_dump_json(by_alias=True))
    await asyncio.sleep(10)
    cluster.good = 50
    other = TrafficProvider(cluster.client, cluster.clock, {})
    assert (await other.measure(run, metric, written)).value == "1.0"


@virtually
async def test_looking_too_early_waits_for_the_end_of_the_window():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric()
    first = await cluster.provider.measure(run, metric, None)
    await asyncio.sleep(4)
    again = await cluster.provider.measure(run, metric, first)
    assert (again.phase, again.resume_at) == ("Running", first.resume_at)
    assert again.metadata == first.metadata


@virtually
async def test_the_next_window_begins_where_the_last_one_ended():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric(metric="request-count")
    first = await cluster.provider.measure(run, metric, None)
    await asyncio.sleep(10)
    cluster.good = 30
    finished = await cluster.provider.measure(run, metric, first)
    run = record(run, "m", finished.model_copy(update={"phase": "Successful"}))
    await asyncio.sleep(10)
    cluster.good = 70
    following = await cluster.provider.measure(run, metric, None)
    assert (finished.value, following.value) == ("30", "40")


@virtually
async def test_counters_of_long_ago_are_not_taken_up_again():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric(metric="request-count")
    first = await cluster.provider.measure(run, metric, None)
    await asyncio.sleep(10)
    cluster.good = 30
    finished = await cluster.provider.measure(run, metric, first)
    run = record(run, "m", finished.model_copy(update={"phase": "Successful"}))
    await asyncio.sleep(60)
    assert (await cluster.provider.measure(run, metric, None)).phase == "Running"


@virtually
async def test_a_latency_quantile_is_measured_in_ms():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric(metric="latency", quantile=0.95)
    first = await cluster.provider.measure(run, metric, None)
    await asyncio.sleep(10)
    cluster.good, cluster.slow = 100, 10
    measurement = await cluster.provider.measure(run, metric, first)
    assert json.loads(measurement.value) == pytest.approx(10 + 990 * 0.5)


@pytest.mark.parametrize("metric", ["success-rate", "latency", "request-count"])
@pytest.mark.parametrize(("requests", "floor"), [(0, None), (9, 10)])
@virtually
async def test_fewer_requests_than_asked_for_are_no_data(metric, requests, floor):
    cluster = Cluster()
    await cluster.ingress()
    run, spec = cluster.metric(metric=metric, **({"minRequests": floor} if floor else {}))
    first = await cluster.provider.measure(run, spec, None)
    await asyncio.sleep(10)
    cluster.good = requests
    measurement = await cluster.provider.measure(run, spec, first)
    assert (measurement.value, measurement.phase) == ("", "")
    assert measurement.message == (
        f'Service "web" answered {requests} requests in 10s, fewer than minRequests ({floor or 1})'
    )


@virtually
async def test_the_window_is_the_interval_unless_said_otherwise():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = run_with({"traffic": {"metric": "success-rate", "service": "web"}})
    metric = metric.model_copy(update={"interval": "45s"})
    first = await cluster.provider.measure(run, metric, None)
    assert first.resume_at == cluster.clock() + timedelta(seconds=45)
    plain = await cluster.provider.measure(run, metric.model_copy(update={"interval": ""}), None)
    assert plain.resume_at == cluster.clock() + timedelta(seconds=30)


@virtually
async def test_a_gateway_route_leads_to_envoy_too():
    cluster = Cluster()
    await cluster.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    rules = [{"backendRefs": [{"name": "other", "port": 80}, {"name": "web", "port": 80}]}]
    for resource, name, namespace, spec in (
        (GATEWAY_CLASSES, "envoy", "", {"controllerName": ENVOY}),
        (GATEWAYS, "gw", "shop", {"gatewayClassName": "envoy", "listeners": listeners}),
        (HTTP_ROUTES, "web", "shop", {"parentRefs": [{"name": "gw"}], "rules": rules}),
    ):
        head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}
        await cluster.client.create(resource, {**head, "spec": spec}, namespace)
    run, metric = cluster.metric()
    assert (await cluster.provider.measure(run, metric, None)).phase == "Running"


@virtually
async def test_an_ingress_without_a_class_has_the_default_one():
    cluster = Cluster()
    await cluster.ingress()
    await cluster.client.patch(
        INGRESS_CLASSES,
        "nginx",
        {"metadata": {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}},
    )
    await cluster.client.patch(INGRESSES, "web", {"spec": {"ingressClassName": None}}, "shop")
    run, metric = cluster.metric()
    assert (await cluster.provider.measure(run, metric, None)).phase == "Running"


@virtually
async def test_a_service_that_no_route_leads_to_is_an_error():
    cluster = Cluster()
    await cluster.ingress(service="other")
    run, metric = cluster.metric()
    measurement = await cluster.provider.measure(run, metric, None)
    assert measurement.phase == "Error"
    assert measurement.message == (
        'traffic: no Ingress or HTTPRoute in namespace "shop" with a known class sends traffic to '
        'Service "web"; create one, or use another provider'
    )


@virtually
async def test_an_unknown_controller_is_an_error_that_names_the_known_ones():
    cluster = Cluster()
    await cluster.ingress("acme.io/proxy")
    run, metric = cluster.metric()
    message = (await cluster.provider.measure(run, metric, None)).message
    assert "no built-in metrics for Ingress shop/web by acme.io/proxy; there are some for" in message
    assert "k8s.io/ingress-nginx" in message


@pytest.mark.parametrize("controller", queries.NOT_APART)
def test_a_router_that_counts_all_versions_together_is_refused_by_name_with_the_reason(controller):
    message = through_prometheus(controller).message
    assert f"by {controller} ({queries.NOT_APART[controller]})" in message


@virtually
async def test_a_route_of_a_mesh_is_measured_as_its_status_says():
    cluster = Cluster()
    await cluster.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    parent = {"kind": "Service", "name": "web-apex", "group": "core"}
    spec = {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
    told = {"parents": [{"parentRef": parent, "controllerName": "linkerd.io/policy-controller"}]}
    head = {"apiVersion": HTTP_ROUTES.api_version, "kind": "HTTPRoute", "metadata": {"name": "web"}}
    await cluster.client.create(HTTP_ROUTES, {**head, "spec": spec}, "shop")
    await cluster.client.patch(HTTP_ROUTES, "web", {"status": told}, "shop", subresource="status")
    found = await routes.find(cluster.client, "shop", "web")
    assert [each.controller for each in found["web"]] == ["linkerd.io/policy-controller"]


@virtually
async def test_a_clock_that_was_set_back_does_not_hold_up_a_window():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric(metric="request-count")
    first = await cluster.provider.measure(run, metric, None)
    ahead = {**first.metadata, "at": (cluster.clock() + timedelta(hours=1)).isoformat()}
    again = await cluster.provider.measure(run, metric, first.model_copy(update={"metadata": ahead}))
    assert (again.phase, again.resume_at) == ("Running", cluster.clock() + timedelta(seconds=10))
    await asyncio.sleep(10)
    cluster.good = 3
    assert (await cluster.provider.measure(run, metric, again)).value == "3"


@virtually
async def test_an_envoy_that_does_not_answer_is_an_error():
    cluster = Cluster()
    await cluster.ingress()
    cluster.code = 503
    run, metric = cluster.metric()
    measurement = await cluster.provider.measure(run, metric, None)
    assert measurement.phase == "Error"
    assert measurement.message.startswith(
        "traffic: GET /api/v1/namespaces/rollouts-system/services/envoy:admin"
    )


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        ({"service": "Web/../x"}, '"Web/../x" is no name of a Service'),
        ({"window": "0s"}, '"0s" must be above zero'),
        ({"metric": "latency", "quantile": 1.5}, "must lie between 0 and 1"),
    ],
)
@virtually
async def test_a_metric_that_makes_no_sense_is_an_error(traffic, message):
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric(**traffic)
    measurement = await cluster.provider.measure(run, metric, None)
    assert measurement.phase == "Error"
    assert message in measurement.message


@virtually
async def test_an_unfinished_window_is_ended_without_a_value():
    cluster = Cluster()
    await cluster.ingress()
    run, metric = cluster.metric()
    first = await cluster.provider.measure(run, metric, None)
    ended = await cluster.provider.terminate(run, metric, first)
    assert (ended.value, ended.message) == ("", "Metric Terminated")


# --- other routers: Prometheus ---------------------------------------------------------------------------


def answering(monkeypatch, *answers):
    """Let Prometheus answer these one after the other; the queries are kept."""
    asked, left = [], list(answers)

    async def ask(target, query):
        asked.append(query)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(result=answer)

    monkeypatch.setattr(traffic_provider, "ask", ask)
    return asked


def through_prometheus(controller, *, canary=False, **traffic):
    async def story():
        cluster = Cluster({"ARGO_ROLLOUTS_PROMETHEUS_ADDRESS": "http://prometheus.test"})
        annotations = {"nginx.ingress.kubernetes.io/canary": "true"} if canary else {}
        await cluster.ingress(controller, annotations=annotations)
        run, metric = cluster.metric(**traffic)
        return await cluster.provider.measure(run, metric, None)

    return in_virtual_time(story())


CANARY = 'namespace="shop",canary=~"shop\\\\-web\\\\-.+"'
PRIMARY = 'namespace="shop",service="web",canary=""'


def renamed(selector):
    """As it is where the scraped pod has labels of these names as well."""
    return selector.replace("namespace=", "exported_namespace=").replace("service=", "exported_service=")


@pytest.mark.parametrize(("canary", "selector"), [(True, CANARY), (False, PRIMARY)])
def test_ingress_nginx_is_asked_for_the_backend_that_the_ingress_stands_for(monkeypatch, canary, selector):
    asked = answering(monkeypatch, [50.0], [0.98])
    measurement = through_prometheus("k8s.io/ingress-nginx", canary=canary)
    assert measurement.value == "0.98"
    counter, good, other = "nginx_ingress_controller_requests", 'status!~"5.*"', renamed(selector)
    assert asked == [
        f"sum(increase({counter}{{{selector}}}[10s]) or increase({counter}{{{other}}}[10s]))",
        (
            f"(sum(rate({counter}{{{selector},{good}}}[10s]) or rate({counter}{{{other},{good}}}[10s])) "
            f"or vector(0)) "
            f"/ sum(rate({counter}{{{selector}}}[10s]) or rate({counter}{{{other}}}[10s]))"
        ),
    ]


def test_latency_of_ingress_nginx_is_turned_into_ms(monkeypatch):
    asked = answering(monkeypatch, [50.0], [120.0])
    assert through_prometheus("k8s.io/ingress-nginx", metric="latency").value == "120.0"
    buckets = "nginx_ingress_controller_response_duration_seconds_bucket"
    assert asked[1] == (
        "histogram_quantile(0.99, sum by (le) "
        f"(rate({buckets}{{{PRIMARY}}}[10s]) or rate({buckets}{{{renamed(PRIMARY)}}}[10s]))) * 1000"
    )


def test_requests_are_counted_with_one_query(monkeypatch):
    asked = answering(monkeypatch, [50.0])
    assert through_prometheus("istio.io/gateway-controller", metric="request-count").value == "50.0"
    assert "destination_service_name" in asked[0]


@pytest.mark.parametrize("count", [[], [float("nan")], [3.0]])
def test_too_few_requests_in_prometheus_are_no_data(monkeypatch, count):
    answering(monkeypatch, count)
    measurement = through_prometheus("k8s.io/ingress-nginx", minRequests=10)
    assert measurement.value == ""
    assert "fewer than minRequests (10)" in measurement.message


@pytest.mark.parametrize("answer", [[], [float("nan")]])
def test_no_rate_in_prometheus_is_no_data(monkeypatch, answer):
    answering(monkeypatch, [50.0], answer)
    assert through_prometheus("projectcontour.io/gateway-controller").value == ""


def test_several_series_are_an_error(monkeypatch):
    answering(monkeypatch, [50.0, 60.0])
    assert "2 series instead of one" in through_prometheus("k8s.io/ingress-nginx").message


def test_a_prometheus_that_is_down_is_an_error(monkeypatch):
    answering(monkeypatch, QueryFailed("refused"))
    measurement = through_prometheus("k8s.io/ingress-nginx")
    assert (measurement.phase, measurement.message) == ("Error", "traffic: refused")


@virtually
async def test_without_an_address_the_error_says_what_to_set():
    cluster = Cluster()
    await cluster.ingress("k8s.io/ingress-nginx")
    run, metric = cluster.metric()
    message = (await cluster.provider.measure(run, metric, None)).message
    assert "set ARGO_ROLLOUTS_PROMETHEUS_ADDRESS for the controller" in message
