"""What goes with what, and what waits for what."""

import pytest

from rollouts.kube.errors import Conflict, Forbidden, Invalid, NotFound, Terminating
from rollouts.kube.resources import CONFIG_MAPS, CRDS, DEPLOYMENTS, NAMESPACES, PODS, SERVICES
from rollouts.kube.transport import Request
from tests.embedded.api.objects import (
    WIDGETS,
    config_map,
    deployment,
    owned_by,
    pod,
    service,
    widget,
    widget_crd,
)


async def names(client, resource=CONFIG_MAPS, namespace="default"):
    return [item["metadata"]["name"] for item in (await client.list(resource, namespace))["items"]]


async def delete(client, path, **options):
    return await client.transport.request(Request(method="DELETE", path=path, body=options or None))


async def family(client, *, block=False):
    """An owner, its child and its grandchild."""
    root = await client.create(CONFIG_MAPS, config_map("root"), "default")
    child = await client.create(CONFIG_MAPS, owned_by(root, config_map("child"), block=block), "default")
    await client.create(CONFIG_MAPS, owned_by(child, config_map("grandchild"), block=block), "default")


async def test_background_takes_the_dependants_along(client):
    await family(client)
    await client.delete(CONFIG_MAPS, "root", "default")
    assert await names(client) == []


async def test_orphan_sets_the_dependants_free(client):
    await family(client)
    await client.delete(CONFIG_MAPS, "root", "default", propagation="Orphan")
    assert await names(client) == ["child", "grandchild"]
    assert "ownerReferences" not in (await client.get(CONFIG_MAPS, "child", "default"))["metadata"]


async def test_foreground_waits_for_the_dependants_that_block(client):
    root = await client.create(CONFIG_MAPS, config_map("root"), "default")
    held = owned_by(root, config_map("child"), block=True)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await client.create(CONFIG_MAPS, held, "default")
    await client.delete(CONFIG_MAPS, "root", "default", propagation="Foreground")
    waiting = (await client.get(CONFIG_MAPS, "root", "default"))["metadata"]
    assert waiting["finalizers"] == ["foregroundDeletion"]
    assert waiting["deletionTimestamp"]
    await client.patch(CONFIG_MAPS, "child", {"metadata": {"finalizers": None}}, "default")
    assert await names(client) == []


async def test_foreground_goes_through_all_generations(client):
    await family(client, block=True)
    await client.delete(CONFIG_MAPS, "root", "default", propagation="Foreground")
    assert await names(client) == []


async def test_a_dependant_with_another_owner_stays(client):
    one = await client.create(CONFIG_MAPS, config_map("one"), "default")
    two = await client.create(CONFIG_MAPS, config_map("two"), "default")
    child = owned_by(one, config_map("child"))
    child["metadata"]["ownerReferences"] += owned_by(two, config_map())["metadata"]["ownerReferences"]
    await client.create(CONFIG_MAPS, child, "default")
    await client.delete(CONFIG_MAPS, "one", "default")
    owners = (await client.get(CONFIG_MAPS, "child", "default"))["metadata"]["ownerReferences"]
    assert [owner["name"] for owner in owners] == ["two"]


async def test_a_dependant_that_comes_after_its_owner_went_is_collected(client):
    root = await client.create(CONFIG_MAPS, config_map("root"), "default")
    await client.delete(CONFIG_MAPS, "root", "default")
    await client.create(CONFIG_MAPS, owned_by(root, config_map("late")), "default")
    assert await names(client) == []


async def test_a_cluster_wide_owner_has_dependants_in_namespaces(client, server):
    server.install_crds([widget_crd()])
    crd = await client.get(CRDS, "widgets.example.com")
    await client.create(CONFIG_MAPS, owned_by(crd, config_map()), "default")
    await client.delete(CRDS, "widgets.example.com")
    assert await names(client) == []


async def test_a_finalizer_holds_an_object_until_it_is_taken_off(client):
    body = config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    made = await client.create(CONFIG_MAPS, body, "default")
    marked = await client.delete(CONFIG_MAPS, "cm", "default")
    assert marked["metadata"]["deletionTimestamp"] == made["metadata"]["creationTimestamp"]
    patch = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    with pytest.raises(Invalid, match="no new finalizers can be added"):
        await client.patch(CONFIG_MAPS, "cm", patch, "default")
    await client.patch(CONFIG_MAPS, "cm", {"metadata": {"finalizers": []}}, "default")
    assert await names(client) == []


async def test_a_precondition_protects_the_next_incarnation(client):
    old = await client.create(CONFIG_MAPS, config_map(), "default")
    await client.delete(CONFIG_MAPS, "cm", "default")
    await client.create(CONFIG_MAPS, config_map(), "default")
    with pytest.raises(Conflict, match="the UID in the precondition"):
        await client.delete(CONFIG_MAPS, "cm", "default", uid=old["metadata"]["uid"])
    assert await names(client) == ["cm"]


async def test_a_running_pod_gets_its_grace_and_goes_when_its_node_says_so(client, clock):
    body = pod()
    body["spec"]["nodeName"] = "here"
    await client.create(PODS, body, "default")
    path = PODS.path("default", "p")
    marked = (await client.delete(PODS, "p", "default"))["metadata"]
    assert marked["deletionGracePeriodSeconds"] == 30
    assert marked["deletionTimestamp"] == "2026-01-31T12:00:30Z"
    shorter = (await delete(client, path, gracePeriodSeconds=5)).body["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 5
    await delete(client, path, gracePeriodSeconds=0)
    assert await names(client, PODS) == []


async def test_a_pod_that_no_node_runs_goes_at_once(client):
    await client.create(PODS, pod(), "default")
    assert (await client.delete(PODS, "p", "default"))["status"] == "Success"
    assert await names(client, PODS) == []


async def test_a_namespace_empties_itself_and_then_goes(client):
    await client.create(NAMESPACES, {"metadata": {"name": "team"}})
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await client.create(CONFIG_MAPS, held, "team")
    await client.create(DEPLOYMENTS, deployment(), "team")
    await client.delete(NAMESPACES, "team")
    left = await client.get(NAMESPACES, "team")
    assert left["status"]["phase"] == "Terminating"
    assert await names(client, DEPLOYMENTS, "team") == []
    with pytest.raises(Terminating, match="because it is being terminated"):
        await client.create(CONFIG_MAPS, config_map(), "team")
    await client.patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "team")
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "team")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public", "rollouts-system"])
async def test_the_namespaces_of_the_cluster_itself_stay(client, name):
    with pytest.raises(Forbidden, match=f'"{name}" is forbidden: this namespace may not be deleted'):
        await client.delete(NAMESPACES, name)
    await client.get(NAMESPACES, name)


async def test_a_definition_goes_after_its_objects(client, server):
    server.install_crds([widget_crd()])
    await client.create(WIDGETS, widget(a=1), "default")
    await client.delete(CRDS, "widgets.example.com")
    with pytest.raises(NotFound, match="404 page not found"):
        await client.list(WIDGETS, "default")
    server.install_crds([widget_crd()])
    assert await names(client, WIDGETS) == []


async def test_a_collection_is_deleted_by_selector(client):
    for name, tier in (("a", "web"), ("b", "db"), ("c", "web")):
        await client.create(PODS, pod(name, tier=tier), "default")
    answer = await client.transport.request(
        Request(method="DELETE", path=PODS.path("default"), query={"labelSelector": "tier=web"})
    )
    assert answer.code == 200
    assert await names(client, PODS) == ["b"]


async def test_a_dry_run_of_a_deletion_deletes_nothing(client):
    await client.create(CONFIG_MAPS, config_map(), "default")
    answer = await delete(client, CONFIG_MAPS.path("default", "cm"), dryRun=["All"])
    assert answer.code == 200
    assert await names(client) == ["cm"]


async def test_the_address_of_a_deleted_service_is_free_again(client):
    made = await client.create(SERVICES, service("a"), "default")
    address = made["spec"]["clusterIP"]
    with pytest.raises(Invalid, match="already allocated"):
        await client.create(SERVICES, service("b", clusterIP=address), "default")
    await client.delete(SERVICES, "a", "default")
    again = await client.create(SERVICES, service("b", clusterIP=address), "default")
    assert again["spec"]["clusterIP"] == address
