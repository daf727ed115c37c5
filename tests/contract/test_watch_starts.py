"""Where a watch begins, by the version that it is given."""

import asyncio

import pytest

from rollouts.kube.errors import Gone
from rollouts.kube.resources import CONFIG_MAPS, PODS
from tests.contract.objects import config_map

MINE = {"labelSelector": "mine"}


async def mine(cluster, name):
    return await cluster.create(CONFIG_MAPS, config_map(name, {"mine": "yes"}))


async def take(events, count):
    async with asyncio.timeout(30):
        seen = [await anext(events) for _ in range(count)]
    await events.aclose()
    return seen


async def told(cluster, count, **query):
    """The first events of a watch: their types and what they are about."""
    seen = await take(cluster.watch(CONFIG_MAPS, **MINE, **query), count)
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in seen]


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}], ids=["none", "zero"])
async def test_without_a_version_all_objects_come_first(cluster, query):
    await mine(cluster, "a")
    await mine(cluster, "b")
    assert sorted(await told(cluster, 2, **query)) == [("ADDED", "a"), ("ADDED", "b")]


async def test_after_a_version_only_what_came_later_is_told(cluster):
    a = await mine(cluster, "a")
    await mine(cluster, "b")
    assert await told(cluster, 1, resourceVersion=a["metadata"]["resourceVersion"]) == [("ADDED", "b")]


async def test_a_version_that_is_long_gone_is_refused(cluster):
    await mine(cluster, "a")
    cluster.forget()
    events = cluster.watch(CONFIG_MAPS, resourceVersion="1", timeoutSeconds="5")
    try:
        event = await anext(events)
        code, status = 410 if event["type"] == "ERROR" else 200, event["object"]
    except Gone as error:
        code, status = error.code, error.status
    await events.aclose()
    assert (code, status["code"], status["reason"]) == (410, 410, "Expired")


@pytest.mark.parametrize("version", ["", "0"])
async def test_initial_events_come_before_a_bookmark_that_says_so(cluster, version):
    await mine(cluster, "a")
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    seen = await take(cluster.watch(CONFIG_MAPS, resourceVersion=version, **MINE, **query), 2)
    assert [event["type"] for event in seen] == ["ADDED", "BOOKMARK"]
    bookmark = seen[1]["object"]
    assert (bookmark["kind"], bookmark["apiVersion"]) == ("ConfigMap", "v1")
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["metadata"]["resourceVersion"]) > 0


async def test_without_initial_events_a_watch_begins_now(cluster):
    await mine(cluster, "a")
    query = {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"}
    events = cluster.watch(CONFIG_MAPS, allowWatchBookmarks="true", **MINE, **query)
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.5)
    await mine(cluster, "b")
    async with asyncio.timeout(30):
        assert (await first)["object"]["metadata"]["name"] == "b"
    await events.aclose()


async def test_objects_enter_and_leave_a_selection_by_field(pods):
    """A pod that is placed leaves the selection of those that wait for a place."""
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "web:1"}]}}
    version = (await pods.listed(PODS))["metadata"]["resourceVersion"]
    events = pods.watch(PODS, fieldSelector="spec.nodeName=", resourceVersion=version)
    await pods.create(PODS, body)
    target = {"apiVersion": "v1", "kind": "Node", "name": "somewhere"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": target}
    answer = await pods.send("POST", pods.path(PODS, "p", "binding"), binding)
    # Where a scheduler runs, it may have been faster.
    assert answer.code in (201, 409)
    seen = await take(events, 2)
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in seen] == [
        ("ADDED", "p"),
        ("DELETED", "p"),
    ]


async def test_one_object_is_read_and_not_watched(cluster):
    await mine(cluster, "a")
    assert (await cluster.get(CONFIG_MAPS, "a", watch="true"))["kind"] == "ConfigMap"


async def test_a_watch_of_what_is_not_there_waits_for_it(cluster):
    assert (
        await cluster.stream(cluster.path(CONFIG_MAPS), watch="true", timeoutSeconds="1", labelSelector="no")
        == []
    )
