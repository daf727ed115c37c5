"""Whatever befalls the controllers, the world ends up the same; and a settled world is left alone."""

import copy
import itertools
from datetime import timedelta

import pytest

from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World
from rollouts.kube.resources import REPLICA_SETS
from rollouts.kube.transport import Request
from strategies.revisions import pod_hash
from tests.faults.cluster import job_check
from tests.faults.model import Fault, ResetAfter, ResetBefore, is_write
from tests.faults.transport import Faulty
from tests.world.simulated import (
    GATED,
    deployed,
    ingress,
    rollout,
    routed,
    service,
    simulated,
    success_rate,
)


async def settled(world: World) -> tuple[object, ...]:
    status = world.status("shop")
    return (
        status["phase"],
        status["stableRS"],
        world.traffic("shop"),
        world.replica_sets("shop"),
        world.load.unserved,
    )


async def story(
    world: World, objects: list[Object], crash_at: int | None, *, bad: bool
) -> tuple[tuple[object, ...], int]:
    """Ship v2, and kill the controllers at their nth write; how it ended, and how much was written."""
    await deployed(world, *objects)
    if bad:
        world.degrade("v2", error_rate=0.3)
    before = len(world.writes)
    if crash_at is not None:
        world.crash_at_write(crash_at)
    await world.set_image("shop", "shop=shop:v2")
    since = world.clock()
    while world.clock() - since < timedelta(seconds=90):  # longer than any wait in these strategies
        count = len(world.writes)
        await world.run(seconds=2)
        if world.crashed:
            await world.run(seconds=5)
            await world.restart()
        if len(world.writes) > count:
            since = world.clock()
    return await settled(world), len(world.writes) - before


ROLLING = [service("shop"), ingress(service_name="shop"), rollout({"canary": {}}, replicas=5)]
BLUE_GREEN = [
    service("shop-active"),
    service("shop-preview"),
    ingress(service_name="shop-active"),
    job_check(),
    rollout(
        {
            "blueGreen": {
                "activeService": "shop-active",
                "previewService": "shop-preview",
                "prePromotionAnalysis": {"templates": [{"templateName": "smoke"}]},
            }
        }
    ),
]


@pytest.mark.parametrize(
    ("objects", "bad"),
    [(routed(*GATED), False), (routed(*GATED), True), (ROLLING, False), (BLUE_GREEN, False)],
    ids=["good canary", "bad canary", "rolling", "blue-green"],
)
def test_controllers_killed_at_any_write_lead_to_the_same_end(objects: list[Object], bad: bool) -> None:
    async def tell(crash_at: int | None) -> tuple[tuple[object, ...], int]:
        async with World() as world:
            return await story(world, copy.deepcopy(objects), crash_at, bad=bad)

    undisturbed, writes = run(tell(None))
    assert undisturbed[0] == ("Degraded" if bad else "Healthy")
    assert undisturbed[-1] == 0
    for crash_at in range(1, writes + 1):
        assert run(tell(crash_at))[0] == undisturbed, f"killed at write {crash_at} of {writes}"


@pytest.mark.parametrize("every", [2, 3, 5])
def test_writes_that_are_refused_and_answers_that_are_lost_change_nothing(every: int) -> None:
    async def tell(every: int | None) -> tuple[object, ...]:
        numbers = itertools.count(1)
        shipped = False

        def choose(request: Request) -> Fault | None:
            if every is None or not shipped or not is_write(request):
                return None
            return {0: ResetBefore(), 1: ResetAfter()}.get(next(numbers) % every)

        async with World(through=lambda inner: Faulty(inner, choose)) as world:
            await deployed(world, *routed(*GATED))
            shipped = True
            await world.set_image("shop", "shop=shop:v2")
            await world.run(minutes=10)
            return await settled(world)

    assert run(tell(every)) == run(tell(None))


@simulated
async def test_a_settled_world_is_not_written_to(world: World) -> None:
    await deployed(world, *routed(*GATED))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=10)
    count = len(world.writes)
    await world.run(minutes=60)
    assert world.writes[count:] == []


@simulated
async def test_controllers_that_start_over_a_settled_world_write_nothing(world: World) -> None:
    await deployed(world, *routed(*GATED))
    await world.run(minutes=2)
    count = len(world.writes)
    await world.restart()
    await world.run(minutes=20)
    assert world.writes[count:] == []


@simulated
async def test_a_pause_goes_on_counting_while_the_controllers_are_down(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {"duration": "5m"}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    await world.crash()
    await world.run(minutes=3)
    await world.restart()
    await world.run(seconds=30)
    assert world.phase("shop") == "Paused"
    await world.run(minutes=2)
    assert world.phase("shop") == "Healthy"


def broken(**changes: object) -> Object:
    obj = rollout({"canary": {"steps": [{"setWeight": 20}]}})
    obj["spec"].update(changes)
    return obj


@simulated
async def test_a_missing_service_is_named_and_the_rollout_goes_on_once_it_is_there(world: World) -> None:
    await world.apply(*(each for each in routed(*GATED) if each["metadata"]["name"] != "shop-canary"))
    await world.run(seconds=10)
    assert world.phase("shop") == "Degraded"
    message = world.status("shop")["message"]
    assert 'Service "shop-canary" not found' in message
    assert "InvalidSpec" in world.events("shop") or "InvalidSpec" in message
    await world.apply(service("shop-canary"))
    await world.run(minutes=1)
    assert world.phase("shop") == "Healthy"
    assert all(each["type"] != "InvalidSpec" for each in world.status("shop")["conditions"])


@simulated
async def test_templates_that_do_not_go_together_are_named_before_any_update_needs_them(world: World) -> None:
    names = ("success-rate", "again")
    twice = {"analysis": {"templates": [{"templateName": name} for name in names]}}
    template = success_rate("again")
    await world.apply(*routed({"setWeight": 10}, twice), template)
    await world.run(seconds=10)
    assert world.phase("shop") == "Degraded"
    assert "two metrics have the same name 'success-rate'" in world.status("shop")["message"]
    template["spec"]["metrics"][0]["name"] = "again"
    await world.apply(template)
    await world.run(minutes=1)
    assert world.phase("shop") == "Healthy"


@simulated
async def test_one_invalid_rollout_does_not_hold_up_another(world: World) -> None:
    bad = rollout({"canary": {}}, name="bad")
    bad["spec"]["strategy"] = {"canary": {}, "blueGreen": {"activeService": "x"}}
    await world.apply(bad)
    await deployed(world, *routed(*GATED))
    assert world.phase("bad") == "Degraded"
    assert "Multiple Strategies can not be listed" in world.status("bad")["message"]
    assert world.phase("shop") == "Healthy"


@simulated
async def test_a_service_of_another_rollout_is_not_taken_over(world: World) -> None:
    await deployed(world, *routed(*GATED))
    other = rollout({"blueGreen": {"activeService": "shop-stable"}}, name="thief")
    other["spec"]["template"]["metadata"]["labels"]["app"] = "shop"
    other["spec"]["selector"]["matchLabels"]["app"] = "shop"
    await world.apply(other)
    await world.run(minutes=1)
    assert 'Service "shop-stable" is managed by another Rollout' in world.status("thief")["message"]
    assert world.traffic("shop") == {"stable": 100}


@simulated
async def test_an_abort_works_although_the_spec_has_become_invalid(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    await world.patch("shop", {"spec": {"progressDeadlineSeconds": 5, "minReadySeconds": 9}})
    await world.run(seconds=30)
    assert "InvalidSpec" in world.status("shop")["message"]
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    await world.patch("shop", {"status": {"abort": True}}, status=True)
    await world.run(seconds=30)
    assert world.traffic("shop") == {"stable": 100}


@simulated
async def test_a_version_whose_replica_set_cannot_be_made_is_told_and_the_one_before_gives_way(
    world: World,
) -> None:
    """Its name is taken, which stands for whatever makes an API server refuse it."""
    await deployed(world, *routed({"setWeight": 20}, {"pause": {}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    template = copy.deepcopy(world.rollout("shop")["spec"]["template"])
    template["spec"]["containers"][0]["image"] = "shop:v3"
    taken = f"shop-{pod_hash(template)}"
    other = rollout({"canary": {}}, name="other")
    other |= {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": taken}}
    other["spec"] = {key: other["spec"][key] for key in ("selector", "template")} | {"replicas": 0}
    await world.apply(other)
    await world.set_image("shop", "shop=shop:v3")
    await world.run(minutes=1)
    assert world.traffic("shop") == {"stable": 100}
    (progressing,) = (each for each in world.status("shop")["conditions"] if each["type"] == "Progressing")
    assert progressing["reason"] == "ReplicaSetCreateError"
    assert f'"{taken}" exists and is not controlled by Rollout "shop"; delete it' in progressing["message"]
    assert "ReplicaSetCreateError" in world.events("shop")
    count = len(world.writes)
    await world.run(minutes=5)
    assert world.writes[count:] == []
    await world.client.delete(REPLICA_SETS, taken, "default")
    await world.run(minutes=1)
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
