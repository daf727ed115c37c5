"""What the server fills in and refuses in its own kinds."""

import pytest

from rollouts.kube.errors import Invalid
from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS, INGRESSES, JOBS, PODS, SECRETS, SERVICES
from rollouts.kube.transport import Request
from tests.embedded.api.generate_schemas import TARGET, generate
from tests.embedded.api.objects import config_map, deployment, pod, service


async def test_a_deployment_is_filled_in(client):
    spec = (await client.create(DEPLOYMENTS, deployment(), "default"))["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    template = spec["template"]["spec"]
    assert (template["restartPolicy"], template["terminationGracePeriodSeconds"]) == ("Always", 30)


async def test_a_service_gets_ports_and_an_address(client):
    spec = (await client.create(SERVICES, service(ports=[{"port": 80}]), "default"))["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert spec["clusterIP"].startswith("10.96.")
    headless = (await client.create(SERVICES, service("h", clusterIP="None"), "default"))["spec"]
    assert headless["clusterIP"] == "None"


async def test_a_service_keeps_its_address_when_it_is_put_without(client):
    made = await client.create(SERVICES, service(), "default")
    after = await client.replace(SERVICES, service(selector={"app": "web"}), "default")
    assert after["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    with pytest.raises(Invalid, match="may not change once set"):
        await client.patch(SERVICES, "svc", {"spec": {"clusterIP": "10.96.7.7"}}, "default")


async def test_a_job_gets_its_selector_and_labels(client):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]}}
    made = await client.create(JOBS, {"metadata": {"name": "j"}, "spec": {"template": template}}, "default")
    uid = made["metadata"]["uid"]
    assert made["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": uid}
    assert made["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"


async def test_a_secret_takes_text_and_keeps_it_encoded(client):
    body = {"metadata": {"name": "s"}, "stringData": {"k": "secret"}}
    made = await client.create(SECRETS, body, "default")
    assert made["data"] == {"k": "c2VjcmV0"}
    assert "stringData" not in made


def ingress(**path):
    backend = {"service": {"name": "svc", "port": {"number": 80}}}
    entry = {"path": "/", "pathType": "Prefix", "backend": backend, **path}
    return {"metadata": {"name": "i"}, "spec": {"rules": [{"http": {"paths": [entry]}}]}}


@pytest.mark.parametrize(
    ("resource", "body", "field"),
    [
        (SERVICES, service(ports=[]), "spec.ports"),
        (SERVICES, service(ports=[{"port": 99999}]), "spec.ports[0].port"),
        (SERVICES, service(ports=[{"port": 1}, {"port": 2}]), "spec.ports[0].name"),
        (SERVICES, service(type="Magic"), "spec.type"),
        (SERVICES, service(clusterIP="10.0.0.1"), "spec.clusterIPs"),
        (PODS, {"metadata": {"name": "p"}, "spec": {}}, "spec.containers"),
        (
            PODS,
            {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}},
            "spec.containers[0].image",
        ),
        (DEPLOYMENTS, deployment(replicas=-1), "spec.replicas"),
        (DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": {}}, "spec.selector"),
        (INGRESSES, ingress(pathType="Fuzzy"), "spec.rules[0].http.paths[0].pathType"),
        (INGRESSES, ingress(path="no-slash"), "spec.rules[0].http.paths[0].path"),
        (INGRESSES, {"metadata": {"name": "i"}, "spec": {}}, "spec"),
        (CONFIG_MAPS, {"metadata": {"name": "c", "labels": {"a": "b c"}}}, "metadata.labels"),
        (CONFIG_MAPS, {"metadata": {"name": "c", "annotations": {"a b": "c"}}}, "metadata.annotations"),
        (CONFIG_MAPS, {"metadata": {}}, "metadata.name"),
    ],
)
async def test_what_is_wrong_is_named(client, resource, body, field):
    with pytest.raises(Invalid) as error:
        await client.create(resource, body, "default")
    assert error.value.code == 422
    assert error.value.reason == "Invalid"
    assert field in {cause["field"] for cause in error.value.status["details"]["causes"]}


async def test_a_value_of_the_wrong_type_cannot_be_read(client):
    body = deployment()
    body["spec"]["replicas"] = "three"
    with pytest.raises(Invalid, match=r"spec\.replicas") as error:
        await client.create(DEPLOYMENTS, body, "default")
    assert error.value.code == 400


async def test_a_misspelt_field_is_refused_when_asked_to(client):
    answer = await client.transport.request(
        Request(
            method="POST",
            path=CONFIG_MAPS.path("default"),
            query={"fieldValidation": "Strict"},
            body={**config_map(), "dta": {}},
        )
    )
    assert answer.code == 400
    assert 'unknown field "dta"' in answer.body["message"]


async def test_a_pod_changes_its_image_and_little_else(client):
    await client.create(PODS, pod(), "default")
    image = {"spec": {"containers": [{"name": "main", "image": "web:2"}]}}
    await client.patch(PODS, "p", image, "default", type="strategic")
    with pytest.raises(Invalid, match="pod updates may not change fields other than"):
        await client.patch(PODS, "p", {"spec": {"dnsPolicy": "Default"}}, "default")


async def test_immutable_data_stays(client):
    await client.create(CONFIG_MAPS, {**config_map(a="1"), "immutable": True}, "default")
    with pytest.raises(Invalid, match="field is immutable when `immutable` is set"):
        await client.patch(CONFIG_MAPS, "cm", {"data": {"a": "2"}}, "default")


def test_the_shapes_are_those_of_the_client_package():
    """Else: run tests/embedded/api/generate_schemas.py."""
    assert TARGET.read_bytes() == generate()
