"""Labels of a role are on the pods of its version, and on no others."""

from dataclasses import replace

import pytest

from rollouts.api.canary import PodTemplateMetadata
from strategies.ephemeral import ANNOTATION, remembered, spelled, without
from strategies.model import ScaleReplicaSet, SetPodMetadata
from strategies.revisions import find
from tests.strategies.world import START, World, blue_green, canary, deployed, template

CANARY, STABLE = {"labels": {"role": "canary"}}, {"labels": {"role": "stable"}, "annotations": {"a": "b"}}
SPELLED = {
    "canary": '{"labels":{"role":"canary"}}',
    "stable": '{"labels":{"role":"stable"},"annotations":{"a":"b"}}',
}


def marks(world: World) -> dict[str, str]:
    return {version: world.of(version).annotations.get(ANNOTATION, "") for version in ("v1", "v2")}


@pytest.mark.parametrize(
    "strategy",
    [
        canary({"setWeight": 20}, {"pause": {}}, canaryMetadata=CANARY, stableMetadata=STABLE),
        blue_green(autoPromotionEnabled=False, previewMetadata=CANARY, activeMetadata=STABLE),
    ],
    ids=["canary", "blue-green"],
)
def test_the_first_version_and_the_stable_one_have_stables_and_the_one_beside_it_the_canarys(strategy):
    world = deployed(strategy)
    assert world.of("v1").annotations[ANNOTATION] == SPELLED["stable"]
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    assert marks(world) == {"v1": SPELLED["stable"], "v2": SPELLED["canary"]}
    world.patch(promoteFull=True).until(lambda each: each.status.phase == "Healthy").run(60)
    assert marks(world) == {"v1": "", "v2": SPELLED["stable"]}


def test_labels_come_before_the_pods_that_are_to_have_them():
    world = World(strategy=canary(stableMetadata=STABLE))
    while not world.pods:
        planned = world.reconcile()
        world.pass_time()
    assert world.of("v1").annotations[ANNOTATION] == SPELLED["stable"]
    kinds = [type(action) for action in planned.actions]
    assert kinds.index(SetPodMetadata) < kinds.index(ScaleReplicaSet)


def test_a_changed_role_takes_off_what_it_asked_for_before():
    world = deployed(canary(stableMetadata=STABLE))
    other = {"labels": {"role2": "stable2"}}
    world.strategy = canary(stableMetadata=other)
    (change,) = [each for each in world.plan().actions if isinstance(each, SetPodMetadata)]
    assert change.labels == {"role": None, "role2": "stable2"}
    assert change.annotations == {"a": None}
    assert change.mark == '{"labels":{"role2":"stable2"}}'


def test_a_version_with_labels_of_a_role_is_found_by_the_template_that_its_author_wrote():
    written = template("v1")
    shown = {**written, "metadata": {"labels": {"app": "web", "role": "stable"}, "annotations": {"a": "b"}}}
    marked = {ANNOTATION: SPELLED["stable"]}
    assert without(shown, marked) == written
    world = deployed(canary())
    each = replace(world.of("v1"), pod_hash="other", template=without(shown, marked), created=START)
    assert find(written, None, [each]) == each


@pytest.mark.parametrize("text", ["", "{}", "nonsense", "[]", '{"labels": 7}'])
def test_a_mark_that_cannot_be_read_stands_for_nothing(text):
    assert remembered({ANNOTATION: text}) == PodTemplateMetadata()
    assert spelled(remembered({ANNOTATION: text})) == ""
