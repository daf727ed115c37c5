"""What `kubectl get` is given to show."""

from datetime import timedelta

import pytest

from rollouts.embedded.api import jsonpath
from rollouts.embedded.api.columns import duration
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, SERVICES
from rollouts.kube.transport import Request
from tests.embedded.api.objects import WIDGETS, config_map, deployment, pod, service, widget, widget_crd

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


async def table(client, path, **query):
    request = Request(method="GET", path=path, headers=TABLE, query=query)
    return (await client.transport.request(request)).body


def rows(found):
    names = [column["name"] for column in found["columnDefinitions"]]
    return [dict(zip(names, row["cells"], strict=True)) for row in found["rows"]]


async def test_deployments_pods_and_services_show_their_columns(client, clock):
    await client.create(DEPLOYMENTS, deployment(replicas=3), "default")
    await client.create(PODS, pod(), "default")
    await client.create(SERVICES, service(), "default")
    clock.move(90)
    (shown,) = rows(await table(client, DEPLOYMENTS.path("default")))
    assert (shown["Name"], shown["Ready"], shown["Age"], shown["Images"]) == ("web", "0/3", "90s", "web:1")
    (shown,) = rows(await table(client, PODS.path("default")))
    assert (shown["Ready"], shown["Status"], shown["Restarts"]) == ("0/1", "Pending", "0")
    (shown,) = rows(await table(client, SERVICES.path("default")))
    assert (shown["Type"], shown["Port(s)"]) == ("ClusterIP", "80/TCP")


async def test_custom_columns_are_read_by_their_paths(client, server):
    columns = [
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    server.install_crds([widget_crd(additionalPrinterColumns=columns)])
    await client.create(WIDGETS, widget(size=3), "default")
    status = {"phase": "Healthy", "conditions": [{"type": "Ready", "status": "True"}]}
    await client.patch(WIDGETS, "w", {"status": status}, "default", subresource="status")
    found = await table(client, WIDGETS.path("default"))
    assert rows(found) == [{"Name": "w", "Phase": "Healthy", "Ready": "True", "Size": 3, "Age": "0s"}]
    assert [column["priority"] for column in found["columnDefinitions"]] == [0, 0, 0, 1, 0]


async def test_a_row_carries_as_much_of_its_object_as_is_asked_for(client):
    await client.create(CONFIG_MAPS, config_map(a="1"), "default")
    path = CONFIG_MAPS.path("default")
    assert (await table(client, path))["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert (await table(client, path, includeObject="Object"))["rows"][0]["object"]["data"] == {"a": "1"}
    assert "object" not in (await table(client, path, includeObject="None"))["rows"][0]


async def test_a_watch_tells_tables_and_names_the_columns_once(client):
    for name in "ab":
        await client.create(CONFIG_MAPS, config_map(name), "default")
    path = CONFIG_MAPS.path("default")
    events = client.transport.stream(Request(method="GET", path=path, headers=TABLE, query={"watch": "1"}))
    first, second = await anext(events), await anext(events)
    await events.aclose()
    assert first["object"]["kind"] == second["object"]["kind"] == "Table"
    assert "columnDefinitions" in first["object"]
    assert "columnDefinitions" not in second["object"]
    assert second["object"]["rows"][0]["cells"][0] == "b"


async def test_metadata_alone_can_be_asked_for(client):
    await client.create(CONFIG_MAPS, config_map(a="1"), "default")
    headers = {"accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    answer = await client.transport.request(
        Request(method="GET", path=CONFIG_MAPS.path("default"), headers=headers)
    )
    assert answer.body["kind"] == "PartialObjectMetadataList"
    assert set(answer.body["items"][0]) == {"kind", "apiVersion", "metadata"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-10, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (11700, "3h15m"),
        (8 * 3600 + 60, "8h"),
        (47 * 3600, "47h"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
        (800 * 86400, "2y70d"),
    ],
)
def test_ages_read_as_kubectl_writes_them(seconds, text):
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        ("{.a.b}", [1]),
        (".a['c.d']", [2]),
        (".a.c\\.d", [2]),
        (".list[0].n", ["x"]),
        (".list[-1].n", ["y"]),
        (".list[*].n", ["x", "y"]),
        ('.list[?(@.n=="y")].v', [4]),
        (".nothing.here", []),
    ],
)
def test_json_paths_lead_to_values(path, found):
    value = {"a": {"b": 1, "c.d": 2}, "list": [{"n": "x", "v": 3}, {"n": "y", "v": 4}]}
    assert jsonpath.find(path, value) == found


def test_a_path_that_cannot_be_read_is_refused():
    with pytest.raises(jsonpath.BadPath, match="cannot read"):
        jsonpath.find(".a[?(@.b =~ 'x')]", {})
