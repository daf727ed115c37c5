"""Creating and changing objects in process."""

import pytest

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, REPLICA_SETS
from tests.embedded.api.objects import WIDGETS, config_map, deployment, pod, widget, widget_crd


async def test_a_created_object_gets_identity_and_time(client):
    made = (await client.create(DEPLOYMENTS, deployment(), "default"))["metadata"]
    assert made["uid"]
    assert made["creationTimestamp"] == "2026-01-31T12:00:00Z"
    assert made["generation"] == 1
    assert int(made["resourceVersion"]) > 0


async def test_a_write_that_changes_nothing_keeps_the_version(client):
    made = await client.create(DEPLOYMENTS, deployment(replicas=2), "default")
    again = await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 2}}, "default")
    put = await client.replace(DEPLOYMENTS, made, "default")
    assert again == put == made


async def test_generation_counts_changes_of_the_spec_alone(client):
    await client.create(DEPLOYMENTS, deployment(), "default")
    labelled = await client.patch(DEPLOYMENTS, "web", {"metadata": {"labels": {"a": "b"}}}, "default")
    assert labelled["metadata"]["generation"] == 1
    scaled = await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, "default")
    assert scaled["metadata"]["generation"] == 2


async def test_status_and_the_rest_are_written_apart(client):
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 9}, "status": {"replicas": 3}}
    await client.create(DEPLOYMENTS, deployment(replicas=1), "default")
    after = await client.patch(DEPLOYMENTS, "web", patch, "default", subresource="status")
    assert (after["status"]["replicas"], after["spec"]["replicas"]) == (3, 1)
    assert "labels" not in after["metadata"]
    patch["status"]["replicas"] = 7
    after = await client.patch(DEPLOYMENTS, "web", patch, "default")
    assert (after["status"]["replicas"], after["spec"]["replicas"]) == (3, 9)


async def test_a_new_object_comes_without_the_status_that_was_sent(client):
    made = await client.create(PODS, {**pod(), "status": {"phase": "Running"}}, "default")
    assert made["status"]["phase"] == "Pending"


async def test_a_custom_kind_without_status_subresource_takes_status_with_the_rest(client, server):
    server.install_crds([widget_crd(subresources={})])
    made = await client.create(WIDGETS, {**widget(), "status": {"phase": "Running"}}, "default")
    assert made["status"] == {"phase": "Running"}


async def test_a_stale_version_is_a_conflict_in_put_and_in_merge_patch(client):
    old = await client.create(CONFIG_MAPS, config_map(a="1"), "default")
    await client.patch(CONFIG_MAPS, "cm", {"data": {"a": "2"}}, "default")
    with pytest.raises(Conflict, match="the object has been modified"):
        await client.replace(CONFIG_MAPS, {**old, "data": {"a": "3"}}, "default")
    version = {"resourceVersion": old["metadata"]["resourceVersion"]}
    with pytest.raises(Conflict):
        await client.patch(CONFIG_MAPS, "cm", {"metadata": version, "data": {"a": "3"}}, "default")


async def test_a_put_of_a_custom_object_needs_a_version(client, server):
    server.install_crds([widget_crd()])
    await client.create(WIDGETS, widget(a=1), "default")
    with pytest.raises(Invalid, match="resourceVersion: Invalid value: 0: must be specified for an update"):
        await client.replace(WIDGETS, widget(a=2), "default")


async def test_a_put_for_another_incarnation_is_a_conflict(client):
    old = await client.create(CONFIG_MAPS, config_map(), "default")
    body = config_map(a="1")
    body["metadata"]["uid"] = old["metadata"]["uid"].replace("-", "0")
    with pytest.raises(Conflict, match="UID in precondition"):
        await client.replace(CONFIG_MAPS, body, "default")


async def test_names_are_generated_and_differ(client):
    body = {"metadata": {"generateName": "run-"}, "data": {}}
    names = {(await client.create(CONFIG_MAPS, body, "default"))["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


async def test_a_taken_name_and_a_missing_namespace_are_refused(client):
    await client.create(CONFIG_MAPS, config_map(), "default")
    with pytest.raises(AlreadyExists, match='configmaps "cm" already exists'):
        await client.create(CONFIG_MAPS, config_map(), "default")
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        await client.create(CONFIG_MAPS, config_map(), "nowhere")


async def test_an_object_of_another_kind_or_namespace_is_refused(client):
    with pytest.raises(Invalid, match="ConfigMap of v1 cannot be handled as a Pod of v1"):
        await client.create(PODS, config_map(), "default")
    body = config_map()
    body["metadata"]["namespace"] = "kube-system"
    with pytest.raises(Invalid, match="does not match the namespace sent on the request"):
        await client.create(CONFIG_MAPS, body, "default")


async def test_a_dry_run_answers_and_stores_nothing(client):
    seen = await client.create(DEPLOYMENTS, deployment(), "default", dry_run=True)
    assert seen["spec"]["replicas"] == 1
    with pytest.raises(NotFound):
        await client.get(DEPLOYMENTS, "web", "default")


async def test_what_a_client_holds_is_its_own(client):
    made = await client.create(CONFIG_MAPS, config_map(a="1"), "default")
    made["data"]["a"] = "spoilt"
    listed = (await client.list(CONFIG_MAPS, "default"))["items"]
    listed[0]["data"]["a"] = "spoilt"
    assert (await client.get(CONFIG_MAPS, "cm", "default"))["data"] == {"a": "1"}


async def test_a_selector_never_changes(client):
    await client.create(DEPLOYMENTS, deployment(), "default")
    patch = {
        "spec": {
            "selector": {"matchLabels": {"app": "other"}},
            "template": {"metadata": {"labels": {"app": "other"}}},
        }
    }
    with pytest.raises(Invalid, match=r"spec\.selector: Invalid value: .*field is immutable"):
        await client.patch(DEPLOYMENTS, "web", patch, "default")


async def test_a_selector_must_meet_its_template(client):
    body = {**deployment(), "apiVersion": "apps/v1", "kind": "ReplicaSet"}
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    with pytest.raises(Invalid) as error:
        await client.create(REPLICA_SETS, body, "default")
    causes = error.value.status["details"]["causes"]
    assert [cause["field"] for cause in causes] == ["spec.template.metadata.labels"]


@pytest.mark.parametrize("name", ["Upper", "a_b", "-a", "a" * 254])
async def test_a_name_that_dns_cannot_say_is_refused(client, name):
    with pytest.raises(Invalid, match=r"metadata\.name: Invalid value"):
        await client.create(CONFIG_MAPS, config_map(name), "default")


async def test_the_same_seed_gives_the_same_uids(clock):
    seen = []
    for _ in range(2):
        client = Client(InProcess(ApiServer(clock, seed=7)))
        seen.append((await client.create(CONFIG_MAPS, config_map(), "default"))["metadata"]["uid"])
    assert seen[0] == seen[1]
