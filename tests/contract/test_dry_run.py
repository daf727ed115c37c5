"""Every verb goes through all of its steps and stores nothing, when that is asked for."""

import pytest

from rollouts.kube.resources import CONFIG_MAPS, SERVICES
from tests.contract.objects import config_map, widget

DRY = {"dryRun": "All"}


async def test_nothing_is_created(cluster):
    made = await cluster.create(CONFIG_MAPS, config_map(a="1"), **DRY)
    assert made["metadata"]["uid"]
    assert made["metadata"]["creationTimestamp"]
    assert "resourceVersion" not in made["metadata"]
    assert "cm" not in await cluster.names(CONFIG_MAPS)


async def test_a_name_is_generated_and_not_taken(cluster):
    body = {"metadata": {"generateName": "made-"}, "data": {}}
    made = await cluster.create(CONFIG_MAPS, body, **DRY)
    assert made["metadata"]["name"].startswith("made-")
    assert made["metadata"]["generateName"] == "made-"


async def test_nothing_is_replaced(cluster):
    old = await cluster.create(CONFIG_MAPS, config_map(a="1"))
    path = cluster.path(CONFIG_MAPS, "cm")
    answer = await cluster.send("PUT", path, {**old, "data": {"a": "2"}}, **DRY)
    assert answer.body["data"] == {"a": "2"}
    assert answer.body["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"]
    assert await cluster.get(CONFIG_MAPS, "cm") == old


@pytest.mark.parametrize("type", ["merge", "strategic", "json"])
async def test_nothing_is_patched(cluster, type):
    old = await cluster.create(CONFIG_MAPS, config_map(a="1"))
    patch = [{"op": "replace", "path": "/data/a", "value": "2"}] if type == "json" else {"data": {"a": "2"}}
    assert (await cluster.patched(CONFIG_MAPS, "cm", patch, type, **DRY))["data"] == {"a": "2"}
    assert await cluster.get(CONFIG_MAPS, "cm") == old


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
async def test_nothing_is_deleted(cluster, policy):
    old = await cluster.create(CONFIG_MAPS, config_map(a="1"))
    answer = await cluster.send("DELETE", cluster.path(CONFIG_MAPS, "cm"), propagationPolicy=policy, **DRY)
    assert answer.code == 200
    assert await cluster.get(CONFIG_MAPS, "cm") == old


async def test_no_status_and_no_scale_is_written(cluster):
    old = await cluster.create(cluster.widgets, widget(cluster))
    after = await cluster.patched(
        cluster.widgets, "w", {"status": {"phase": "Good"}}, subresource="status", **DRY
    )
    assert after["status"] == {"phase": "Good"}
    scale = await cluster.patched(cluster.widgets, "w", {"spec": {"replicas": 5}}, subresource="scale", **DRY)
    assert scale["spec"] == {"replicas": 5}
    assert await cluster.get(cluster.widgets, "w") == old


async def test_what_is_refused_is_refused_dry_as_well(cluster):
    await cluster.create(CONFIG_MAPS, config_map(a="1"))
    path = cluster.path(CONFIG_MAPS)
    assert (await cluster.send("POST", path, config_map(a="1"), **DRY)).code == 409
    assert (await cluster.send("POST", path, config_map("Not_A_Name"), **DRY)).code == 422
    assert (
        await cluster.send("POST", cluster.path(cluster.widgets), widget(cluster, color="blue"), **DRY)
    ).code == 422
    assert (await cluster.send("DELETE", f"{path}/none", **DRY)).code == 404
    nowhere = CONFIG_MAPS.path("no-such-namespace")
    assert (await cluster.send("POST", nowhere, config_map(), **DRY)).code == 404


async def test_no_address_is_taken(cluster):
    body = {"metadata": {"name": "svc"}, "spec": {"ports": [{"port": 80}]}}
    await cluster.create(SERVICES, body, **DRY)
    made = await cluster.create(SERVICES, body)
    assert made["spec"]["clusterIP"] == made["spec"]["clusterIPs"][0] != ""
