"""The ways to change a part of an object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.embedded.api.definitions import resolve
from rollouts.embedded.api.patch import merge, strategic
from rollouts.kube.errors import Invalid, ServerError
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS
from tests.embedded.api.objects import WIDGETS, config_map, deployment, widget, widget_crd

POD = {"$ref": "V1PodSpec"}
SERVICE = {"$ref": "V1ServiceSpec"}
DEPLOYMENT = {"$ref": "V1DeploymentSpec"}
META = {"$ref": "V1ObjectMeta"}


@pytest.mark.parametrize(
    ("schema", "before", "patch", "after"),
    [
        pytest.param(
            POD,
            {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]},
            {"containers": [{"name": "b", "image": "2"}]},
            {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]},
            id="containers are paired by name",
        ),
        pytest.param(
            POD,
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": [{"name": "b"}]},
            id="an element is deleted by directive",
        ),
        pytest.param(
            POD,
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"containers": [{"$patch": "replace"}, {"name": "c"}]},
            {"containers": [{"name": "c"}]},
            id="a list is replaced by directive",
        ),
        pytest.param(
            POD,
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
            {"containers": [{"name": "b"}, {"name": "a"}]},
            id="an order is set",
        ),
        pytest.param(
            POD,
            {"tolerations": [{"key": "a"}]},
            {"tolerations": [{"key": "b"}]},
            {"tolerations": [{"key": "b"}]},
            id="a list without key is replaced",
        ),
        pytest.param(
            SERVICE,
            {"ports": [{"port": 80, "targetPort": 1}, {"port": 81}]},
            {"ports": [{"port": 80, "targetPort": 2}]},
            {"ports": [{"port": 80, "targetPort": 2}, {"port": 81}]},
            id="a service's ports are paired by port",
        ),
        pytest.param(
            DEPLOYMENT,
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
            {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
            {"strategy": {"type": "Recreate"}},
            id="a union keeps the keys that are said to stay",
        ),
        pytest.param(
            META,
            {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}},
            {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"], "labels": {"x": None}},
            {"finalizers": ["b", "c"], "labels": {"y": "2"}},
            id="a set gains and loses, a null removes",
        ),
        pytest.param(
            META,
            {"labels": {"x": "1"}},
            {"labels": {"$patch": "replace", "y": "2"}},
            {"labels": {"y": "2"}},
            id="a map is replaced by directive",
        ),
    ],
)
def test_strategic_merge(schema, before, patch, after):
    assert strategic(resolve(schema), before, patch) == after


async def test_container_ports_are_paired_by_container_port(client):
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "name": "http"}]
    await client.create(DEPLOYMENTS, body, "default")
    ports = [{"containerPort": 80, "name": "web"}, {"containerPort": 81}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "ports": ports}]}}}}
    after = await client.patch(DEPLOYMENTS, "web", patch, "default", type="strategic")
    assert after["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "name": "web", "protocol": "TCP"},
        {"containerPort": 81, "protocol": "TCP"},
    ]


async def test_custom_kinds_take_no_strategic_patch(client, server):
    server.install_crds([widget_crd()])
    await client.create(WIDGETS, widget(a=1), "default")
    with pytest.raises(Invalid, match="unknown format") as error:
        await client.patch(WIDGETS, "w", {"spec": {"a": 2}}, "default", type="strategic")
    assert error.value.code == 415


async def test_a_json_patch_edits_by_position_and_its_test_guards(client):
    await client.create(CONFIG_MAPS, config_map(a="1"), "default")
    good = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "add", "path": "/data/b", "value": "2"}]
    after = await client.patch(CONFIG_MAPS, "cm", good, "default", type="json")
    assert after["data"] == {"a": "1", "b": "2"}
    for bad in (
        [{"op": "test", "path": "/data/a", "value": "9"}],
        [{"op": "remove", "path": "/data/zzz"}],
    ):
        with pytest.raises(Invalid) as error:
            await client.patch(CONFIG_MAPS, "cm", bad, "default", type="json")
        assert error.value.code == 422


async def test_a_malformed_json_patch_is_refused(client):
    await client.create(CONFIG_MAPS, config_map(a="1"), "default")
    for bad in ({"op": "add"}, ["add"], [{"op": "frobnicate", "path": "/data"}], [{"op": "add"}]):
        with pytest.raises(Invalid):
            await client.patch(CONFIG_MAPS, "cm", bad, "default", type="json")


async def test_an_element_without_its_key_is_refused(client):
    await client.create(DEPLOYMENTS, deployment(), "default")
    patch = {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}
    with pytest.raises(ServerError, match="declared merge key: name"):
        await client.patch(DEPLOYMENTS, "web", patch, "default", type="strategic")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


@given(target=JSON, patch=JSON)
def test_a_merge_patch_twice_is_the_same_as_once(target, patch):
    once = merge(target, patch)
    assert merge(once, patch) == once
