"""Experiments are refused by name, and those that have ended are left as they are."""

from typing import Any

from rollouts.embedded.world import World
from rollouts.kube.resources import EVENTS, EXPERIMENTS
from tests.world.simulated import simulated


def experiment(**more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "duel"},
        "spec": {
            "templates": [
                {
                    "name": "baseline",
                    "selector": {"matchLabels": {"app": "duel"}},
                    "template": {
                        "metadata": {"labels": {"app": "duel"}},
                        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                    },
                }
            ]
        },
        **more,
    }


@simulated
async def test_an_experiment_is_refused_by_condition_and_event(world: World) -> None:
    await world.apply(experiment())
    await world.run(seconds=5)
    status = (await world.client.get(EXPERIMENTS, "duel", world.namespace))["status"]
    assert status["phase"] == "Error"
    [condition] = status["conditions"]
    assert (condition["type"], condition["status"]) == ("InvalidSpec", "True")
    assert condition["message"] == ".spec: experiments are not run yet; remove the object"
    assert world.events("duel") == ["InvalidSpec"]
    writes = len(world.writes)
    await world.run(minutes=10)
    assert len(world.writes) == writes


@simulated
async def test_an_experiment_that_has_ended_keeps_what_came_of_it(world: World) -> None:
    await world.apply(experiment(status={"phase": "Successful"}))
    await world.run(seconds=5)
    found = await world.client.get(EXPERIMENTS, "duel", world.namespace)
    assert found["status"] == {"phase": "Successful"}
    assert world.objects(EVENTS) == ()
