"""What is served, as clients find out: aggregated in one answer, or group by group."""

import pytest

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def resources(cluster, path):
    """The resources of an aggregated answer, by group, version and name."""
    answer = await cluster.send("GET", path, accept=f"{AGGREGATED},application/json")
    assert answer.headers.get("content-type", AGGREGATED).replace("; ", ";") == AGGREGATED
    assert (answer.body["kind"], answer.body["apiVersion"]) == (
        "APIGroupDiscoveryList",
        "apidiscovery.k8s.io/v2",
    )
    return {
        (group["metadata"].get("name", ""), version["version"], each["resource"]): each
        for group in answer.body["items"]
        for version in group["versions"]
        for each in version["resources"]
    }


async def test_a_built_in_kind_is_described(cluster):
    pods = (await resources(cluster, "/api"))["", "v1", "pods"]
    assert pods["responseKind"]["kind"] == "Pod"
    assert (pods["scope"], pods["singularResource"]) == ("Namespaced", "pod")
    assert (pods["shortNames"], pods["categories"]) == (["po"], ["all"])
    assert set(pods["verbs"]) == {
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    }
    parts = {each["subresource"]: each for each in pods["subresources"]}
    assert parts["eviction"]["responseKind"] == {"group": "policy", "version": "v1", "kind": "Eviction"}
    assert parts["eviction"]["verbs"] == ["create"]
    assert set(parts["status"]["verbs"]) == {"get", "patch", "update"}


async def test_a_custom_kind_is_described(cluster):
    found = (await resources(cluster, "/apis"))[cluster.widgets.group, "v1", "widgets"]
    assert found["responseKind"] == {"group": cluster.widgets.group, "version": "v1", "kind": "Widget"}
    assert (found["shortNames"], found["categories"]) == (["wd"], ["all"])
    parts = {each["subresource"]: each["responseKind"] for each in found["subresources"]}
    assert parts["scale"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert parts["status"]["kind"] == "Widget"


async def test_a_definition_is_not_in_a_namespace(cluster):
    found = (await resources(cluster, "/apis"))["apiextensions.k8s.io", "v1", "customresourcedefinitions"]
    assert found["scope"] == "Cluster"
    assert set(found["shortNames"]) == {"crd", "crds"}


async def test_clients_of_old_go_group_by_group(cluster):
    versions = (await cluster.send("GET", "/api")).body
    assert (versions["kind"], versions["versions"]) == ("APIVersions", ["v1"])
    groups = (await cluster.send("GET", "/apis")).body
    assert groups["kind"] == "APIGroupList"
    apps = next(group for group in groups["groups"] if group["name"] == "apps")
    assert apps["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    one = (await cluster.send("GET", "/apis/apps")).body
    assert (one["kind"], one["versions"]) == ("APIGroup", [{"groupVersion": "apps/v1", "version": "v1"}])


@pytest.mark.parametrize("path", ["/api/v1", "/apis/apps/v1"])
async def test_a_version_lists_its_kinds_and_their_parts(cluster, path):
    found = (await cluster.send("GET", path)).body
    assert found["kind"] == "APIResourceList"
    assert f"/{found['groupVersion']}" == path.replace("/apis", "").replace("/api", "")
    by_name = {each["name"]: each for each in found["resources"]}
    name = "pods" if path == "/api/v1" else "deployments"
    assert by_name[name]["namespaced"]
    assert by_name[f"{name}/status"]["kind"] == by_name[name]["kind"]
    if name == "deployments":
        scale = by_name["deployments/scale"]
        assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")


async def test_the_server_says_its_version_and_that_it_is_well(cluster):
    version = (await cluster.send("GET", "/version")).body
    assert version["major"] == "1"
    assert version["gitVersion"].startswith(f"v1.{version['minor']}.")
    for path in ("/healthz", "/livez", "/readyz"):
        answer = await cluster.send("GET", path)
        assert (answer.code, answer.body) == (200, "ok")
