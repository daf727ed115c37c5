"""What a client may count on when it reads and writes, on any API server."""

import re

import pytest

from rollouts.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, REPLICA_SETS, SECRETS, SERVICES


def config_map(name="cm", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def workload(kind="Deployment", image="web:1", **spec):
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


async def test_what_is_created_can_be_read_changed_and_deleted(cluster):
    client, here = cluster.client, cluster.namespace
    made = await client.create(CONFIG_MAPS, config_map(a="1"), here)
    assert await client.get(CONFIG_MAPS, "cm", here) == made
    changed = await client.replace(CONFIG_MAPS, {**made, "data": {"a": "2"}}, here)
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert changed["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    await client.delete(CONFIG_MAPS, "cm", here)
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "cm", here)


async def test_a_write_that_changes_nothing_keeps_the_version(cluster):
    client, here = cluster.client, cluster.namespace
    made = await client.create(CONFIG_MAPS, config_map(a="1"), here)
    again = await client.patch(CONFIG_MAPS, "cm", {"data": {"a": "1"}}, here)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_taken_name_is_told_from_a_conflict(cluster):
    client, here = cluster.client, cluster.namespace
    made = await client.create(CONFIG_MAPS, config_map(a="1"), here)
    with pytest.raises(AlreadyExists):
        await client.create(CONFIG_MAPS, config_map(), here)
    await client.patch(CONFIG_MAPS, "cm", {"data": {"a": "2"}}, here)
    with pytest.raises(Conflict):
        await client.replace(CONFIG_MAPS, {**made, "data": {"a": "3"}}, here)


async def test_a_merge_patch_is_conditional_on_the_version_it_names(cluster):
    client, here = cluster.client, cluster.namespace
    made = await client.create(CONFIG_MAPS, config_map(a="1"), here)
    version = made["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "data": {"a": "2"}}
    assert (await client.patch(CONFIG_MAPS, "cm", patch, here))["data"] == {"a": "2"}
    with pytest.raises(Conflict):
        await client.patch(CONFIG_MAPS, "cm", {**patch, "data": {"a": "3"}}, here)


async def test_generation_counts_spec_changes(cluster):
    client, here = cluster.client, cluster.namespace
    await client.create(REPLICA_SETS, workload("ReplicaSet", replicas=0), here)
    same = await client.patch(REPLICA_SETS, "web", {"metadata": {"labels": {"x": "y"}}}, here)
    assert same["metadata"]["generation"] == 1
    more = await client.patch(REPLICA_SETS, "web", {"spec": {"minReadySeconds": 5}}, here)
    assert more["metadata"]["generation"] == 2


async def test_defaults_are_filled_in(cluster):
    client, here = cluster.client, cluster.namespace
    spec = (await client.create(DEPLOYMENTS, workload(), here, dry_run=True))["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    container = spec["template"]["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["terminationMessagePath"] == "/dev/termination-log"


async def test_a_service_is_given_an_address_and_its_target_port(cluster):
    client, here = cluster.client, cluster.namespace
    body = {"metadata": {"name": "svc"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    spec = (await client.create(SERVICES, body, here))["spec"]
    assert spec["clusterIP"]
    assert (spec["ports"][0]["targetPort"], spec["ports"][0]["protocol"]) == (80, "TCP")


async def test_a_secret_keeps_text_encoded(cluster):
    client, here = cluster.client, cluster.namespace
    made = await client.create(SECRETS, {"metadata": {"name": "s"}, "stringData": {"k": "v"}}, here)
    assert (made["type"], made["data"]) == ("Opaque", {"k": "dg=="})


async def test_a_refusal_names_the_fields(cluster):
    client, here = cluster.client, cluster.namespace
    with pytest.raises(Invalid) as error:
        await client.create(SERVICES, {"metadata": {"name": "svc"}, "spec": {"ports": []}}, here)
    assert error.value.status["details"]["causes"][0]["field"] == "spec.ports"
    body = workload("ReplicaSet", replicas=-1)
    with pytest.raises(Invalid) as error:
        await client.create(REPLICA_SETS, body, here)
    assert "spec.replicas" in {cause["field"] for cause in error.value.status["details"]["causes"]}


async def test_a_selector_is_immutable(cluster):
    client, here = cluster.client, cluster.namespace
    await client.create(REPLICA_SETS, workload("ReplicaSet", replicas=0), here)
    labels = {"app": "other"}
    patch = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    with pytest.raises(Invalid, match="field is immutable"):
        await client.patch(REPLICA_SETS, "web", patch, here)


async def test_a_strategic_patch_pairs_containers_by_name(cluster):
    client, here = cluster.client, cluster.namespace
    await client.create(REPLICA_SETS, workload("ReplicaSet", replicas=0), here)
    containers = [{"name": "sidecar", "image": "envoy:1"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    after = await client.patch(REPLICA_SETS, "web", patch, here, type="strategic")
    found = {each["name"]: each["image"] for each in after["spec"]["template"]["spec"]["containers"]}
    assert found == {"main": "web:1", "sidecar": "envoy:1"}


async def test_a_json_patch_tests_before_it_writes(cluster):
    client, here = cluster.client, cluster.namespace
    await client.create(CONFIG_MAPS, config_map(a="1"), here)
    patch = [{"op": "test", "path": "/data/a", "value": "2"}, {"op": "remove", "path": "/data/a"}]
    with pytest.raises(Invalid):
        await client.patch(CONFIG_MAPS, "cm", patch, here, type="json")
    assert (await client.get(CONFIG_MAPS, "cm", here))["data"] == {"a": "1"}


async def test_apply_finds_conflicts_and_force_takes_the_field(cluster):
    client, here = cluster.client, cluster.namespace
    await client.patch(CONFIG_MAPS, "cm", config_map(a="1"), here, type="apply", field_manager="alice")
    with pytest.raises(Conflict, match=r'conflict with "alice": \.data\.a'):
        await client.patch(CONFIG_MAPS, "cm", config_map(a="2"), here, type="apply", field_manager="bob")
    after = await client.patch(
        CONFIG_MAPS, "cm", config_map(a="2"), here, type="apply", field_manager="bob", force=True
    )
    assert after["data"] == {"a": "2"}
    after = await client.patch(CONFIG_MAPS, "cm", config_map(b="3"), here, type="apply", field_manager="bob")
    assert after["data"] == {"b": "3"}


async def test_a_finalizer_holds_until_it_is_taken_off(cluster):
    client, here = cluster.client, cluster.namespace
    body = config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await client.create(CONFIG_MAPS, body, here)
    await client.delete(CONFIG_MAPS, "cm", here)
    held = await client.get(CONFIG_MAPS, "cm", here)
    assert held["metadata"]["deletionTimestamp"]
    await client.patch(CONFIG_MAPS, "cm", {"metadata": {"finalizers": None}}, here)
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "cm", here)


async def test_pages_cover_everything_once(cluster):
    client, here = cluster.client, cluster.namespace
    for number in range(5):
        await client.create(CONFIG_MAPS, config_map(f"page-{number}", a="1"), here)
    seen, token = [], ""
    while True:
        page = await client.list(
            CONFIG_MAPS, here, limit=2, continue_token=token, field_selector="metadata.name!=kube-root-ca.crt"
        )
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert seen == [f"page-{number}" for number in range(5)]


async def test_a_pod_without_a_node_goes_at_once(cluster):
    client, here = cluster.client, cluster.namespace
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "web:1"}]}}
    body["spec"]["schedulerName"] = "nobody"
    await client.create(PODS, body, here)
    await client.delete(PODS, "p", here)
    with pytest.raises(NotFound):
        await client.get(PODS, "p", here)


async def test_names_are_made_up_and_differ(cluster):
    client, here = cluster.client, cluster.namespace
    body = {"metadata": {"generateName": "made-up-"}, "data": {}}
    made = [await client.create(CONFIG_MAPS, body, here) for _ in range(5)]
    names = {each["metadata"]["name"] for each in made}
    assert len(names) == 5
    assert all(re.fullmatch(r"made-up-[a-z0-9]{5}", name) for name in names)
    long = {"metadata": {"generateName": "x" * 100 + "-"}, "data": {}}
    name = (await client.create(CONFIG_MAPS, long, here))["metadata"]["name"]
    assert (len(name), name[:58]) == (63, "x" * 58)


async def test_annotations_have_a_limit_together(cluster):
    body = config_map()
    body["metadata"]["annotations"] = {"example.com/a": "x" * 200_000, "example.com/b": "x" * 70_000}
    with pytest.raises(Invalid) as error:
        await cluster.client.create(CONFIG_MAPS, body, cluster.namespace)
    (cause,) = error.value.status["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldValueTooLong", "metadata.annotations")
    assert cause["message"] == "Too long: may not be more than 262144 bytes"


async def test_finalizers_are_a_set_that_several_apply(cluster):
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}}
    for manager in ("alice", "bob"):
        meta = {"name": "cm", "finalizers": [f"example.com/{manager}"]}
        both = await cluster.applied(CONFIG_MAPS, {**bare, "metadata": meta}, manager)
    assert both["metadata"]["finalizers"] == ["example.com/alice", "example.com/bob"]
    left = await cluster.applied(CONFIG_MAPS, bare, "alice")
    assert left["metadata"]["finalizers"] == ["example.com/bob"]
    await cluster.applied(CONFIG_MAPS, bare, "bob")
