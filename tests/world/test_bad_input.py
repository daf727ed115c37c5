"""A change without sense is said by condition and event; what runs goes on, and mending it is enough."""

from collections.abc import Callable
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World
from rollouts.kube.resources import EVENTS
from tests.world.simulated import GATED, canary, ingress, rollout, routed, service, success_rate

Change = Callable[[], list[Object]]


def shop(**spec: Any) -> Object:
    """Version 2 of the shop."""
    made = rollout(canary(*GATED))
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:v2"
    made["spec"].update(spec)
    return made


def empty_step() -> list[Object]:
    return [shop(strategy=canary({}))]


def two_strategies() -> list[Object]:
    return [shop(strategy={**canary(*GATED), "blueGreen": {"activeService": "shop-stable"}})]


def missed_template() -> list[Object]:
    made = shop()
    made["spec"]["template"]["metadata"]["labels"] = {"app": "shpo"}
    return [made]


def service_of_another() -> list[Object]:
    return [shop(strategy={"blueGreen": {"activeService": "other-active"}})]


def port_that_is_not_there() -> list[Object]:
    wrong = ingress()
    wrong["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["number"] = 8081
    return [wrong, shop()]


def broken_condition() -> list[Object]:
    return [success_rate(successCondition="result >="), shop()]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (empty_step, (".spec.strategy.canary.steps[0]",)),
        (two_strategies, (".spec.strategy", "Multiple Strategies")),
        (missed_template, (".spec.template.metadata.labels", "app")),
        (service_of_another, ('Service "other-active"', '"other"', "services of its own")),
        (port_that_is_not_there, ('Ingress "shop"', "8081", '"shop-stable"', "80", ".backend.service.port")),
        (broken_condition, ('AnalysisTemplate "success-rate"', ".successCondition", '"result >="')),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_runs_goes_on_and_the_change_arrives_once_it_is_mended(
    change: Change, words: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with World() as world:
            other = rollout({"blueGreen": {"activeService": "other-active"}}, name="other", replicas=1)
            await world.apply(*routed(*GATED), other, service("other-active", "other"))
            await world.run(minutes=1)
            before = world.replica_sets("shop")
            unserved = world.load.unserved
            await world.apply(*change())
            await world.set_image("other", "other=other:v2")
            await world.run(minutes=10)
            (condition,) = [c for c in world.status("shop")["conditions"] if c["type"] == "InvalidSpec"]
            for word in words:
                assert word in condition["message"], condition["message"]
            assert [e["message"] for e in events(world, "shop")] == [condition["message"]]
            assert {image: n for image, n in world.replica_sets("shop").items() if n} == before
            assert world.traffic("shop") == {"stable": 100}
            assert (world.phase("shop"), world.phase("other")) == ("Degraded", "Healthy")
            assert world.replica_sets("other")["other:v2"] == 1
            await world.apply(*routed(*GATED), shop())
            await world.run(minutes=10)
            assert world.phase("shop") == "Healthy"
            assert world.replica_sets("shop")["shop:v2"] == 4
            assert world.load.unserved == unserved

    run(story())


def events(world: World, name: str) -> list[Object]:
    """Warnings about what a rollout is."""
    found = world.objects(EVENTS)
    return [e for e in found if e["involvedObject"]["name"] == name and e["reason"] == "InvalidSpec"]
