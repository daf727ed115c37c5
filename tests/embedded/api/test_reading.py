"""Lists: selectors and pages."""

import pytest

from rollouts.embedded.api.selectors import label_selector
from rollouts.kube.errors import Gone, Invalid, NotFound, ServerError
from rollouts.kube.resources import CONFIG_MAPS, EVENTS, PODS, Resource
from rollouts.kube.transport import Request
from tests.embedded.api.objects import config_map, pod


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("", "abc"),
        ("tier=web", "a"),
        ("tier==web", "a"),
        ("tier!=web", "bc"),
        ("tier in (web, db)", "ab"),
        ("tier notin (web,db)", "c"),
        ("tier", "ab"),
        ("!tier", "c"),
        ("tier,rank>1", "b"),
        ("rank<2", "a"),
        ("tier in (web),rank=1", "a"),
    ],
)
def test_a_label_selector_selects(selector, chosen):
    labels = {"a": {"tier": "web", "rank": "1"}, "b": {"tier": "db", "rank": "2"}, "c": {}}
    matches = label_selector(selector)
    assert "".join(name for name, found in labels.items() if matches is None or matches(found)) == chosen


@pytest.mark.parametrize("selector", ["a in b", "=x", "a=b=c", "a>x", "in (a)"])
async def test_what_is_no_label_selector_is_refused(client, selector):
    with pytest.raises(Invalid, match=r"label selector|parse requirement") as error:
        await client.list(PODS, label_selector=selector)
    assert error.value.code == 400


async def test_a_field_selector_reads_the_fields_of_its_kind(client):
    await client.create(PODS, pod("a"), "default")
    await client.create(PODS, pod("b"), "default")
    await client.patch(PODS, "b", {"status": {"phase": "Running"}}, "default", subresource="status")
    running = await client.list(PODS, field_selector="status.phase=Running,metadata.namespace=default")
    assert [item["metadata"]["name"] for item in running["items"]] == ["b"]
    with pytest.raises(Invalid, match=r"field label not supported: spec\.color"):
        await client.list(PODS, field_selector="spec.color=red")


async def test_events_are_found_by_what_they_are_about(client):
    body = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Pulled"}
    await client.create(EVENTS, body, "default")
    found = await client.list(EVENTS, field_selector="involvedObject.name=p,involvedObject.kind=Pod")
    assert len(found["items"]) == 1


async def test_pages_cover_everything_once_and_in_order(client):
    for number in range(7):
        await client.create(CONFIG_MAPS, config_map(f"cm-{number}"), "default")
    names, token, versions = [], "", set()
    for left in (4, 1, None):
        page = await client.list(CONFIG_MAPS, "default", limit=3, continue_token=token)
        names += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        assert page["metadata"].get("remainingItemCount") == left
        token = page["metadata"].get("continue", "")
    assert token == ""
    assert names == [f"cm-{number}" for number in range(7)]
    assert len(versions) == 1


async def test_a_token_of_a_forgotten_version_is_gone(client, server):
    for name in "ab":
        await client.create(CONFIG_MAPS, config_map(name), "default")
    token = (await client.list(CONFIG_MAPS, limit=1))["metadata"]["continue"]
    await client.create(CONFIG_MAPS, config_map("c"), "default")
    server.objects.storage.compact()
    with pytest.raises(Gone):
        await client.list(CONFIG_MAPS, limit=1, continue_token=token)
    with pytest.raises(Invalid, match="continue key is not valid"):
        await client.list(CONFIG_MAPS, continue_token="!!!")


async def test_what_is_not_served_is_said_clearly(client):
    with pytest.raises(NotFound, match="404 page not found"):
        await client.list(Resource("batch", "v9", "Job", "jobs"), "default")
    for method, path, code in (
        ("GET", "/apis/apps/v1/namespaces/default/deployments/a/rollback", 404),
        ("POST", PODS.path("default", "p"), 405),
        ("PUT", PODS.path("default"), 405),
        ("GET", "/openapi/v3/apis/none/v1", 404),
        ("DELETE", "/api/v1/namespaces", 405),
    ):
        answer = await client.transport.request(Request(method=method, path=path, body={}))
        assert (answer.code, answer.body["kind"]) == (code, "Status"), path
    assert (await client.transport.request(Request(method="GET", path="/nothing"))).code == 404
    with pytest.raises(NotFound):
        await anext(client.watch(Resource("x", "v1", "X", "xs")))


async def test_a_list_shows_the_present_alone(client):
    await client.create(CONFIG_MAPS, config_map("a"), "default")
    old = (await client.list(CONFIG_MAPS))["metadata"]["resourceVersion"]
    await client.create(CONFIG_MAPS, config_map("b"), "default")
    assert len((await client.list(CONFIG_MAPS, resource_version=old))["items"]) == 2
    query = {"resourceVersion": old, "resourceVersionMatch": "Exact"}
    answer = await client.transport.request(Request(method="GET", path=CONFIG_MAPS.path(), query=query))
    assert answer.code == 410
    with pytest.raises(ServerError, match="Too large resource version"):
        await client.list(CONFIG_MAPS, resource_version="999999")
