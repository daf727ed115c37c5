"""What every router keeps to. A new one joins by a line in `worlds.WORLDS`."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.errors import InvalidSpec
from rollouts.api.weights import Weights
from tests.routers.worlds import WORLDS, World

each_router = pytest.mark.parametrize("name", WORLDS)
any_weight = st.integers(0, 100)


def frozen(value: Any) -> Any:
    return copy.deepcopy(value)


@each_router
@given(weight=any_weight)
def test_what_was_rendered_is_read_back(name: str, weight: int) -> None:
    world = WORLDS[name]()
    world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=weight)))
    assert world.router.read(world.rollout, world.objects) == Weights(canary=weight)


@each_router
@given(before=any_weight, after=any_weight)
def test_the_last_weight_counts(name: str, before: int, after: int) -> None:
    world = WORLDS[name]()
    for weight in (before, after):
        world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=weight)))
    assert world.router.read(world.rollout, world.objects) == Weights(canary=after)


@each_router
@given(weight=any_weight)
def test_rendering_twice_changes_nothing_more(name: str, weight: int) -> None:
    world = WORLDS[name]()
    world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=weight)))
    assert world.router.render(world.rollout, world.objects, Weights(canary=weight)) == ()


@each_router
@given(before=any_weight, after=any_weight)
def test_a_way_back_leaves_no_trace(name: str, before: int, after: int) -> None:
    """The objects depend on the weight alone and not on the way to it."""
    world, straight = WORLDS[name](), WORLDS[name]()
    for weight in (before, after):
        world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=weight)))
    straight.apply(*straight.router.render(straight.rollout, straight.objects, Weights(canary=after)))
    assert world.objects == straight.objects


@each_router
def test_the_objects_that_are_shown_are_left_alone(name: str) -> None:
    """They are shared with a store."""
    world = WORLDS[name]()
    before = frozen(world.objects)
    world.router.render(world.rollout, world.objects, Weights(canary=40))
    assert world.objects == before


@each_router
def test_before_the_first_weight_there_is_nothing_to_read(name: str) -> None:
    world = WORLDS[name]()
    assert world.router.read(world.rollout, world.objects) is None


@each_router
def test_a_missing_object_is_named_with_the_field_that_names_it(name: str) -> None:
    world = WORLDS[name]()
    world.objects.clear()
    with pytest.raises(InvalidSpec, match='"front" not found; create it') as caught:
        world.router.render(world.rollout, world.objects, Weights(canary=1))
    assert caught.value.field.startswith(".spec.strategy.canary.trafficRouting.")
    assert caught.value.value == "front"


@each_router
def test_nothing_can_be_read_from_nothing(name: str) -> None:
    world = WORLDS[name]()
    assert world.router.read(world.rollout, {}) is None


@each_router
def test_every_object_that_is_rendered_was_asked_for(name: str) -> None:
    world = WORLDS[name]()
    asked = {(ref.group, ref.kind, ref.name) for ref in world.router.kinds(world.rollout)}
    for each in world.router.render(world.rollout, world.objects, Weights(canary=5)):
        group = each["apiVersion"].rpartition("/")[0]
        assert (group, each["kind"], each["metadata"]["name"]) in asked


@each_router
def test_fields_of_others_outlive_every_weight(name: str) -> None:
    """Labels, annotations, finalizers and a status are not the router's."""
    world = WORLDS[name]()
    world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=5)))
    foreign = {
        "labels": {"team": "web"},
        "annotations": {"example.com/a": "1"},
        "finalizers": ["example.com/f"],
    }
    for ref, obj in world.objects.items():
        metadata = {key: obj["metadata"].get(key, {}) | foreign[key] for key in ("labels", "annotations")}
        metadata |= {"finalizers": foreign["finalizers"]}
        world.objects[ref] = obj | {"metadata": obj["metadata"] | metadata, "status": {"mood": "good"}}
    world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=55)))
    for obj in world.objects.values():
        for key in ("labels", "annotations"):
            assert foreign[key].items() <= obj["metadata"][key].items()
        assert obj["metadata"]["finalizers"] == foreign["finalizers"]
        assert obj["status"] == {"mood": "good"}


@pytest.mark.parametrize("name", [each for each in WORLDS if "several" in each])
@given(low=any_weight, high=any_weight)
def test_while_objects_differ_the_highest_weight_counts_and_is_not_verified(
    name: str, low: int, high: int
) -> None:
    """So no pod goes while any route still sends it traffic."""
    first, second = WORLDS[name](), WORLDS[name]()
    first.apply(*first.router.render(first.rollout, first.objects, Weights(canary=low)))
    second.apply(*second.router.render(second.rollout, second.objects, Weights(canary=high)))
    mixed = World.__new__(World)
    mixed.objects = {ref: (first if "front" in ref.name else second).objects[ref] for ref in first.objects}
    seen = first.router.read(first.rollout, mixed.objects)
    assert seen is not None
    assert seen.canary == max(low, high)
    assert seen.verified is (None if low == high else False)
