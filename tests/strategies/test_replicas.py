"""The arithmetic of a canary's pods, as tables."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.rollout_status import RolloutStatus
from rollouts.api.weights import Weights
from strategies.model import ReplicaSet
from strategies.replicas import Bounds, basic, bounds, enough, routed, split
from tests.strategies.world import START, World, canary
from tests.strategies.world import routed as with_routing


def pods(name: str, desired: int, available: int | None = None) -> ReplicaSet:
    up = desired if available is None else available
    return ReplicaSet(name=name, pod_hash=name, created=START, desired=desired, current=desired, available=up)


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [
        ("25%", "25%", 10, (3, 2)),
        (None, None, 10, (3, 2)),
        ("25", "25", 10, (3, 2)),
        (1, 0, 10, (1, 0)),
        (0, "1%", 10, (0, 1)),
        ("0%", 0, 10, (0, 1)),
        ("100%", "100%", 3, (3, 3)),
        (5, 20, 3, (5, 3)),
        ("25%", "25%", 1, (1, 0)),
    ],
)
def test_surge_rounds_up_and_unavailable_rounds_down(surge, unavailable, replicas, expected):
    world = World(strategy=canary(maxSurge=surge, maxUnavailable=unavailable), replicas=replicas)
    limits = bounds(world.rollout)
    assert (limits.surge, limits.unavailable) == expected


@pytest.mark.parametrize(
    ("replicas", "weight", "surge", "expected"),
    [
        (10, 0, 1, (0, 10)),
        (10, 100, 1, (10, 0)),
        (10, 10, 1, (1, 9)),
        (10, 5, 1, (1, 10)),
        (10, 5, 0, (1, 9)),
        (10, 95, 1, (10, 1)),
        (10, 95, 0, (9, 1)),
        (3, 50, 0, (2, 1)),
        (3, 50, 1, (2, 2)),
        (5, 30, 1, (2, 4)),
        (4, 1, 0, (1, 3)),
        (4, 99, 0, (3, 1)),
        (2, 1, 0, (1, 1)),
        (1, 5, 1, (1, 1)),
        (1, 95, 1, (1, 1)),
        (1, 5, 0, (0, 1)),
        (1, 50, 0, (1, 0)),
        (0, 50, 1, (0, 0)),
        (100, 33, 0, (33, 67)),
    ],
)
def test_split_comes_closest_to_the_weight(replicas, weight, surge, expected):
    assert split(replicas, weight, surge) == expected


@given(st.integers(0, 60), st.integers(0, 100), st.integers(0, 3))
def test_split_keeps_its_promises(replicas, weight, surge):
    new, stable = split(replicas, weight, surge)
    assert new >= 0
    assert stable >= 0
    assert new + stable in {replicas, replicas + min(surge, 1)}
    if 0 < weight < 100 and replicas > 1:
        assert new >= 1
        assert stable >= 1


@pytest.mark.parametrize(
    ("weight", "new", "stable", "room", "expected"),
    [
        (10, (0, 0), (10, 10), (1, 1), (1, 9)),
        (30, (0, 0), (10, 10), (0, 3), (3, 10)),
        (30, (0, 0), (10, 10), (5, 0), (0, 7)),
        (10, (0, 0), (10, 10), (1, 0), (0, 9)),
        (10, (1, 0), (10, 10), (0, 1), (1, 10)),
        (10, (1, 1), (10, 10), (0, 1), (1, 9)),
        (50, (5, 5), (5, 5), (1, 1), (5, 5)),
        (100, (5, 5), (5, 5), (0, 2), (7, 5)),
        (100, (10, 10), (2, 2), (0, 2), (10, 0)),
        (0, (5, 5), (5, 5), (0, 2), (5, 7)),
        (0, (5, 5), (5, 5), (2, 0), (3, 5)),
    ],
    ids=str,
)
def test_up_within_surge_and_down_within_unavailable(weight, new, stable, room, expected):
    unavailable, surge = room
    limits = Bounds(replicas=10, surge=surge, unavailable=unavailable)
    want = split(10, weight, surge)
    sizes = basic(limits, want, pods("new", *new), pods("stable", *stable))
    assert (sizes["new"], sizes["stable"]) == expected


def test_stable_that_never_starts_does_not_block_the_canary():
    limits = Bounds(replicas=10, surge=1, unavailable=2)
    sizes = basic(limits, (10, 0), pods("new", 1, 1), pods("stable", 10, 0))
    assert sizes["stable"] < 10


def test_a_canary_that_never_starts_does_not_block_the_retreat():
    limits = Bounds(replicas=10, surge=1, unavailable=1)
    sizes = basic(limits, (0, 10), pods("new", 4, 0), pods("stable", 7, 7))
    assert sizes["new"] < 4


def test_a_canary_that_never_starts_gives_way_where_the_rollout_was_made_smaller():
    limits = Bounds(replicas=4, surge=2, unavailable=0)
    assert basic(limits, (4, 0), pods("new", 6, 0), pods("stable", 4, 4)) == {"new": 2, "stable": 4}
    assert basic(limits, (4, 0), pods("new", 6, 3), pods("stable", 4, 4)) == {"new": 3, "stable": 3}


def test_neither_does_it_while_there_are_pods_of_a_version_between():
    limits = Bounds(replicas=4, surge=1, unavailable=0)
    sizes = basic(limits, (0, 4), pods("new", 2, 1), pods("stable", 2, 2), [pods("old", 1, 1)])
    assert sizes == {"new": 1, "stable": 2, "old": 1}


def test_older_sets_are_drained_before_the_others():
    limits = Bounds(replicas=10, surge=2, unavailable=0)
    sizes = basic(limits, (5, 5), pods("new", 0), pods("stable", 7), [pods("old", 5, 5)])
    assert sizes == {"new": 0, "stable": 7, "old": 3}


def test_unavailable_pods_of_older_sets_go_first():
    limits = Bounds(replicas=10, surge=0, unavailable=0)
    sizes = basic(limits, (10, 0), pods("new", 2, 0), None, [pods("newer", 4, 2), pods("older", 6, 6)])
    assert sizes["newer"] == 2
    assert sizes["older"] == 6


def test_the_oldest_set_is_drained_first():
    limits = Bounds(replicas=4, surge=2, unavailable=0)
    sizes = basic(limits, (4, 0), pods("new", 4, 4), None, [pods("newer", 2), pods("older", 2)])
    assert sizes == {"new": 4, "newer": 0, "older": 0}
    sizes = basic(limits, (4, 0), pods("new", 2, 2), None, [pods("newer", 2), pods("older", 2)])
    assert sizes["older"] == 0
    assert sizes["newer"] == 2


COUNT = st.integers(0, 20)


@given(st.integers(1, 20), st.integers(0, 100), st.tuples(COUNT, COUNT), st.data())
def test_no_pass_goes_beyond_the_bounds(replicas, weight, room, data):
    surge, unavailable = room
    if surge == 0 and unavailable == 0:
        unavailable = 1
    new, stable = (data.draw(st.tuples(COUNT, COUNT), label=name) for name in ("new", "stable"))
    limits = Bounds(replicas=replicas, surge=surge, unavailable=min(unavailable, replicas))
    sets = (pods("new", new[0], min(new)), pods("stable", stable[0], min(stable)))
    sizes = basic(limits, split(replicas, weight, surge), *sets)
    before = sum(each.desired for each in sets)
    assert sum(sizes.values()) <= max(limits.most, before)
    # Unavailable pods are deleted first, so what stays available is the least of both.
    available = sum(min(each.available, sizes[each.name]) for each in sets)
    assert available >= min(limits.least, sum(each.available for each in sets))


@given(st.integers(1, 12), st.integers(0, 100), st.integers(0, 3), st.integers(0, 3))
def test_the_passes_arrive_at_the_split(replicas, weight, surge, unavailable):
    limits = Bounds(replicas=replicas, surge=surge, unavailable=min(unavailable, replicas) or (not surge))
    want = split(replicas, weight, surge)
    new, stable = pods("new", 0), pods("stable", replicas)
    for _ in range(60):
        sizes = basic(limits, want, new, stable)
        new = replace(pods("new", sizes["new"]))
        stable = replace(pods("stable", sizes["stable"]))
    assert (new.desired, stable.desired) == want


SEVEN = {"setCanaryScale": {"replicas": 7}}


def at_step(*steps, index=0, carried=0, replicas=10, abort=False, **more) -> World:
    world = World(strategy=with_routing(*steps, **more), replicas=replicas)
    world.weights = Weights(canary=carried)
    world.status = RolloutStatus(current_step_index=index, abort=abort)
    return world


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (at_step({"setWeight": 25}), (3, 10)),
        (at_step({"setWeight": 0}), (0, 10)),
        (at_step({"setWeight": 60}, {"setWeight": 20}, index=1, carried=60), (6, 10)),
        (at_step({"setWeight": 60}, {"setWeight": 20}, index=1, carried=20), (2, 10)),
        (at_step(SEVEN), (7, 10)),
        (at_step({"setCanaryScale": {"weight": 50}}), (5, 10)),
        (at_step(SEVEN, {"setCanaryScale": {"matchTrafficWeight": True}}, index=1), (0, 10)),
        (at_step({"setWeight": 10}, minPodsPerReplicaSet=2), (2, 10)),
        (at_step({"setWeight": 10}, minPodsPerReplicaSet=2, replicas=1), (1, 1)),
        (at_step({"setWeight": 0}, minPodsPerReplicaSet=2), (0, 10)),
        (at_step({"setWeight": 60}, dynamicStableScale=True), (6, 10)),
        (at_step({"setWeight": 60}, dynamicStableScale=True, carried=60), (6, 4)),
        (at_step({"setWeight": 99}, dynamicStableScale=True, carried=99, minPodsPerReplicaSet=2), (10, 2)),
        (at_step({"setWeight": 60}, dynamicStableScale=True, carried=60, abort=True), (6, 10)),
        (at_step({"setWeight": 60}, SEVEN, index=1, dynamicStableScale=True, carried=60), (7, 10)),
        (
            at_step(
                {"setWeight": 60}, {"setCanaryScale": {"weight": 20}}, index=1, dynamicStableScale=True,
                carried=60,
            ),
            (2, 8),
        ),
        (
            at_step(
                {"setCanaryScale": {"weight": 50}}, {"setWeight": 20}, index=1, dynamicStableScale=True,
                carried=30,
            ),
            (5, 8),
        ),
        (at_step({"setWeight": 60}, index=1), (10, 10)),
        (at_step({"setWeight": 60}, index=1, dynamicStableScale=True, carried=100), (10, 0)),
    ],
)  # fmt: skip
def test_pods_follow_the_weight_with_traffic_routing(world, expected):
    assert routed(world.seen) == expected


@pytest.mark.parametrize(
    ("threshold", "count", "expected"),
    [
        (None, 10, 10),
        ({"type": "Percent", "value": 90}, 10, 9),
        ({"type": "Percent", "value": 50}, 3, 2),
        ({"type": "Percent", "value": 200}, 3, 3),
        ({"type": "Pods", "value": 4}, 10, 4),
        ({"type": "Pods", "value": 40}, 10, 10),
        ({"type": "Shoes", "value": 4}, 10, 4),
        ({"type": "Pods", "value": -1}, 10, 10),
    ],
)
def test_a_threshold_says_how_many_pods_are_enough(threshold, count, expected):
    more = {"replicaProgressThreshold": threshold} if threshold else {}
    assert enough(World(strategy=canary(**more)).rollout, count) == expected
