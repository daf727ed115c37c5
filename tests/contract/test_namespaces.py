"""Namespaces: they must be there, they label themselves, and they take all that is in them with them."""

import uuid

from rollouts.kube.resources import CONFIG_MAPS, NAMESPACES
from tests.contract.objects import config_map, widget


async def another(cluster):
    """One more namespace."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    made = (await cluster.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})).body
    return name, made


async def test_a_namespace_labels_itself_and_holds_itself(cluster):
    name, made = await another(cluster)
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": name}
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    assert (await cluster.send("DELETE", NAMESPACES.path("", name))).code == 200


async def test_a_namespace_takes_all_that_is_in_it_with_it(cluster):
    name, _ = await another(cluster)
    for resource, body in ((CONFIG_MAPS, config_map()), (cluster.widgets, widget(cluster))):
        assert (await cluster.send("POST", resource.path(name), body)).code == 201
    await cluster.send("DELETE", NAMESPACES.path("", name))
    await cluster.until(
        lambda: cluster.send("GET", NAMESPACES.path("", name)), lambda answer: answer.code == 404
    )
    assert (await cluster.send("GET", cluster.widgets.path(name))).body["items"] == []


async def test_nothing_is_created_in_a_namespace_that_is_going(cluster):
    name, _ = await another(cluster)
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.send("POST", CONFIG_MAPS.path(name), held)
    going = (await cluster.send("DELETE", NAMESPACES.path("", name))).body
    assert going["status"]["phase"] == "Terminating"
    answer = await cluster.send("POST", CONFIG_MAPS.path(name), config_map())
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    why = f"unable to create new content in namespace {name} because it is being terminated"
    assert answer.body["message"] == f'configmaps "cm" is forbidden: {why}'
    (cause,) = answer.body["details"]["causes"]
    assert cause == {
        "reason": "NamespaceTerminating",
        "message": f"namespace {name} is being terminated",
        "field": "metadata.namespace",
    }
    patch = {"metadata": {"finalizers": None}}
    path = CONFIG_MAPS.path(name, "held")
    await cluster.until(
        lambda: cluster.send("GET", path), lambda answer: "deletionTimestamp" in answer.body["metadata"]
    )
    await cluster.send("PATCH", path, patch, content="application/merge-patch+json")


async def test_the_namespaces_of_the_cluster_stay(cluster):
    assert (await cluster.send("DELETE", NAMESPACES.path("", "kube-system"))).code == 403
    assert (await cluster.send("DELETE", NAMESPACES.path("", "default"))).code == 403
