"""Server-side apply: who owns what, and what that means."""

import pytest

from rollouts.kube.errors import Conflict, Invalid
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS
from rollouts.kube.transport import Request
from tests.embedded.api.objects import WIDGETS, widget_crd


def config(**data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": data}


async def apply(client, body, manager, resource=CONFIG_MAPS, **more):
    name = body["metadata"]["name"]
    return await client.patch(resource, name, body, "default", type="apply", field_manager=manager, **more)


def owners(obj):
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"]["managedFields"]}


async def test_applying_creates_and_owns(client):
    made = await apply(client, config(a="1"), "alice")
    assert made["data"] == {"a": "1"}
    assert owners(made) == {"alice": {"f:data": {"f:a": {}}}}


async def test_applying_the_same_again_changes_nothing(client, clock):
    made = await apply(client, config(a="1"), "alice")
    clock.move(60)
    assert await apply(client, config(a="1"), "alice") == made


async def test_two_managers_own_fields_side_by_side(client):
    await apply(client, config(a="1"), "alice")
    after = await apply(client, config(b="2"), "bob")
    assert after["data"] == {"a": "1", "b": "2"}
    assert owners(after) == {"alice": {"f:data": {"f:a": {}}}, "bob": {"f:data": {"f:b": {}}}}


async def test_what_another_owns_is_a_conflict_that_names_it(client):
    await apply(client, config(a="1"), "alice")
    with pytest.raises(Conflict, match=r'conflict with "alice": \.data\.a') as error:
        await apply(client, config(a="2"), "bob")
    causes = error.value.status["details"]["causes"]
    assert causes == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "alice"', "field": ".data.a"}
    ]


async def test_force_takes_the_field(client):
    await apply(client, config(a="1", b="1"), "alice")
    after = await apply(client, config(a="2"), "bob", force=True)
    assert after["data"] == {"a": "2", "b": "1"}
    assert owners(after) == {"alice": {"f:data": {"f:b": {}}}, "bob": {"f:data": {"f:a": {}}}}


async def test_agreeing_shares_the_field_and_it_stays_until_both_leave(client):
    await apply(client, config(a="1"), "alice")
    await apply(client, config(a="1"), "bob")
    assert (await apply(client, config(), "alice"))["data"] == {"a": "1"}
    assert (await apply(client, config(), "bob"))["data"] == {}


async def test_a_field_that_is_no_longer_applied_goes(client):
    await apply(client, config(a="1", b="2"), "alice")
    assert (await apply(client, config(a="1"), "alice"))["data"] == {"a": "1"}


async def test_an_update_takes_ownership_of_what_it_changes(client):
    await apply(client, config(a="1", b="1"), "alice")
    after = await client.patch(CONFIG_MAPS, "cm", {"data": {"a": "9"}}, "default", field_manager="hand")
    assert owners(after) == {"alice": {"f:data": {"f:b": {}}}, "hand": {"f:data": {"f:a": {}}}}
    with pytest.raises(Conflict, match='conflict with "hand" using v1'):
        await apply(client, config(a="1", b="1"), "alice")


async def test_what_was_there_before_belongs_to_the_time_before(client):
    await client.create(CONFIG_MAPS, config(a="1"), "default")
    with pytest.raises(Conflict, match="before-first-apply"):
        await apply(client, config(a="2"), "alice")


def workload(*containers, replicas=None):
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": list(containers)}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


async def test_elements_of_a_keyed_list_are_owned_one_by_one(client):
    await apply(client, workload({"name": "main", "image": "web:1"}), "app", DEPLOYMENTS)
    sidecar = {"name": "proxy", "image": "envoy:1"}
    injected = workload(sidecar)
    del injected["spec"]["selector"]
    after = await apply(client, injected, "mesh", DEPLOYMENTS)
    assert [c["name"] for c in after["spec"]["template"]["spec"]["containers"]] == ["main", "proxy"]
    after = await apply(client, workload({"name": "main", "image": "web:2"}), "app", DEPLOYMENTS)
    assert [c["image"] for c in after["spec"]["template"]["spec"]["containers"]] == ["web:2", "envoy:1"]
    gone = workload()
    del gone["spec"]["selector"], gone["spec"]["template"]["spec"]
    after = await apply(client, gone, "mesh", DEPLOYMENTS)
    assert [c["name"] for c in after["spec"]["template"]["spec"]["containers"]] == ["main"]


async def test_a_port_without_protocol_is_the_tcp_one(client):
    ports = [{"containerPort": 80}]
    made = await apply(client, workload({"name": "main", "image": "i", "ports": ports}), "app", DEPLOYMENTS)
    again = await apply(client, workload({"name": "main", "image": "i", "ports": ports}), "app", DEPLOYMENTS)
    assert again == made
    assert again["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP"}
    ]


async def test_replicas_that_are_left_out_are_left_to_the_autoscaler(client):
    await apply(client, workload({"name": "main", "image": "web:1"}), "app", DEPLOYMENTS)
    await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 7}}, "default", field_manager="autoscaler")
    after = await apply(client, workload({"name": "main", "image": "web:2"}), "app", DEPLOYMENTS)
    assert after["spec"]["replicas"] == 7


async def test_an_atomic_map_has_one_owner(client):
    await apply(client, workload({"name": "main", "image": "i"}), "app", DEPLOYMENTS)
    body = workload({"name": "main", "image": "i"})
    body["spec"]["selector"] = {"matchLabels": {"app": "web", "b": "c"}}
    with pytest.raises(Conflict, match=r"\.spec\.selector$"):
        await apply(client, body, "other", DEPLOYMENTS)


async def test_status_is_owned_apart(client, server):
    server.install_crds([widget_crd()])
    base = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    await apply(client, {**base, "spec": {"a": 1}}, "app", WIDGETS)
    after = await apply(client, {**base, "status": {"ok": True}}, "ctl", WIDGETS, subresource="status")
    assert after["spec"] == {"a": 1}
    assert after["status"] == {"ok": True}
    entry = next(e for e in after["metadata"]["managedFields"] if e["manager"] == "ctl")
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:ok": {}}})


async def test_keyed_lists_of_custom_kinds_merge_as_their_schema_says(client, server):
    item = {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": item, **keyed}}}
    server.install_crds([widget_crd(schema)])
    base = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    await apply(client, {**base, "spec": {"rows": [{"k": "a", "v": 1}]}}, "app", WIDGETS)
    after = await apply(client, {**base, "spec": {"rows": [{"k": "b", "v": 2}]}}, "other", WIDGETS)
    assert after["spec"]["rows"] == [{"k": "a", "v": 1}, {"k": "b", "v": 2}]


async def test_an_apply_must_say_who_and_what(client):
    path = "/api/v1/namespaces/default/configmaps/cm"
    headers = {"content-type": "application/apply-patch+yaml"}
    answer = await client.transport.request(
        Request(method="PATCH", path=path, headers=headers, body=config(a="1"))
    )
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert "fieldManager" in answer.body["message"]
    with pytest.raises(Invalid, match="invalid object type: /, Kind="):
        await apply(client, {"metadata": {"name": "cm"}}, "alice")
