"""The same objects as tables, and as their metadata alone."""

import pytest

from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS, REPLICA_SETS, SERVICES
from tests.contract.objects import config_map, widget, workload

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


def heads(table):
    """The columns: name, type, format and priority; an integer may be given in more bits."""
    return [(c["name"], c["type"], c["format"], c["priority"]) for c in table["columnDefinitions"]]


async def table(cluster, path, **query):
    answer = await cluster.send("GET", path, accept=TABLE, **query)
    assert answer.body["kind"] == "Table", answer.body
    assert answer.body["apiVersion"] == "meta.k8s.io/v1"
    return answer.body


async def test_a_custom_kind_shows_its_columns(cluster):
    await cluster.create(cluster.widgets, widget(cluster, note="hello"))
    found = await table(cluster, cluster.path(cluster.widgets))
    assert heads(found) == [
        ("Name", "string", "name", 0),
        ("Color", "string", "", 0),
        ("Size", "integer", "", 0),
        ("Note", "string", "", 1),
        ("Age", "date", "", 0),
    ]
    assert found["columnDefinitions"][1]["description"] == "What it looks like."
    (row,) = found["rows"]
    assert row["cells"][:4] == ["w", "red", 3, "hello"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "w"
    assert found["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        (DEPLOYMENTS, "Name Ready Up-to-date Available Age Containers Images Selector"),
        (REPLICA_SETS, "Name Desired Current Ready Age Containers Images Selector"),
        (SERVICES, "Name Type Cluster-IP External-IP Port(s) Age Selector"),
        (CONFIG_MAPS, "Name Data Age"),
    ],
    ids=lambda value: getattr(value, "plural", ""),
)
async def test_a_built_in_kind_shows_the_columns_of_kubectl(cluster, resource, names):
    found = await table(cluster, cluster.path(resource), labelSelector="none")
    assert [column["name"] for column in found["columnDefinitions"]] == names.split()
    assert found["rows"] in ([], None)


async def test_a_built_in_object_fills_its_cells(cluster):
    await cluster.create(DEPLOYMENTS, workload(paused=True))
    (row,) = (await table(cluster, cluster.path(DEPLOYMENTS, "web")))["rows"]
    assert row["cells"][:4] == ["web", "0/0", 0, 0]
    assert row["cells"][5:] == ["main", "web:1", "app=web"]


@pytest.mark.parametrize(
    ("included", "kind"), [("None", None), ("Object", "ConfigMap"), ("Metadata", "PartialObjectMetadata")]
)
async def test_a_row_carries_as_much_of_its_object_as_is_asked_for(cluster, included, kind):
    await cluster.create(CONFIG_MAPS, config_map(a="1"))
    (row,) = (await table(cluster, cluster.path(CONFIG_MAPS, "cm"), includeObject=included))["rows"]
    assert (row.get("object") or {}).get("kind") == kind


async def test_metadata_is_given_alone(cluster):
    await cluster.create(CONFIG_MAPS, config_map(labels={"x": "y"}, a="1"))
    one = (await cluster.send("GET", cluster.path(CONFIG_MAPS, "cm"), accept=METADATA)).body
    assert (one["kind"], one["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert one["metadata"]["labels"] == {"x": "y"}
    assert one.keys() == {"kind", "apiVersion", "metadata"}
    answer = await cluster.send("GET", cluster.path(CONFIG_MAPS), accept=METADATA_LIST, labelSelector="x")
    assert answer.body["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["cm"]


async def test_what_was_written_is_shown_as_asked(cluster):
    path = cluster.path(CONFIG_MAPS)
    made = await cluster.send("POST", path, config_map(a="1"), accept=METADATA)
    assert (made.code, made.body["kind"]) == (201, "PartialObjectMetadata")
    changed = await cluster.send(
        "PATCH", f"{path}/cm", {"data": {"a": "2"}}, accept=TABLE, content="application/merge-patch+json"
    )
    assert (changed.body["kind"], changed.body["rows"][0]["cells"][0]) == ("Table", "cm")


async def test_a_watch_shows_rows_and_names_the_columns_once(cluster):
    await cluster.create(CONFIG_MAPS, config_map("a", {"mine": "yes"}))
    await cluster.create(CONFIG_MAPS, config_map("b", {"mine": "yes"}))
    query = {"watch": "true", "labelSelector": "mine", "timeoutSeconds": "1"}
    events = await cluster.stream(cluster.path(CONFIG_MAPS), accept=TABLE, **query)
    events = [event for event in events if event["type"] == "ADDED"]
    assert [event["object"]["rows"][0]["cells"][0] for event in events] == ["a", "b"]
    assert [bool(event["object"].get("columnDefinitions")) for event in events] == [True, False]


async def test_an_unknown_shape_is_refused_unless_there_is_another(cluster):
    path = cluster.path(CONFIG_MAPS)
    odd = "application/json;as=Picture;v=v1;g=meta.k8s.io"
    assert (await cluster.send("GET", path, accept=odd)).code == 406
    answer = await cluster.send("GET", path, accept=f"{odd},application/json", labelSelector="none")
    assert answer.body["kind"] == "ConfigMapList"
