"""What counts as a difference between Git and the cluster."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.gitops.diff import MANAGER, differences

Object = dict[str, Any]


def deployment(**spec: Any) -> Object:
    template = {"spec": {"containers": [{"name": "web", "image": "web:1", **spec.pop("container", {})}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "template": template, **spec},
    }


def service(**spec: Any) -> Object:
    body = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": body}


def config(data: Object) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def secret(**fields: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **fields}


def applied(obj: Object, fields: Object) -> Object:
    """The live object, with the fields that a sync set."""
    live = copy.deepcopy(obj)
    entry = {"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}
    live["metadata"]["managedFields"] = [entry]
    return live


CONTAINER = {"terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}
SIDECAR = {"name": "sidecar", "image": "mesh:1"}


def with_sidecar() -> Object:
    live = deployment()
    live["spec"]["template"]["spec"]["containers"].insert(0, SIDECAR)
    return live


@pytest.mark.parametrize(
    ("target", "live"),
    [
        pytest.param(deployment(), deployment(), id="the same"),
        pytest.param(deployment(), deployment(container=CONTAINER), id="the server's defaults"),
        pytest.param(deployment(), deployment(paused=False), id="a field that is not in Git"),
        pytest.param(deployment(), with_sidecar(), id="a container that something else added"),
        pytest.param(
            deployment(container={"resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}}),
            deployment(container={"resources": {"limits": {"cpu": "1", "memory": "1024Mi"}}}),
            id="quantities in another spelling",
        ),
        pytest.param(deployment(container={"env": []}), deployment(), id="an empty list"),
        pytest.param(deployment(strategy=None), deployment(), id="a null"),
        pytest.param(
            service(),
            service(clusterIP="10.0.0.1", ports=[{"port": 80, "targetPort": 8080, "protocol": "TCP"}]),
            id="a protocol that is filled in",
        ),
        pytest.param(
            secret(stringData={"password": "x"}), secret(data={"password": "eA=="}), id="stringData is data"
        ),
        pytest.param(
            {**config({"a": "1"}), "status": {"x": 1}}, config({"a": "1"}), id="a status in the manifest"
        ),
    ],
)
def test_no_difference(target: Object, live: Object) -> None:
    assert differences(target, live) == ()


@pytest.mark.parametrize(
    ("target", "live", "path"),
    [
        (deployment(replicas=3), deployment(), ".spec.replicas"),
        (deployment(container={"image": "web:2"}), deployment(), ".spec.template.spec.containers[0].image"),
        (deployment(paused=True), deployment(), ".spec.paused"),
        (deployment(paused=True), deployment(paused=False), ".spec.paused"),
        (service(ports=[{"port": 81}]), service(), ".spec.ports[0]"),
        (service(), service(selector={"app": "web", "extra": "x"}), ".spec.selector.extra"),
        (config({"a": "1"}), config({"a": "2"}), ".data.a"),
    ],
)
def test_a_difference_is_named(target: Object, live: Object, path: str) -> None:
    assert [difference.path for difference in differences(target, live)] == [path]


def test_what_a_sync_set_and_git_no_longer_has_is_a_difference() -> None:
    fields = {"f:data": {"f:a": {}, "f:b": {}}}
    live = applied(config({"a": "1", "b": "2", "theirs": "3"}), fields)
    (found,) = differences(config({"a": "1"}), live)
    assert (found.path, found.wanted, found.live) == (".data.b", None, "2")


def test_a_list_element_that_a_sync_set_and_git_no_longer_has_is_a_difference() -> None:
    ports = [{"port": 80, "targetPort": 8080, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]
    key = 'k:{"port":81,"protocol":"TCP"}'
    live = applied(service(ports=ports), {"f:spec": {"f:ports": {key: {".": {}, "f:port": {}}}}})
    assert [found.path for found in differences(service(), live)] == [".spec.ports[port=81,protocol=TCP]"]


def test_of_an_object_of_kubectl_apply_its_own_annotation_counts() -> None:
    live = config({"a": "1", "b": "2", "theirs": "3"})
    before = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","b":"2"}}'
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": before}
    assert [found.path for found in differences(config({"a": "1"}), live)] == [".data.b"]


def test_in_a_custom_resource_a_list_is_one_value() -> None:
    def rollout(*images: str) -> Object:
        containers = [{"name": image, "image": image} for image in images]
        spec = {"template": {"spec": {"containers": containers}}}
        meta = {"name": "r"}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta, "spec": spec}

    assert differences(rollout("a"), rollout("a")) == ()
    assert differences(rollout("a"), rollout("a", "b"))


def test_a_secret_shows_that_it_differs_and_not_how() -> None:
    (found,) = differences(secret(data={"password": "bmV3"}), secret(data={"password": "b2xk"}))
    assert found.path == ".data.password"
    assert "bmV3" not in str(found)
    assert "b2xk" not in str(found)
    assert found.wanted != found.live


@given(st.dictionaries(st.text("ab", min_size=1), st.text(), max_size=4))
def test_an_object_never_differs_from_itself(data: dict[str, str]) -> None:
    assert differences(config(data), config(data)) == ()
