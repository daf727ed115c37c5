"""OpenAPI v3: an index, and a document for each group and version, which kubectl reads."""

import orjson
import pytest


async def read(cluster, path, **query):
    """What is there; a real server does not say that it is JSON."""
    body = (await cluster.send("GET", path, **query)).body
    return orjson.loads(body) if isinstance(body, str) else body


async def document(cluster, place):
    """A document, found by the index."""
    index = await read(cluster, "/openapi/v3")
    where = index["paths"][place]["serverRelativeURL"]
    path, _, query = where.partition("?")
    name, _, value = query.partition("=")
    assert (path, name) == (f"/openapi/v3/{place}", "hash")
    found = await read(cluster, path, hash=value)
    assert found["openapi"].startswith("3.0")
    return found


def kinds(found):
    """The schemas of a document's kinds."""
    return {
        each["kind"]: schema
        for schema in found["components"]["schemas"].values()
        for each in schema.get("x-kubernetes-group-version-kind", ())
        if len(schema["x-kubernetes-group-version-kind"]) == 1
    }


@pytest.mark.parametrize(("place", "kind"), [("api/v1", "ConfigMap"), ("apis/apps/v1", "Deployment")])
async def test_a_built_in_kind_has_a_schema_and_a_way_to_be_patched(cluster, place, kind):
    found = await document(cluster, place)
    assert {"apiVersion", "kind", "metadata"} <= kinds(found)[kind]["properties"].keys()
    path = f"/{place}/namespaces/{{namespace}}/{kind.lower()}s/{{name}}"
    patch = found["paths"][path]["patch"]
    assert patch["x-kubernetes-group-version-kind"]["kind"] == kind
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    names = {parameter.get("name") for parameter in patch["parameters"]}
    assert {"fieldValidation", "dryRun"} <= names


async def test_merge_keys_are_published(cluster):
    schemas = (await document(cluster, "apis/apps/v1"))["components"]["schemas"]
    found = next(
        schema["properties"]["containers"]
        for schema in schemas.values()
        if "containers" in schema.get("properties", {}) and "dnsPolicy" in schema["properties"]
    )
    assert (found["x-kubernetes-patch-merge-key"], found["x-kubernetes-patch-strategy"]) == ("name", "merge")
    assert found["x-kubernetes-list-map-keys"] == ["name"]


async def test_a_custom_kind_is_published_with_its_descriptions(cluster):
    place = f"apis/{cluster.widgets.group}/v1"

    # A real server publishes it a little after it serves it.
    await cluster.until(lambda: read(cluster, "/openapi/v3"), lambda index: place in index["paths"])
    spec = kinds(await document(cluster, place))["Widget"]["properties"]["spec"]
    assert spec["description"] == "What the widget is to be."
    assert spec["properties"]["color"]["enum"] == ["red", "green"]
    assert spec["required"] == ["color"]


async def test_a_document_that_is_not_there_is_not_found(cluster):
    assert (await cluster.send("GET", "/openapi/v3/apis/none.example.com/v1")).code == 404
