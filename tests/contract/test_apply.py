"""Server-side apply: who owns a field, who argues about it, and what goes when its owner lets go."""

import pytest

from rollouts.kube.errors import Invalid
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS
from tests.contract.objects import config_map, widget, workload


def owners(obj):
    """Who owns what: by manager and operation, the fields as they stand in managedFields."""
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in obj["metadata"]["managedFields"]
    }


def container(name, **more):
    """A Deployment with one more container, as far as somebody wants to say it."""
    one = {"name": name, "image": f"{name}:1", **more}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [one]}}},
    }


async def test_an_applied_object_is_owned_field_by_field(cluster):
    made = await cluster.applied(CONFIG_MAPS, config_map(labels={"x": "y"}, a="1"), "alice")
    (entry,) = made["metadata"]["managedFields"]
    assert entry.keys() == {"manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1"}
    assert (entry["operation"], entry["apiVersion"], entry["fieldsType"]) == ("Apply", "v1", "FieldsV1")
    assert entry["fieldsV1"] == {"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:x": {}}}}


async def test_applying_the_same_again_changes_nothing(cluster):
    made = await cluster.applied(CONFIG_MAPS, config_map(a="1"), "alice")
    again = await cluster.applied(CONFIG_MAPS, config_map(a="1"), "alice")
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_two_who_say_the_same_share_a_field(cluster):
    await cluster.applied(CONFIG_MAPS, config_map(a="1"), "alice")
    both = await cluster.applied(CONFIG_MAPS, config_map(a="1", b="2"), "bob")
    assert owners(both)["alice", "Apply"] == {"f:data": {"f:a": {}}}
    left = await cluster.applied(CONFIG_MAPS, config_map(b="2"), "bob")
    assert left["data"] == {"a": "1", "b": "2"}


async def test_a_conflict_names_its_owners_and_fields(cluster):
    await cluster.applied(CONFIG_MAPS, config_map(a="1", b="1"), "alice")
    answer = await cluster.apply(CONFIG_MAPS, config_map(a="2"), "bob")
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "alice": .data.a'
    assert answer.body["details"] == {
        "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "alice"', "field": ".data.a"}]
    }
    answer = await cluster.apply(CONFIG_MAPS, config_map(a="2", b="2"), "bob")
    message = 'Apply failed with 2 conflicts: conflicts with "alice":\n- .data.a\n- .data.b'
    assert answer.body["message"] == message


async def test_conflicts_with_several_are_told_one_by_one(cluster):
    await cluster.applied(CONFIG_MAPS, config_map(a="1"), "alice")
    await cluster.applied(CONFIG_MAPS, config_map(b="1"), "bob")
    answer = await cluster.apply(CONFIG_MAPS, config_map(a="2", b="2"), "carol")
    told = 'conflicts with "alice":\n- .data.a\nconflicts with "bob":\n- .data.b'
    assert answer.body["message"] == f"Apply failed with 2 conflicts: {told}"


async def test_a_field_that_was_updated_is_argued_about_and_taken_with_force(cluster):
    await cluster.create(CONFIG_MAPS, config_map(a="1"), fieldManager="kubectl-create")
    answer = await cluster.apply(CONFIG_MAPS, config_map(a="2"), "alice")
    told = 'Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.a'
    assert (answer.code, answer.body["message"]) == (409, told)
    taken = await cluster.applied(CONFIG_MAPS, config_map(a="2"), "alice", force="true")
    assert owners(taken) == {
        ("alice", "Apply"): {"f:data": {"f:a": {}}},
        ("kubectl-create", "Update"): {"f:data": {}},
    }


async def test_what_is_no_longer_applied_goes_unless_another_wants_it(cluster):
    await cluster.applied(CONFIG_MAPS, config_map(a="1", b="1", c="1"), "alice")
    await cluster.patched(CONFIG_MAPS, "cm", {"data": {"d": "1"}}, fieldManager="kubectl-edit")
    await cluster.applied(CONFIG_MAPS, config_map(b="1"), "bob")
    left = await cluster.applied(CONFIG_MAPS, config_map(a="1"), "alice")
    assert left["data"] == {"a": "1", "b": "1", "d": "1"}


async def test_an_update_takes_fields_from_who_applied_them(cluster):
    await cluster.applied(CONFIG_MAPS, config_map(a="1", b="1"), "alice")
    change = {"data": {"a": "2"}, "metadata": {"labels": {"x": "y"}}}
    after = await cluster.patched(CONFIG_MAPS, "cm", change, fieldManager="kubectl-edit")
    labels = {"f:labels": {".": {}, "f:x": {}}}
    assert owners(after) == {
        ("alice", "Apply"): {"f:data": {"f:b": {}}},
        ("kubectl-edit", "Update"): {"f:data": {"f:a": {}}, "f:metadata": labels},
    }


async def test_who_makes_a_map_or_a_list_owns_it_beside_what_is_in_it(cluster):
    web = workload()
    web["spec"]["template"]["spec"]["containers"][0] |= {
        "env": [{"name": "A", "value": "1"}],
        "resources": {"limits": {"cpu": "1"}},
    }
    made = await cluster.create(DEPLOYMENTS, web, fieldManager="kubectl-create")
    (fields,) = [each for (name, _), each in owners(made).items() if name == "kubectl-create"]
    template = fields["f:spec"]["f:template"]
    assert template["f:metadata"] == {"f:labels": {".": {}, "f:app": {}}}
    (container,) = template["f:spec"]["f:containers"].values()
    assert container["f:env"] == {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}
    assert container["f:resources"] == {".": {}, "f:limits": {".": {}, "f:cpu": {}}}
    assert fields["f:spec"]["f:strategy"] == {
        "f:type": {},
        "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
    }
    made = await cluster.create(cluster.widgets, widget(cluster), fieldManager="kubectl-create")
    (fields,) = owners(made).values()
    assert fields == {"f:spec": {".": {}, "f:color": {}, "f:plan": {".": {}, "f:mode": {}}, "f:size": {}}}


async def test_elements_of_a_list_belong_to_who_applied_them(cluster):
    await cluster.applied(DEPLOYMENTS, workload(), "alice")
    both = await cluster.applied(DEPLOYMENTS, container("sidecar", env=[{"name": "A", "value": "1"}]), "bob")
    assert [each["name"] for each in both["spec"]["template"]["spec"]["containers"]] == ["main", "sidecar"]
    fields = owners(both)["bob", "Apply"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    key = 'k:{"name":"sidecar"}'
    env = {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}
    assert fields == {key: {".": {}, "f:name": {}, "f:image": {}, "f:env": env}}
    swapped = await cluster.applied(DEPLOYMENTS, container("other"), "bob")
    assert [each["name"] for each in swapped["spec"]["template"]["spec"]["containers"]] == ["main", "other"]


async def test_ports_are_told_apart_by_number_and_protocol(cluster):
    web = workload()
    web["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    await cluster.applied(DEPLOYMENTS, web, "alice")
    more = container("main", ports=[{"containerPort": 80, "protocol": "UDP"}])
    after = await cluster.applied(DEPLOYMENTS, more, "bob", force="true")
    ports = after["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [
        {"containerPort": 80, "protocol": "TCP"},
        {"containerPort": 80, "protocol": "UDP"},
    ]


async def test_a_dry_run_of_an_apply_argues_and_stores_nothing(cluster):
    made = await cluster.applied(CONFIG_MAPS, config_map(a="1"), "alice")
    assert (await cluster.apply(CONFIG_MAPS, config_map(a="2"), "bob", dryRun="All")).code == 409
    shown = await cluster.applied(CONFIG_MAPS, config_map(a="2"), "alice", dryRun="All")
    assert shown["data"] == {"a": "2"}
    assert await cluster.get(CONFIG_MAPS, "cm") == made
    assert (await cluster.apply(CONFIG_MAPS, config_map("new"), "alice", dryRun="All")).code == 201
    assert "new" not in await cluster.names(CONFIG_MAPS)


async def test_a_status_is_applied_through_its_subresource(cluster):
    await cluster.applied(cluster.widgets, widget(cluster), "alice")
    body = {**widget(cluster, color="green"), "status": {"phase": "Good"}}
    path = cluster.path(cluster.widgets, "w", "status")
    answer = await cluster.send(
        "PATCH", path, body, content="application/apply-patch+yaml", fieldManager="bob"
    )
    assert answer.code == 200, answer.body
    assert (answer.body["spec"]["color"], answer.body["status"]) == ("red", {"phase": "Good"})
    entry = next(each for each in answer.body["metadata"]["managedFields"] if each["manager"] == "bob")
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:phase": {}}})


async def test_defaults_belong_to_nobody(cluster):
    made = await cluster.applied(cluster.widgets, widget(cluster), "alice")
    assert made["spec"]["size"] == 3
    assert owners(made) == {("alice", "Apply"): {"f:spec": {"f:color": {}}}}


async def test_what_does_not_fit_the_schema_is_refused_for_good(cluster):
    """The server calls it an error of its own (500); a client that tried again would try for ever."""
    with pytest.raises(Invalid, match="field not declared in schema"):
        await cluster.client.patch(
            CONFIG_MAPS,
            "cm",
            {**config_map(), "dta": {}},
            cluster.namespace,
            type="apply",
            field_manager="me",
        )
