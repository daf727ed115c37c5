"""Following changes."""

import asyncio
from contextlib import aclosing

import pytest

from rollouts.embedded.virtual_time import run
from rollouts.kube.errors import Gone, Invalid, ServerError
from rollouts.kube.resources import CONFIG_MAPS, CRDS, PODS
from tests.embedded.api.objects import WIDGETS, config_map, pod, widget_crd


async def take(events, count):
    """The next events of a watch."""
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


def told(events):
    return [(event["type"], event["object"]["metadata"].get("name")) for event in events]


async def version(client):
    return (await client.list(CONFIG_MAPS))["metadata"]["resourceVersion"]


async def test_a_watch_tells_what_came_after_its_version(client):
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    events = client.watch(CONFIG_MAPS, "default", resourceVersion=await version(client))
    await client.create(CONFIG_MAPS, config_map("b"), "default")
    await client.patch(CONFIG_MAPS, "b", {"data": {"x": "y"}}, "default")
    await client.delete(CONFIG_MAPS, "b", "default")
    async with aclosing(events):
        seen = await take(events, 3)
    assert told(seen) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


async def test_a_deletion_carries_a_version_of_its_own(client):
    made = await client.create(CONFIG_MAPS, config_map(), "default")
    events = client.watch(CONFIG_MAPS, resourceVersion=made["metadata"]["resourceVersion"])
    await client.delete(CONFIG_MAPS, "cm", "default")
    async with aclosing(events):
        (gone,) = await take(events, 1)
    assert gone["type"] == "DELETED"
    assert int(gone["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_objects_enter_and_leave_a_selection(client):
    start = await version(client)
    events = client.watch(PODS, "default", resourceVersion=start, labelSelector="tier=web")
    await client.create(PODS, pod("p"), "default")
    await client.patch(PODS, "p", {"metadata": {"labels": {"tier": "web"}}}, "default")
    await client.patch(PODS, "p", {"metadata": {"annotations": {"n": "1"}}}, "default")
    last = await client.patch(PODS, "p", {"metadata": {"labels": {"tier": "db"}}}, "default")
    await client.delete(PODS, "p", "default")
    await client.create(PODS, pod("q", tier="web"), "default")
    async with aclosing(events):
        seen = await take(events, 4)
    assert told(seen) == [("ADDED", "p"), ("MODIFIED", "p"), ("DELETED", "p"), ("ADDED", "q")]
    left = seen[2]["object"]["metadata"]
    assert left["labels"] == {"tier": "web"}
    assert left["resourceVersion"] == last["metadata"]["resourceVersion"]


async def test_a_field_selector_follows_one_object(client):
    start = await version(client)
    events = client.watch(PODS, "default", resourceVersion=start, fieldSelector="metadata.name=b")
    for name in "abc":
        await client.create(PODS, pod(name), "default")
    await client.delete(PODS, "b", "default")
    async with aclosing(events):
        assert told(await take(events, 2)) == [("ADDED", "b"), ("DELETED", "b")]


async def test_without_a_version_all_objects_come_first(client):
    for name in "ab":
        await client.create(CONFIG_MAPS, config_map(name), "default")
    events = client.watch(CONFIG_MAPS, "default")
    async with aclosing(events):
        assert told(await take(events, 2)) == [("ADDED", "a"), ("ADDED", "b")]


async def test_initial_events_end_with_a_marked_bookmark(client):
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    events = client.watch(
        CONFIG_MAPS,
        "default",
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    async with aclosing(events):
        first, mark = await take(events, 2)
    assert told([first]) == [("ADDED", "a")]
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["object"]["metadata"]["resourceVersion"] == await version(client)


async def test_initial_events_need_to_say_how_old_they_may_be(client):
    with pytest.raises(Invalid, match="resourceVersionMatch"):
        await anext(client.watch(CONFIG_MAPS, sendInitialEvents="true"))


async def test_a_version_that_is_forgotten_is_gone(client, server):
    start = await version(client)
    await client.create(CONFIG_MAPS, config_map(), "default")
    server.objects.storage.compact()
    with pytest.raises(Gone, match="too old resource version"):
        await anext(client.watch(CONFIG_MAPS, resourceVersion=start))


async def test_the_log_forgets_by_bytes(client):
    first = await client.create(CONFIG_MAPS, config_map(a="x" * 500_000), "default")
    for number in range(20):
        await client.patch(CONFIG_MAPS, "cm", {"data": {"b": str(number)}}, "default")
    with pytest.raises(Gone):
        await anext(client.watch(CONFIG_MAPS, resourceVersion=first["metadata"]["resourceVersion"]))


async def test_a_version_of_the_future_is_told_to_come_back(client):
    with pytest.raises(ServerError, match="Too large resource version"):
        await anext(client.watch(CONFIG_MAPS, resourceVersion="999999"))


async def test_closing_the_server_ends_watches_in_good_order(client, server):
    events = client.watch(CONFIG_MAPS, resourceVersion=await version(client))
    waiting = asyncio.create_task(anext(events, None))
    await asyncio.sleep(0)
    server.close()
    assert await asyncio.wait_for(waiting, 5) is None


async def test_a_watch_ends_with_its_kind(client, server):
    server.install_crds([widget_crd()])
    events = client.watch(WIDGETS, resourceVersion=await version(client))
    waiting = asyncio.create_task(anext(events, None))
    await asyncio.sleep(0)
    await client.delete(CRDS, "widgets.example.com")
    assert await asyncio.wait_for(waiting, 5) is None


async def test_a_watch_that_is_left_leaves_nothing_behind(client, server):
    events = client.watch(CONFIG_MAPS)
    await client.create(CONFIG_MAPS, config_map(), "default")
    await take(events, 1)
    await events.aclose()
    assert not server.objects.storage._followers["", "configmaps"]


def test_bookmarks_come_each_minute_and_the_timeout_ends_the_watch(client, clock):
    """In virtual time, so that minutes take none."""

    async def follow():
        events = client.watch(
            CONFIG_MAPS,
            resourceVersion=await version(client),
            allowWatchBookmarks="true",
            timeoutSeconds="150",
        )
        return [(event["type"], asyncio.get_running_loop().time()) async for event in events]

    seen = run(follow())
    assert [kind for kind, _ in seen] == ["BOOKMARK"] * 3 or [kind for kind, _ in seen] == ["BOOKMARK"] * 2
    assert [round(at) for _, at in seen][:2] == [60, 120]


def test_a_watcher_that_sleeps_too_long_is_told_to_begin_anew(client, monkeypatch):
    monkeypatch.setattr("rollouts.embedded.api.storage.QUEUE_LIMIT", 3)

    async def lag():
        await client.create(CONFIG_MAPS, config_map("first"), "default")
        events = client.watch(CONFIG_MAPS)
        await anext(events)
        for number in range(10):
            await client.create(CONFIG_MAPS, config_map(f"cm-{number}"), "default")
        return [event async for event in events]

    seen = run(lag())
    assert seen[-1]["type"] == "ERROR"
    assert seen[-1]["object"]["code"] == 410
