"""What an analysis has counted against what was really sent, whatever the controllers go through."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World
from rollouts.kube.resources import ANALYSIS_RUNS
from tests.places import REPOSITORY
from tests.world.simulated import canary, deployed, ingress, rollout, service

WEIGHT, PER_SECOND = 20, 50.0
STEPS = ({"setWeight": WEIGHT}, {"analysis": {}}, {"pause": {"duration": 10}})


def shop(looks: int, warm_up: str) -> list[Object | Path]:
    """A canary that is held against the example template as it is."""
    services = {"canary-service": "shop-canary", "stable-service": "shop-stable"}
    values = {**services, "looks": str(looks), "warm-up": warm_up}
    analysis = {
        "templates": [{"templateName": "canary-health", "clusterScope": True}],
        "args": [{"name": name, "value": value} for name, value in values.items()],
    }
    template = yaml.safe_load((REPOSITORY / "examples" / "analysis" / "canary-health.yaml").read_text())
    first, _, last = STEPS
    made = rollout(canary(first, {"analysis": analysis}, last))
    return [template, service("shop-stable"), service("shop-canary"), ingress(), made]


async def shipped(world: World, looks: int, warm_up: str = "2m", **behaviour: float) -> None:
    """One request in a hundred fails anyway; v2 may be worse."""
    world.degrade("v1", error_rate=0.01)
    world.degrade("v2", **{"error_rate": 0.01, **behaviour})
    await deployed(world, *shop(looks, warm_up))
    await world.set_image("shop", "shop=shop:v2")


def analysis(world: World) -> tuple[Object, dict[str, Object]]:
    (found,) = world.objects(ANALYSIS_RUNS)
    return found, {result["name"]: result for result in found["status"]["metricResults"]}


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("behaviour", "metric", "minutes"),
    [
        ({"error_rate": 0.05}, "errors", 5),
        ({"error_rate": 0.02}, "errors", 15),
        ({"latency_ms": 600.0}, "latency", 5),
    ],
    ids=["five times the errors", "twice the errors", "slow"],
)
def test_a_worse_version_is_taken_back_by_the_example_as_it_is(
    behaviour: dict[str, float], metric: str, minutes: float
) -> None:
    async def story() -> None:
        async with World(per_second=PER_SECOND) as world:
            await shipped(world, 60, **behaviour)
            await world.run_until(lambda: world.phase("shop") == "Degraded", minutes=minutes)
            found, results = analysis(world)
            assert found["status"]["phase"] == "Failed"
            assert results[metric]["phase"] == "Failed"
            assert results[metric]["evidence"]["reason"] in world.status("shop")["message"]

    run(story())


def test_a_version_that_is_as_good_passes_the_example_as_it_is_and_is_proven() -> None:
    async def story() -> None:
        async with World(per_second=PER_SECOND) as world:
            await shipped(world, 15)
            await world.run_until(lambda: world.phase("shop") == "Healthy", minutes=30)
            found, results = analysis(world)
            assert (found["status"]["phase"], results["errors"]["proven"]) == ("Successful", True)
            assert results["errors"]["evidence"]["looks"] == 15

    run(story())


@pytest.mark.parametrize("every", [1, 2, 3, 5, 8])
def test_every_request_is_counted_once_although_the_controllers_are_killed_at_their_writes(
    every: int,
) -> None:
    async def story() -> None:
        async with World(per_second=PER_SECOND) as world:
            await shipped(world, 8, warm_up="0s")
            while world.phase("shop") != "Healthy":
                world.crash_at_write(every)
                await world.run(seconds=20)
                if world.crashed:
                    await world.restart()
            found, results = analysis(world)
            result = results["errors"]
            began = time_of(found["status"]["startedAt"])
            ended = time_of(result["measurements"][-1]["finishedAt"])
            evidence = result["evidence"]
            assert evidence["looks"] == 8
            for side, share in (("canary", WEIGHT), ("reference", 100 - WEIGHT)):
                sent = (ended - began) / timedelta(seconds=1) * PER_SECOND * share / 100
                # Times are told in whole seconds, and the first look is a moment after the beginning.
                assert evidence[side]["requests"] == pytest.approx(sent, abs=PER_SECOND * 2)
                assert evidence[side]["bad"] == pytest.approx(sent / 100, abs=3)

    run(story())
