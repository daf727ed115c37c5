"""Lists: what is selected, page by page, and as of when."""

import pytest

from rollouts.kube.resources import CONFIG_MAPS, PODS
from tests.contract.objects import config_map, widget

OURS = {"labelSelector": "tier"}
"""All of the test's own; a real namespace has a ConfigMap of the cluster's, too."""


async def fill(cluster):
    """Four objects: a and b of the web, c of the database, d of none."""
    for name, labels in (("a", {"tier": "web", "x": "1"}), ("b", {"tier": "web"}), ("c", {"tier": "db"})):
        await cluster.create(CONFIG_MAPS, config_map(name, labels))
    await cluster.create(CONFIG_MAPS, config_map("d", {"size": "7"}))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier=web", "ab"),
        ("tier==web,x=1", "a"),
        ("tier!=web,size", "d"),
        ("tier in (web, db)", "abc"),
        ("tier notin (web),tier", "c"),
        ("tier,!x", "bc"),
        ("size>5", "d"),
        ("size<7", ""),
        ("tier=", ""),
        ("tier in (),tier", ""),
        ("example.com/none", ""),
    ],
)
async def test_labels_select(cluster, selector, names):
    await fill(cluster)
    assert await cluster.names(CONFIG_MAPS, labelSelector=selector) == list(names)


async def test_fields_select(cluster):
    await fill(cluster)
    here = cluster.namespace
    assert await cluster.names(CONFIG_MAPS, fieldSelector="metadata.name=a") == ["a"]
    found = await cluster.names(
        CONFIG_MAPS, fieldSelector=f"metadata.namespace=={here},metadata.name!=a", **OURS
    )
    assert found == ["b", "c"]
    assert await cluster.names(PODS, fieldSelector="status.phase=Running,spec.nodeName!=x") == []
    assert await cluster.names(cluster.widgets, fieldSelector="metadata.name=none") == []


async def test_pages_say_how_much_is_left_and_show_one_moment(cluster):
    for number in range(5):
        await cluster.create(cluster.widgets, widget(cluster, f"page-{number}"))
    first = await cluster.listed(cluster.widgets, limit="2")
    assert first["metadata"]["remainingItemCount"] == 3
    second = await cluster.listed(cluster.widgets, limit="2", continue_=first["metadata"]["continue"])
    third = await cluster.listed(cluster.widgets, limit="2", continue_=second["metadata"]["continue"])
    assert second["metadata"]["remainingItemCount"] == 1
    assert not third["metadata"].get("continue")
    names = [item["metadata"]["name"] for page in (first, second, third) for item in page["items"]]
    assert names == [f"page-{number}" for number in range(5)]
    versions = {page["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert len(versions) == 1


async def test_a_selected_page_does_not_count_what_is_left(cluster):
    await fill(cluster)
    page = await cluster.listed(CONFIG_MAPS, limit="1", **OURS)
    assert "continue" in page["metadata"]
    assert "remainingItemCount" not in page["metadata"]


async def test_a_list_of_any_version_shows_what_there_is(cluster):
    await fill(cluster)
    made = await cluster.create(CONFIG_MAPS, config_map("e", {"tier": "late"}))
    version = made["metadata"]["resourceVersion"]
    for match in ({}, {"resourceVersionMatch": "NotOlderThan"}):
        assert await cluster.names(CONFIG_MAPS, resourceVersion=version, **match, **OURS) == list("abce")
    whole = await cluster.listed(CONFIG_MAPS, resourceVersion="0", **OURS)
    assert int(whole["metadata"]["resourceVersion"]) > 0


async def test_a_list_of_exactly_the_present_version_shows_it(cluster):
    await fill(cluster)
    version = (await cluster.listed(CONFIG_MAPS))["metadata"]["resourceVersion"]
    exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
    assert await cluster.names(CONFIG_MAPS, **exact, **OURS) == list("abc")


async def test_items_of_a_list_of_a_custom_kind_say_what_they_are(cluster):
    await cluster.create(cluster.widgets, widget(cluster, "w"))
    found = await cluster.listed(cluster.widgets)
    assert (found["kind"], found["apiVersion"]) == ("WidgetList", cluster.widgets.api_version)
    assert found["items"][0]["kind"] == "Widget"
