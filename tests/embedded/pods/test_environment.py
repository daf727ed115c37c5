"""The environment of a container."""

from typing import Any

import pytest

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.embedded.pods.environment import expand, resolve, sources
from rollouts.embedded.pods.runner import Address

POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "a"}}, "spec": {}}
ADDRESS = Address(ip="127.1.2.3", ports={8080: 50000})
CONFIG = {("ConfigMap", "c"): {"data": {"A": "1", "B": "2"}}, ("Secret", "s"): {"data": {"K": "c2VjcmV0"}}}


def env_of(container: Object, found: Any = CONFIG) -> dict[str, str]:
    return resolve(container, POD, ADDRESS, found, {"BASE": "image", "MODE": "image"})


def value_from(name: str, **source: Any) -> Object:
    return {"env": [{"name": name, "valueFrom": source}]}


def test_a_container_knows_its_pod_and_the_port_that_is_really_its_own() -> None:
    env = env_of({"ports": [{"containerPort": 8080}]})
    assert (env["POD_IP"], env["POD_NAME"], env["PORT"]) == ("127.1.2.3", "p", "50000")


def test_the_containers_own_value_beats_that_of_the_image() -> None:
    env = env_of({"env": [{"name": "MODE", "value": "own"}]})
    assert (env["BASE"], env["MODE"]) == ("image", "own")


def test_a_value_may_refer_to_what_stands_before_it() -> None:
    entries = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)-$(NONE)-$$(A)"}]
    assert env_of({"env": entries})["B"] == "1-$(NONE)-$(A)"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "a"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "127.1.2.3"),
        ({"configMapKeyRef": {"name": "c", "key": "B"}}, "2"),
        ({"secretKeyRef": {"name": "s", "key": "K"}}, "secret"),
    ],
)
def test_a_value_comes_from_where_it_says(source: Object, value: str) -> None:
    container = value_from("X", **source)
    assert env_of(container)["X"] == value


def test_all_of_a_config_map_comes_with_a_prefix() -> None:
    env = env_of({"envFrom": [{"prefix": "C_", "configMapRef": {"name": "c"}}]})
    assert (env["C_A"], env["C_B"]) == ("1", "2")


@pytest.mark.parametrize(
    ("container", "field"),
    [
        (value_from("X", fieldRef={"fieldPath": "spec.x"}), ".env[0].valueFrom.fieldRef.fieldPath"),
        (value_from("X", configMapKeyRef={"name": "no", "key": "A"}), ".env[0].valueFrom.configMapKeyRef"),
        (value_from("X", secretKeyRef={"name": "s", "key": "no"}), ".env[0].valueFrom.secretKeyRef"),
        (value_from("X", resourceFieldRef={"resource": "cpu"}), ".env[0].valueFrom"),
        ({"envFrom": [{"secretRef": {"name": "no"}}]}, ".envFrom[0].secretRef"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named_and_no_secret_is_shown(
    container: Object, field: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        env_of(container)
    assert refused.value.field == field
    assert "secret" not in str(refused.value).replace("secretKeyRef", "").replace("secretRef", "")


def test_an_optional_reference_may_lead_nowhere() -> None:
    ref = {"name": "no", "key": "A", "optional": True}
    assert "X" not in env_of(value_from("X", configMapKeyRef=ref))


def test_every_source_is_asked_for() -> None:
    container = {
        "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "K"}}}],
        "envFrom": [{"configMapRef": {"name": "c"}}],
    }
    assert sources(container) == {("ConfigMap", "c"), ("Secret", "s")}


def test_a_command_is_expanded_as_values_are() -> None:
    assert expand("--bind=$(POD_IP):$(PORT)", {"POD_IP": "127.0.0.2", "PORT": "80"}) == "--bind=127.0.0.2:80"
