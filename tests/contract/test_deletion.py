"""Deletions: what holds an object, what goes with it, and what stays."""

import asyncio

import pytest

from rollouts.kube.resources import CONFIG_MAPS
from tests.contract.objects import config_map, owned_by, widget


def options(policy):
    return {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}


async def delete(cluster, name, policy, **more):
    path = cluster.path(CONFIG_MAPS, name)
    answer = await cluster.send("DELETE", path, {**options(policy), **more})
    assert answer.code == 200, answer.body
    return answer.body


async def family(cluster, *, block=True):
    """An owner and its dependant."""
    owner = await cluster.create(CONFIG_MAPS, config_map("owner"))
    await cluster.create(CONFIG_MAPS, owned_by(owner, config_map("child"), block=block))


async def test_in_the_background_the_owner_goes_first_and_the_dependants_after_it(cluster):
    await family(cluster)
    await delete(cluster, "owner", "Background")
    await cluster.gone(CONFIG_MAPS, "owner")
    await cluster.gone(CONFIG_MAPS, "child")


async def test_in_the_foreground_the_owner_waits_for_its_dependants(cluster):
    owner = await cluster.create(CONFIG_MAPS, config_map("owner"))
    child = owned_by(owner, config_map("child"), block=True)
    child["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(CONFIG_MAPS, child)
    await delete(cluster, "owner", "Foreground")
    await cluster.until(
        lambda: cluster.get(CONFIG_MAPS, "child"), lambda found: "deletionTimestamp" in found["metadata"]
    )
    held = await cluster.get(CONFIG_MAPS, "owner")
    assert held["metadata"]["finalizers"] == ["foregroundDeletion"]
    await cluster.patched(CONFIG_MAPS, "child", {"metadata": {"finalizers": None}})
    await cluster.gone(CONFIG_MAPS, "owner")


async def test_a_dependant_that_does_not_block_is_not_waited_for(cluster):
    owner = await cluster.create(CONFIG_MAPS, config_map("owner"))
    child = owned_by(owner, config_map("child"), block=False)
    child["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(CONFIG_MAPS, child)
    await delete(cluster, "owner", "Foreground")
    await cluster.gone(CONFIG_MAPS, "owner")
    await cluster.patched(CONFIG_MAPS, "child", {"metadata": {"finalizers": None}})
    await cluster.gone(CONFIG_MAPS, "child")


async def test_orphans_live_on_without_an_owner(cluster):
    await family(cluster)
    await delete(cluster, "owner", "Orphan")
    await cluster.gone(CONFIG_MAPS, "owner")
    child = await cluster.get(CONFIG_MAPS, "child")
    assert "ownerReferences" not in child["metadata"]


async def test_a_dependant_of_two_lives_as_long_as_one_of_them(cluster):
    one = await cluster.create(CONFIG_MAPS, config_map("one"))
    two = await cluster.create(CONFIG_MAPS, config_map("two"))
    child = owned_by(one, config_map("child"))
    child["metadata"]["ownerReferences"] += owned_by(two, config_map("x"))["metadata"]["ownerReferences"]
    await cluster.create(CONFIG_MAPS, child)
    await delete(cluster, "one", "Background")
    await cluster.until(
        lambda: cluster.get(CONFIG_MAPS, "child"),
        lambda found: len(found["metadata"]["ownerReferences"]) == 1,
    )
    await delete(cluster, "two", "Background")
    await cluster.gone(CONFIG_MAPS, "child")


async def test_a_dependant_of_who_never_was_goes(cluster):
    nobody = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nobody", "uid": "no-such-uid"}}
    await cluster.create(CONFIG_MAPS, owned_by(nobody, config_map("child")))
    await cluster.gone(CONFIG_MAPS, "child")


async def test_custom_objects_own_and_are_owned(cluster):
    owner = await cluster.create(cluster.widgets, widget(cluster, "owner"))
    await cluster.create(CONFIG_MAPS, owned_by(owner, config_map("child")))
    # A real garbage collector learns of new kinds every half minute: it may take that long.
    await cluster.send("DELETE", cluster.path(cluster.widgets, "owner"))
    await cluster.gone(CONFIG_MAPS, "child")


async def test_preconditions_protect_the_next_incarnation(cluster):
    made = await cluster.create(CONFIG_MAPS, config_map())
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    wrong = {"preconditions": {"uid": uid, "resourceVersion": "1"}}
    path = cluster.path(CONFIG_MAPS, "cm")
    assert (await cluster.send("DELETE", path, {**options("Background"), **wrong})).code == 409
    right = {"preconditions": {"uid": uid, "resourceVersion": version}}
    await delete(cluster, "cm", "Background", **right)


@pytest.mark.parametrize(
    "query",
    [{"labelSelector": "tier=web"}, {"fieldSelector": "metadata.name!=c,metadata.name!=kube-root-ca.crt"}],
)
async def test_a_collection_is_deleted_by_what_is_selected(cluster, query):
    for name, tier in (("a", "web"), ("b", "web"), ("c", "db")):
        await cluster.create(CONFIG_MAPS, config_map(name, {"tier": tier}))
    path = cluster.path(CONFIG_MAPS)
    answer = await cluster.send("DELETE", path, dryRun="All", **query)
    assert (answer.code, answer.body["kind"]) == (200, "ConfigMapList")
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "b"]
    assert await cluster.names(CONFIG_MAPS, labelSelector="tier") == ["a", "b", "c"]
    await cluster.send("DELETE", path, **query)
    assert await cluster.names(CONFIG_MAPS, labelSelector="tier") == ["c"]


async def test_a_second_deletion_of_what_is_held_changes_nothing(cluster):
    body = config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(CONFIG_MAPS, body)
    first = await delete(cluster, "cm", "Background")
    await asyncio.sleep(1.1)
    second = await delete(cluster, "cm", "Background")
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"):
        assert second["metadata"][key] == first["metadata"][key]
    await cluster.patched(CONFIG_MAPS, "cm", {"metadata": {"finalizers": None}})
    await cluster.gone(CONFIG_MAPS, "cm")
