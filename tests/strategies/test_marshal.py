"""Templates and steps are named as upstream names them: byte for byte what Go writes, and its hash."""

import json
import re
from importlib import resources
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.rollout import Rollout
from strategies.marshal import marshal
from strategies.position import same_steps, steps_hash
from strategies.templates import fnv32a, pod_hash, safe_encode, same_pods
from tests.upstream import drawn

HERE = Path(__file__).parent


def recorded(name, kind):
    cases = yaml.safe_load((HERE / "hashes" / f"{name}.yaml").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["case"]) for case in cases if kind in case]


@pytest.mark.parametrize("case", recorded("corners", "template") + recorded("manifests", "template"))
def test_a_template_has_the_name_that_upstream_gives_it(case):
    assert pod_hash(case["template"], case.get("collisionCount")) == case["hash"]


@pytest.mark.parametrize("case", recorded("corners", "steps"))
def test_steps_have_the_name_that_upstream_gives_them(case):
    assert steps_hash(with_steps(case["steps"])) == case["hash"]


@pytest.mark.parametrize("case", recorded("manifests", "steps"))
def test_of_steps_that_only_this_engine_takes_go_sees_what_it_knows(case):
    assert safe_encode(str(fnv32a(marshal(case["steps"], "[]CanaryStep")))) == case["hash"]


def test_the_types_are_those_of_the_pinned_modules():
    pinned = (HERE.parent / "upstream" / "peers" / "go.mod").read_text(encoding="utf-8")
    versions = json.loads(resources.files("strategies").joinpath("shapes.json").read_bytes())["versions"]
    assert set(versions) == {"github.com/argoproj/argo-rollouts", "k8s.io/api", "k8s.io/apimachinery"}
    for module, version in versions.items():
        assert re.findall(rf"(?:=> |\t){re.escape(module)} (v\S+)", pinned)[0] == version


ADVANCE = [{"pause": {"duration": "1h", "advance": "evidence"}}]


def test_a_field_of_ours_is_part_of_the_name_of_the_steps():
    plain = with_steps([{"pause": {"duration": "1h"}}])
    assert steps_hash(with_steps(ADVANCE)) not in {steps_hash(plain), ""}


@pytest.mark.parametrize(
    ("steps", "before"),
    [([{"setWeight": 20}, {"pause": {}}], "54649b9f5c"), (ADVANCE, "fb6557ff5")],
)
def test_the_name_that_this_engine_gave_steps_before_is_still_theirs(steps, before):
    assert same_steps(with_steps(steps), before)
    assert same_steps(with_steps(steps), steps_hash(with_steps(steps)))
    assert not same_steps(with_steps([*steps, {"setWeight": 50}]), before)


def with_steps(steps):
    return Rollout.model_validate(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"strategy": {"canary": {"steps": steps}}},
        }
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
FIELDS = "metadata labels creationTimestamp spec containers resources limits livenessProbe"
NAMES = st.sampled_from(FIELDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.integers(0, 2**32))
def test_a_template_that_is_written_reads_the_same(seed):
    written = marshal(drawn.value(Random(seed), "PodTemplateSpec", 0.5), "PodTemplateSpec")
    assert {"metadata", "spec"} == set(json.loads(written))
    assert marshal(json.loads(written), "PodTemplateSpec") == written


@given(JSON)
def test_whatever_stands_in_a_template_it_has_a_name_and_is_the_same_as_itself(value):
    assert pod_hash(value)
    assert same_pods(value, value)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_quantity_that_is_written_reads_the_same(value):
    written = marshal({"spec": {"overhead": {"cpu": value}}}, "PodTemplateSpec")
    assert marshal(json.loads(written), "PodTemplateSpec") == written


MISFITS = [
    {"terminationGracePeriodSeconds": "30"},
    {"terminationGracePeriodSeconds": 1.5},
    {"hostNetwork": "true"},
    {"hostNetwork": 0},
    {"overhead": {"memory": "invalid"}},
    {"overhead": {"memory": ""}},
    {"nodeSelector": ["a"]},
    {"nodeSelector": {"a": 1}},
    {"tolerations": {"key": "a"}},
    {"tolerations": ["a"]},
    {"volumes": "a"},
    {"priority": True},
]


@pytest.mark.parametrize("misfit", MISFITS, ids=str)
def test_a_value_of_another_type_is_a_change_that_the_api_server_will_refuse(misfit):
    containers = [{"name": "web", "image": "web"}]
    stable, wrong = {"spec": {"containers": containers}}, {"spec": {"containers": containers, **misfit}}
    assert pod_hash(wrong) != pod_hash(stable)
    assert not same_pods(stable, wrong)
    assert same_pods(wrong, wrong)
