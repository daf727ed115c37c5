"""Built-in metrics of canary and stable: each request counts in one look, whatever happens in between."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.providers.traffic import TrafficProvider
from tests.analysis.providers.compared import SIDES, World, errors, values
from tests.controller.api import virtually


@virtually
async def test_what_both_sides_counted_since_the_look_before_is_the_value():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=1000, stable=5000)
    world.envoy.bad.update(canary=7, stable=3)
    first = await world.look()
    assert (first.phase, first.resume_at) == ("Running", world.clock() + timedelta(seconds=10))
    world.envoy.good.update(canary=9, stable=88)
    world.envoy.bad.update(canary=1, stable=2)
    second = await world.look(after=10)
    assert (second.phase, values(second)) == ("", errors((10, 1), (90, 2)))
    assert second.metadata["window"] == "10s"
    world.envoy.good.update(canary=4, stable=50)
    third = await world.look(after=12)
    assert (values(third), third.metadata["window"]) == (errors((4, 0), (50, 0)), "12s")


@virtually
async def test_latency_is_counted_in_buckets_whose_bounds_are_seconds():
    world = World(metric="latency")
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=10, stable=90)
    world.envoy.slow.update(canary=3)
    assert values(await world.look(after=10)) == {
        "canary": {"requests": 10, "buckets": {"0.01": 7, "1": 10, "+Inf": 10}},
        "stable": {"requests": 90, "buckets": {"0.01": 90, "1": 90, "+Inf": 90}},
    }


@virtually
async def test_baseline_pods_are_counted_where_the_run_has_them():
    world = World(baseline=True)
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=10, stable=80, baseline=9)
    world.envoy.bad.update(baseline=1)
    found = values(await world.look(after=10))
    assert found == {**errors((10, 0), (80, 0)), "baseline": {"requests": 10, "errors": 1}}


@virtually
async def test_looking_too_early_waits_and_counts_nothing_twice():
    world = World()
    await world.routed()
    first = await world.look()
    world.envoy.good.update(canary=5, stable=5)
    early = await world.look(after=4)
    assert (early.phase, early.resume_at) == ("Running", first.resume_at)
    world.envoy.good.update(canary=1, stable=1)
    assert values(await world.look(after=6)) == errors((6, 0), (6, 0))


@virtually
async def test_a_look_long_after_the_last_one_counts_all_that_was_in_between():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=5, stable=5)
    await world.look(after=10)
    world.envoy.good.update(canary=500, stable=600)
    assert values(await world.look(after=3600)) == errors((500, 0), (600, 0))


@pytest.mark.parametrize(
    "cut", ["envoy_cluster_upstream_rq_xx{a=", "<html>Sign in</html>\n", '{"a": 1}\n', {"a": 1}, None]
)
@virtually
async def test_after_looks_that_failed_nothing_is_missing(cut):
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=5, stable=5)
    for _ in range(12):
        world.envoy.text = cut
        failed = await world.look(after=10)
        assert failed.phase == "Error"
        assert "not in Prometheus' text format, or were cut off" in failed.message
    world.envoy.text = ...
    world.envoy.code = 503
    assert (await world.look(after=10)).phase == "Error"
    world.envoy.code = 200
    world.envoy.good.update(canary=1, stable=2)
    assert values(await world.look(after=10)) == errors((6, 0), (7, 0))


@virtually
async def test_a_counter_that_is_named_twice_is_an_error():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=5)
    world.envoy.text = "".join(f"{line}\n" for line in [*world.envoy.lines("canary")] * 2)
    failed = await world.look()
    assert failed.message == 'traffic: Envoy names the counter "2" of cluster "shop/web-canary/80" twice'


@virtually
async def test_a_reset_of_all_counters_counts_what_they_show_since():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=1000, stable=1000)
    world.envoy.bad.update(canary=10, stable=10)
    await world.look()
    for side in SIDES:
        world.envoy.forget(side)
    world.envoy.good.update(canary=10, stable=1200)
    world.envoy.bad.update(canary=12, stable=1)
    assert values(await world.look(after=10)) == errors((22, 12), (1201, 1))


@virtually
async def test_a_reset_of_one_side_leaves_the_other_alone():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=1000, stable=1000)
    await world.look()
    world.envoy.forget("canary")
    world.envoy.good.update(canary=3, stable=50)
    world.envoy.bad.update(canary=2)
    assert values(await world.look(after=10)) == errors((5, 2), (50, 0))


@virtually
async def test_a_series_that_appears_counts_from_nothing_and_one_that_vanishes_is_a_reset():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=100, stable=100)
    world.envoy.bad.update(stable=5)
    await world.look()
    world.envoy.bad.update(canary=2)
    world.envoy.forget("stable")
    world.envoy.good.update(canary=8, stable=40)
    assert values(await world.look(after=10)) == errors((10, 2), (40, 0))


@virtually
async def test_a_side_that_joins_later_has_no_past():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=100, stable=100, baseline=1000)
    await world.look()
    world.add_baseline()
    world.envoy.good.update(canary=1, stable=1, baseline=1)
    assert values(await world.look(after=10))["baseline"] == {"requests": 0, "errors": 0}
    world.envoy.good.update(canary=1, stable=1, baseline=7)
    assert values(await world.look(after=10))["baseline"] == {"requests": 7, "errors": 0}


@virtually
async def test_a_canary_without_requests_is_no_data():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(stable=90)
    nothing = await world.look(after=10)
    assert (nothing.phase, nothing.value) == ("", "")
    assert nothing.message == 'Service "web-canary" answered 0 requests in 10s, fewer than 1'
    world.envoy.good.update(canary=10, stable=80)
    assert values(await world.look(after=10)) == errors((10, 0), (80, 0))


@virtually
async def test_too_few_requests_of_the_canary_count_in_the_next_look():
    world = World(minRequests=5)
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=3, stable=80)
    world.envoy.bad.update(canary=1)
    assert (await world.look(after=10)).message.endswith("answered 4 requests in 10s, fewer than 5")
    world.envoy.good.update(canary=3, stable=80)
    found = await world.look(after=10)
    assert (values(found), found.metadata["window"]) == (errors((7, 1), (160, 0)), "20s")


@virtually
async def test_a_stable_version_without_requests_leaves_the_canary_to_be_judged_alone():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=10)
    world.envoy.bad.update(canary=10)
    assert values(await world.look(after=10)) == errors((20, 10), (0, 0))


@virtually
async def test_a_side_that_no_route_leads_to_is_an_error_that_names_it():
    world = World()
    await world.routed("canary")
    assert 'sends traffic to Service "web-stable"; create one' in (await world.look()).message


@virtually
async def test_a_service_cannot_be_compared_with_itself():
    world = World(stableService="web-canary")
    await world.routed()
    assert "two sides of the comparison are the same Service" in (await world.look()).message


@virtually
async def test_a_clock_that_was_set_back_holds_up_one_window_and_loses_nothing():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=5, stable=5)
    ahead = {**world.previous.metadata, "since": (world.clock() + timedelta(hours=1)).isoformat()}
    world.previous = world.previous.model_copy(update={"metadata": ahead})
    again = await world.look(after=10)
    assert (again.phase, again.resume_at) == ("Running", world.clock() + timedelta(seconds=10))
    world.envoy.good.update(canary=1, stable=1)
    assert values(await world.look(after=10)) == errors((6, 0), (6, 0))


@virtually
async def test_notes_that_were_tampered_with_begin_anew():
    world = World()
    await world.routed()
    await world.look()
    for notes in ({"since": "noon", "arms": "{}"}, {"since": "2026-01-01T00:00:00+00:00", "arms": "[]"}):
        world.previous = world.previous.model_copy(update={"metadata": notes})
        assert (await world.look()).phase == "Running"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["look", "early", "fails", "forgotten"]),
        st.integers(0, 5),
        st.integers(0, 3),
        st.integers(0, 50),
        st.integers(0, 3),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
@virtually
async def test_every_request_of_the_canary_counts_exactly_once(steps):
    """Over looks that succeed, come too early, fail, or are lost with the controller that took them."""

    world, seen = World(), Counter()
    await world.routed()
    await world.look()

    def note(measurement):
        for side, of in (values(measurement) or {}).items():
            seen.update({(side, name): count for name, count in of.items()})

    for how, good, bad, stable, stable_bad in steps:
        world.envoy.good.update(canary=good, stable=stable)
        world.envoy.bad.update(canary=bad, stable=stable_bad)
        if how == "forgotten":
            await asyncio.sleep(10)
            await TrafficProvider(world.client, world.clock, {}).measure(
                world.run, world.metric, world.previous
            )
            continue
        world.envoy.text = "cut" if how == "fails" else ...
        note(await world.look(after=3 if how == "early" else 10))
    world.envoy.text = ...
    world.envoy.good.update(canary=1)
    note(await world.look(after=10))
    good, bad = world.envoy.good["canary"], world.envoy.bad["canary"]
    assert seen["canary", "requests"] == good + bad
    assert seen["canary", "errors"] == bad
    assert seen["stable", "requests"] <= world.envoy.good["stable"] + world.envoy.bad["stable"]
