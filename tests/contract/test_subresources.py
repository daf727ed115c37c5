"""Status, scale and eviction; and metadata.generation, which counts what is asked for and not what is."""

import pytest

from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, Resource
from tests.contract.objects import config_map, widget, workload

BUDGETS = Resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")


async def test_a_status_is_written_through_its_subresource_alone(cluster):
    kind = cluster.widgets
    await cluster.create(kind, {**widget(cluster), "status": {"phase": "Bad"}})
    both = {"spec": {"size": 7}, "status": {"phase": "Good"}, "metadata": {"labels": {"a": "b"}}}
    after = await cluster.patched(kind, "w", both, subresource="status")
    assert (after["spec"]["size"], after["status"]) == (3, {"phase": "Good"})
    assert "labels" not in after["metadata"]
    after = await cluster.patched(kind, "w", {"status": {"phase": "Bad"}})
    assert after["status"] == {"phase": "Good"}


async def test_a_status_is_replaced_under_its_version(cluster):
    kind = cluster.widgets
    made = await cluster.create(kind, widget(cluster))
    path = cluster.path(kind, "w", "status")
    answer = await cluster.send("PUT", path, {**made, "status": {"replicas": 2}})
    assert (answer.code, answer.body["status"]) == (200, {"replicas": 2})
    answer = await cluster.send("PUT", path, {**made, "status": {"replicas": 3}})
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    shown = await cluster.send("GET", path)
    assert shown.body["status"] == {"replicas": 2}


async def test_generation_counts_changes_of_the_specification(cluster):
    kind = cluster.widgets
    made = await cluster.create(kind, widget(cluster))
    assert made["metadata"]["generation"] == 1
    for patch, subresource, generation in (
        ({"metadata": {"labels": {"a": "b"}}}, "", 1),
        ({"status": {"phase": "Good"}}, "status", 1),
        ({"spec": {"size": 4}}, "", 2),
        ({"spec": {"size": 4}}, "", 2),
        ({"metadata": {"annotations": {"a": "b"}}, "spec": {"size": 5}}, "", 3),
        ({"metadata": {"generation": 99}}, "", 3),
    ):
        after = await cluster.patched(kind, "w", patch, subresource=subresource)
        assert after["metadata"]["generation"] == generation, patch


async def test_kinds_without_a_specification_have_no_generation(cluster):
    made = await cluster.create(CONFIG_MAPS, config_map())
    assert "generation" not in made["metadata"]


async def test_an_object_that_is_deleted_and_held_counts_that_too(cluster):
    body = widget(cluster)
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(cluster.widgets, body)
    answer = await cluster.send("DELETE", cluster.path(cluster.widgets, "w"))
    assert answer.body["metadata"]["generation"] == 2
    await cluster.patched(cluster.widgets, "w", {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("type", ["merge", "json"])
async def test_a_scale_changes_the_replicas_and_nothing_else(cluster, type):
    await cluster.create(cluster.widgets, widget(cluster))
    patch = {"spec": {"replicas": 5}}
    if type == "json":
        patch = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    answer = await cluster.patch(cluster.widgets, "w", patch, type, "scale")
    assert (answer.code, answer.body["kind"], answer.body["spec"]) == (200, "Scale", {"replicas": 5})
    after = await cluster.get(cluster.widgets, "w")
    assert (after["spec"]["size"], after["metadata"]["generation"]) == (5, 2)


async def test_a_scale_shows_what_the_status_counts(cluster):
    await cluster.create(cluster.widgets, widget(cluster))
    status = {"status": {"replicas": 2, "selector": "app=web"}}
    await cluster.patched(cluster.widgets, "w", status, subresource="status")
    scale = (await cluster.send("GET", cluster.path(cluster.widgets, "w", "scale"))).body
    assert scale["status"] == {"replicas": 2, "selector": "app=web"}
    assert scale["apiVersion"] == "autoscaling/v1"


async def test_a_scale_is_written_under_its_version(cluster):
    await cluster.create(DEPLOYMENTS, workload(paused=True))
    path = cluster.path(DEPLOYMENTS, "web", "scale")
    scale = (await cluster.send("GET", path)).body
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}
    stale = {**scale, "metadata": {**scale["metadata"], "resourceVersion": "1"}}
    assert (await cluster.send("PUT", path, stale)).code == 409


def pod(name):
    containers = [{"name": "main", "image": "web:1"}]
    return {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"containers": containers}}


async def evict(cluster, name, **query):
    meta = {"name": name, "namespace": cluster.namespace}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    return await cluster.send("POST", cluster.path(PODS, name, "eviction"), body, **query)


async def test_a_pod_without_a_budget_is_evicted(pods):
    await pods.create(PODS, pod("p"))
    assert (await evict(pods, "p", dryRun="All")).code == 201
    assert await pods.names(PODS) == ["p"]
    answer = await evict(pods, "p")
    assert (answer.code, answer.body["status"]) == (201, "Success")
    await pods.gone(PODS, "p")


async def test_a_budget_holds_back_an_eviction(pods):
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    await pods.create(BUDGETS, {"metadata": {"name": "b"}, "spec": spec})
    await pods.create(PODS, pod("p"))
    ready = [{"type": "Ready", "status": "True"}]
    status = {"status": {"phase": "Running", "conditions": ready}}
    await pods.patched(PODS, "p", status, subresource="status")
    answer = await pods.until(lambda: evict(pods, "p", dryRun="All"), lambda answer: answer.code == 429)
    assert answer.body["reason"] == "TooManyRequests"
    (cause,) = answer.body["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
