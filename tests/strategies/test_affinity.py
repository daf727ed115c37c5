"""Pods of a version under way keep off the nodes of the stable one; their template stays their author's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.affinity import beside_stable, replacing, without
from strategies.model import SetAffinity
from tests.strategies.world import World, blue_green, canary, deployed

REQUIRED = {"requiredDuringSchedulingIgnoredDuringExecution": {}}
PREFERRED = {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 7}}
HASH = "rollouts-pod-template-hash"
OWN = {
    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}},
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "other"}}}
        ],
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}
        ],
    },
}


def rule(world: World, stable: str) -> dict[str, Any]:
    """Against the pods of a version."""
    values = [world.hash_of(stable)]
    return {
        "labelSelector": {"matchExpressions": [{"key": HASH, "operator": "In", "values": values}]},
        "namespaces": [world.rollout.metadata.namespace],
        "topologyKey": "kubernetes.io/hostname",
    }


@pytest.mark.parametrize(
    "strategy",
    [canary({"setWeight": 20}, {"pause": {}}, antiAffinity=REQUIRED), blue_green(antiAffinity=REQUIRED)],
    ids=["canary", "blue-green"],
)
def test_each_version_keeps_off_the_one_that_was_stable_when_it_came_and_the_first_off_none(strategy):
    world = deployed(strategy)
    assert world.of("v1").affinity == {}
    for before, version in (("v1", "v2"), ("v2", "v3"), ("v3", "v1")):
        world.ship(version).until(lambda each: each.size(version) > 0)  # noqa: B023 - used at once
        (found,) = world.of(version).affinity["podAntiAffinity"].values()
        assert found == [rule(world, before)]
        world.patch(promoteFull=True).until(lambda each: each.status.phase == "Healthy").run(60)
        assert list(world.of(version).affinity["podAntiAffinity"].values()) == [[rule(world, before)]]


def test_a_preference_has_its_weight_and_follows_a_changed_wish():
    world = deployed(canary({"pause": {}}, antiAffinity=PREFERRED))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    terms = [{"weight": 7, "podAffinityTerm": rule(world, "v1")}]
    name = "preferredDuringSchedulingIgnoredDuringExecution"
    assert world.of("v2").affinity == {"podAntiAffinity": {name: terms}}
    world.strategy = canary({"pause": {}}, antiAffinity=REQUIRED)
    (change,) = [each for each in world.plan().actions if isinstance(each, SetAffinity)]
    assert change.affinity == {
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule(world, "v1")]}
    }
    assert replacing(change.affinity)["podAntiAffinity"][name] is None
    world.strategy = canary({"pause": {}})
    (change,) = [each for each in world.plan().actions if isinstance(each, SetAffinity)]
    assert replacing(change.affinity) is None


def test_what_the_author_asks_for_stays_beside_the_rule():
    world = deployed(canary({"pause": {}}, antiAffinity=REQUIRED))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    rollout = world.rollout
    rollout.spec.template["spec"]["affinity"] = OWN
    found = beside_stable(rollout, "another")
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    assert found["nodeAffinity"] == OWN["nodeAffinity"]
    assert found["podAntiAffinity"][required] == [
        *OWN["podAntiAffinity"][required],
        rule(world, "v1"),
    ]
    assert without({"spec": {"affinity": found}}) == {"spec": {"affinity": OWN}}


TERMS = st.lists(st.just({"topologyKey": "zone"}), min_size=1, max_size=3)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "podAntiAffinity": st.fixed_dictionaries(
                {"requiredDuringSchedulingIgnoredDuringExecution": TERMS}
            ),
            "nodeAffinity": st.just(OWN["nodeAffinity"]),
        },
    ),
    st.sampled_from([REQUIRED, PREFERRED]),
)
def test_a_template_without_the_rule_is_as_it_was_written(own, asked):
    world = deployed(canary({"pause": {}}, antiAffinity=asked))
    rollout = world.rollout
    written = {**rollout.spec.template, "spec": {**rollout.spec.template["spec"]}}
    if own:
        written["spec"]["affinity"] = own
    rollout = rollout.model_copy(update={"spec": rollout.spec.model_copy(update={"template": written})})
    with_rule = {**written, "spec": {**written["spec"], "affinity": beside_stable(rollout, "another")}}
    assert without(with_rule) == written
    assert with_rule != written
