"""Pod templates: the hash is stable and spelled safely; defaults of an API server are no change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.templates import fnv32a, pod_hash, safe_encode, same_pods
from tests.strategies.world import template


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)],
)
def test_fnv_gives_the_published_values(data, value):
    assert fnv32a(data) == value


def test_names_are_spelled_in_kubernetes_alphabet():
    assert safe_encode("0123456789") == "".join(
        "bcdfghjklmnpqrstvwxz2456789"[ord(c) % 27] for c in "0123456789"
    )
    assert set(pod_hash(template("v1"))) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_the_hash_does_not_depend_on_order_or_nulls():
    plain = template("v1")
    turned = {"spec": plain["spec"], "metadata": {"creationTimestamp": None, **plain["metadata"]}}
    assert pod_hash(plain) == pod_hash(turned)


def test_another_image_or_collision_count_gives_another_hash():
    assert len({pod_hash(template("v1")), pod_hash(template("v2")), pod_hash(template("v1"), 1)}) == 3


LIVE = {
    "metadata": {"labels": {"app": "web", "rollouts-pod-template-hash": "x"}, "creationTimestamp": None},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "web:v1",
                "imagePullPolicy": "IfNotPresent",
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "readinessProbe": {
                    "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
}


def _desired():
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "web:v1",
                    "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                    "ports": [{"containerPort": 80}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
                }
            ]
        },
    }


def test_a_live_template_with_more_defaulted_fields_is_the_same():
    assert same_pods(LIVE, _desired())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("image",), "web:v2"),
        (("env",), [{"name": "A", "value": "1"}]),
        (("resources",), {"limits": {"cpu": "2"}}),
        (("ports",), []),
        (("imagePullPolicy",), "Always"),
        (("readinessProbe",), None),
    ],
)
def test_any_other_difference_is_a_change(path, value):
    desired = _desired()
    desired["spec"]["containers"][0][path[0]] = value
    assert not same_pods(LIVE, desired)


def test_taking_a_field_out_of_the_template_is_a_change():
    live = {**LIVE, "spec": {**LIVE["spec"], "nodeSelector": {"disk": "ssd"}}}
    assert not same_pods(live, _desired())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_every_template_is_the_same_as_itself(spec):
    whole = {"metadata": {}, "spec": spec}
    assert same_pods(whole, whole)
    assert pod_hash(whole) == pod_hash({"spec": spec, "metadata": {}})
