"""What a client may count on when it watches, on any API server."""

import asyncio

from rollouts.kube.resources import CONFIG_MAPS


def config_map(name, **labels):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}


async def start(cluster, **query):
    """A watch of the test's own objects from now on."""
    listed = await cluster.client.list(CONFIG_MAPS, cluster.namespace)
    query.setdefault("resourceVersion", listed["metadata"]["resourceVersion"])
    return cluster.client.watch(CONFIG_MAPS, cluster.namespace, **query)


async def take(events, count):
    async with asyncio.timeout(10):
        seen = [await anext(events) for _ in range(count)]
    await events.aclose()
    return seen


def told(events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


async def test_every_change_is_told_in_order(cluster):
    client, here = cluster.client, cluster.namespace
    events = await start(cluster, fieldSelector="metadata.name=a")
    await client.create(CONFIG_MAPS, config_map("a"), here)
    await client.patch(CONFIG_MAPS, "a", {"data": {"x": "1"}}, here)
    await client.delete(CONFIG_MAPS, "a", here)
    seen = await take(events, 3)
    assert told(seen) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))


async def test_objects_enter_and_leave_a_label_selection(cluster):
    client, here = cluster.client, cluster.namespace
    events = await start(cluster, labelSelector="tier=web")
    await client.create(CONFIG_MAPS, config_map("a", tier="db"), here)
    await client.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"tier": "web"}}}, here)
    await client.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"tier": "db"}}}, here)
    seen = await take(events, 2)
    assert told(seen) == [("ADDED", "a"), ("DELETED", "a")]
    assert seen[1]["object"]["metadata"]["labels"] == {"tier": "web"}


async def test_initial_events_end_with_a_bookmark(cluster):
    client, here = cluster.client, cluster.namespace
    for name in "ab":
        await client.create(CONFIG_MAPS, config_map(name, mine="yes"), here)
    events = await start(
        cluster,
        resourceVersion="",
        labelSelector="mine=yes",
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    seen = await take(events, 3)
    assert sorted(told(seen[:2])) == [("ADDED", "a"), ("ADDED", "b")]
    assert seen[2]["type"] == "BOOKMARK"
    assert seen[2]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"


async def test_a_watch_ends_at_its_timeout(cluster):
    events = await start(cluster, timeoutSeconds="1", fieldSelector="metadata.name=nothing")
    async with asyncio.timeout(10):
        assert [event async for event in events if event["type"] != "BOOKMARK"] == []


async def test_taking_off_the_last_finalizer_is_told_as_the_deletion_alone(cluster):
    client, here = cluster.client, cluster.namespace
    body = config_map("held")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await client.create(CONFIG_MAPS, body, here)
    await client.delete(CONFIG_MAPS, "held", here)
    events = await start(cluster, fieldSelector="metadata.name=held")
    await client.patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, here)
    await client.create(CONFIG_MAPS, config_map("held"), here)
    assert told(await take(events, 2)) == [("DELETED", "held"), ("ADDED", "held")]
