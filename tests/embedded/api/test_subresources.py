"""Scale, eviction, logs, proxies and reviews."""

import pytest

from rollouts.embedded.api.status import Refusal
from rollouts.kube.errors import Invalid, NotFound, ServerError, TooManyRequests
from rollouts.kube.resources import DEPLOYMENTS, PODS, REPLICA_SETS, Resource
from rollouts.kube.transport import Request, Response
from tests.embedded.api.objects import WIDGETS, deployment, owned_by, pod, widget, widget_crd

BUDGETS = Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")


async def test_scale_shows_and_sets_the_replicas(client):
    await client.create(DEPLOYMENTS, deployment(replicas=2), "default")
    scale = await client.get(DEPLOYMENTS, "web", "default", subresource="scale")
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}
    await client.replace(DEPLOYMENTS, {**scale, "spec": {"replicas": 4}}, "default", subresource="scale")
    await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, "default", subresource="scale")
    after = await client.get(DEPLOYMENTS, "web", "default")
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (5, 3)
    with pytest.raises(Invalid, match=r"spec\.replicas"):
        await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": -5}}, "default", subresource="scale")


async def test_a_custom_kind_scales_where_its_definition_says(client, server):
    paths = {
        "specReplicasPath": ".spec.size",
        "statusReplicasPath": ".status.size",
        "labelSelectorPath": ".status.chosen",
    }
    server.install_crds([widget_crd(subresources={"status": {}, "scale": paths})])
    await client.create(WIDGETS, widget(size=1), "default")
    await client.patch(
        WIDGETS, "w", {"status": {"size": 1, "chosen": "a=b"}}, "default", subresource="status"
    )
    scale = await client.patch(WIDGETS, "w", {"spec": {"replicas": 3}}, "default", subresource="scale")
    assert (scale["spec"]["replicas"], scale["status"]) == (3, {"replicas": 1, "selector": "a=b"})
    assert (await client.get(WIDGETS, "w", "default"))["spec"] == {"size": 3}


async def ready_pods(client, count):
    """Pods of a ReplicaSet that wants as many."""
    body = {**deployment("web", count), "kind": "ReplicaSet"}
    owner = await client.create(REPLICA_SETS, body, "default")
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    for number in range(count):
        child = owned_by(owner, pod(f"p{number}", app="web"))
        child["metadata"]["ownerReferences"][0]["controller"] = True
        await client.create(PODS, child, "default")
        await client.patch(PODS, f"p{number}", ready, "default", subresource="status")


@pytest.mark.parametrize("rule", [{"minAvailable": 2}, {"maxUnavailable": 1}, {"minAvailable": "60%"}])
async def test_an_eviction_honours_the_disruption_budget(client, rule):
    await ready_pods(client, 3)
    spec = {"selector": {"matchLabels": {"app": "web"}}, **rule}
    await client.create(BUDGETS, {"metadata": {"name": "b"}, "spec": spec}, "default")
    await client.evict("p0", "default")
    with pytest.raises(TooManyRequests, match="disruption budget") as error:
        await client.evict("p1", "default")
    assert error.value.retry_after == 10


async def test_an_eviction_without_budget_deletes(client):
    await ready_pods(client, 1)
    await client.evict("p0", "default")
    with pytest.raises(NotFound):
        await client.get(PODS, "p0", "default")


async def test_logs_come_from_whoever_runs_the_pod(client, server):
    await client.create(PODS, pod(), "default")
    path = "/api/v1/namespaces/default/pods/p/log"
    with pytest.raises(ServerError, match="no node of this server runs the pod"):
        await client.raw(path)

    async def read(namespace, name, query):
        if query.get("container") == "other":
            raise Refusal(400, "BadRequest", "container other is not valid for pod p")
        return f"{namespace}/{name} says hello\n"

    server.logs = read
    assert await client.raw(path) == "default/p says hello\n"
    with pytest.raises(Invalid, match="container other is not valid"):
        await client.raw(path, {"container": "other"})
    with pytest.raises(NotFound):
        await client.raw("/api/v1/namespaces/default/pods/nobody/log")


@pytest.mark.parametrize("way", ["exec", "attach", "portforward"])
async def test_a_way_into_a_pod_is_refused_by_name(client, way):
    await client.create(PODS, pod(), "default")
    with pytest.raises(ServerError, match=f"the embedded cluster has no {way}"):
        await client.raw(f"/api/v1/namespaces/default/pods/p/{way}")


async def test_a_service_is_reached_through_its_proxy(client, server):
    async def answer(path, query):
        return Response(code=200, body=f"{path} {query}")

    server.proxies["rollouts-system", "envoy", "admin"] = answer
    server.proxies["rollouts-system", "envoy", 9901] = answer
    root = "/api/v1/namespaces/rollouts-system/services"
    for port in ("admin", "9901"):
        seen = await client.raw(f"{root}/envoy:{port}/proxy/stats/prometheus", {"filter": "x"})
        assert seen == "/stats/prometheus {'filter': 'x'}"
    with pytest.raises(ServerError, match="no endpoints available for service"):
        await client.raw(f"{root}/other:80/proxy/")


async def test_reviews_allow_everything(client):
    answer = await client.transport.request(
        Request(
            method="POST",
            path="/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            body={"spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}},
        )
    )
    assert (answer.code, answer.body["status"]["allowed"]) == (201, True)


async def test_health_version_and_discovery_answer(client):
    assert await client.raw("/healthz") == "ok"
    assert (await client.raw("/version/"))["gitVersion"].startswith("v1.")
    groups = {group["name"] for group in (await client.raw("/apis"))["groups"]}
    assert {"apps", "batch", "networking.k8s.io", "gateway.networking.k8s.io"} <= groups
    pods = next(each for each in (await client.raw("/api/v1"))["resources"] if each["name"] == "pods")
    assert pods["shortNames"] == ["po"]
    assert "watch" in pods["verbs"]


async def test_the_aggregated_discovery_has_the_core_group_without_a_name(client):
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    answer = await client.transport.request(Request(method="GET", path="/api", headers={"accept": accept}))
    assert answer.headers["content-type"].endswith("as=APIGroupDiscoveryList")
    (core,) = answer.body["items"]
    assert core["metadata"] == {"name": ""}
    pods = next(each for each in core["versions"][0]["resources"] if each["resource"] == "pods")
    assert pods["scope"] == "Namespaced"
    assert {each["subresource"] for each in pods["subresources"]} >= {"status", "log", "eviction"}


async def test_openapi_lets_kubectl_patch_every_kind(client, server):
    server.install_crds([widget_crd()])
    index = (await client.raw("/openapi/v3"))["paths"]
    for place in ("api/v1", "apis/apps/v1", "apis/example.com/v1"):
        assert index[place]["serverRelativeURL"].startswith(f"/openapi/v3/{place}?hash=")
    document = await client.raw("/openapi/v3/apis/example.com/v1")
    patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"]["kind"] == "Widget"
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    schemas = document["components"]["schemas"]
    assert schemas["com.example.v1.Widget"]["x-kubernetes-group-version-kind"][0]["group"] == "example.com"
    assert "io.k8s.v1.ObjectMeta" in schemas
