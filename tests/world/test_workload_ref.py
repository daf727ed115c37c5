"""A rollout that takes its template from a Deployment, and takes over from it."""

import pytest

from rollouts.api.meta import Object
from rollouts.embedded.world import World
from rollouts.kube.resources import DEPLOYMENTS, REPLICA_SETS
from tests.world.simulated import canary, deployed, rollout, simulated

GENERATION = "rollout.argoproj.io/workload-generation"


def deployment(image: str = "shop:v1", replicas: int = 4) -> Object:
    """Of the same web server."""
    spec = rollout({})["spec"]
    spec["template"]["spec"]["containers"][0]["image"] = image
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {"replicas": replicas, "selector": spec["selector"], "template": spec["template"]},
    }


def referring(**ref: str) -> Object:
    """A Rollout without a template and a selector of its own."""
    made = rollout(
        {"canary": {}}, workloadRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    )
    made["spec"]["workloadRef"] |= ref
    del made["spec"]["template"], made["spec"]["selector"]
    return made


async def pods(world: World) -> int:
    """How many the Deployment is to have."""
    return int((await world.client.get(DEPLOYMENTS, "shop", "default"))["spec"]["replicas"])


@simulated
async def test_a_rollout_follows_the_template_of_a_deployment_and_keeps_a_spec_without_one(
    world: World,
) -> None:
    await deployed(world, deployment(), referring())
    await world.apply(deployment("shop:v2"))
    await world.run(minutes=2)
    found, status = world.rollout("shop"), world.status("shop")
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 4}
    assert status["workloadObservedGeneration"] == found["metadata"]["annotations"][GENERATION] == "2"
    assert not {"template", "selector"} & found["spec"].keys()
    sets = [each["metadata"] for each in world.objects(REPLICA_SETS)]
    ours = [each for each in sets if each["ownerReferences"][0]["kind"] == "Rollout"]
    assert sorted(each["annotations"][GENERATION] for each in ours) == ["1", "2"]


@simulated
async def test_a_rollout_is_invalid_until_its_deployment_is_there_and_while_it_is_gone(world: World) -> None:
    await world.apply(referring())
    await world.run(seconds=30)
    assert world.phase("shop") == "Degraded"
    assert 'Deployment "shop" not found in namespace default; create it' in world.status("shop")["message"]
    await deployed(world, deployment())
    await world.patch("shop", {"spec": {"workloadRef": {"name": "other"}}})
    await world.run(minutes=2)
    assert world.phase("shop") == "Degraded"
    assert world.replica_sets("shop") == {"shop:v1": 4}


@simulated
async def test_a_rollout_that_no_longer_refers_to_a_deployment_forgets_its_generation(world: World) -> None:
    await deployed(world, deployment(), referring())
    own = {key: deployment()["spec"][key] for key in ("template", "selector")}
    await world.patch("shop", {"spec": {"workloadRef": None, **own}})
    await world.run(minutes=1)
    assert world.phase("shop") == "Healthy"
    assert "workloadObservedGeneration" not in world.status("shop")
    assert GENERATION not in world.rollout("shop")["metadata"].get("annotations", {})


@pytest.mark.parametrize(("when", "left"), [("never", 4), ("onsuccess", 0), ("progressively", 0)])
def test_the_deployment_is_scaled_down_as_asked_for_the_first_version_alone(when: str, left: int) -> None:
    @simulated
    async def story(world: World) -> None:
        await deployed(world, deployment(), referring(scaleDown=when))
        await world.run(seconds=30)
        assert await pods(world) == left
        await world.apply(deployment("shop:v2", replicas=0))
        await world.run(minutes=2)
        await world.apply(deployment("shop:v2", replicas=3))
        await world.run(minutes=2)
        assert (world.phase("shop"), await pods(world)) == ("Healthy", 3)

    story()


@simulated
async def test_the_deployment_keeps_its_pods_while_those_of_the_rollout_never_come_up(world: World) -> None:
    world.break_image("shop:v1")
    await world.apply(deployment(), referring(scaleDown="progressively"))
    await world.run(minutes=2)
    assert await pods(world) == 4


@simulated
async def test_a_reference_to_another_kind_is_refused_by_name(world: World) -> None:
    await world.apply(referring(kind="StatefulSet"))
    await world.run(seconds=30)
    assert "workload of type apps/StatefulSet is not supported" in world.status("shop")["message"]


@simulated
async def test_a_selector_that_does_not_find_the_pods_of_the_deployment_is_told(world: World) -> None:
    other = referring()
    other["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    await world.apply(deployment(), other)
    await world.run(seconds=30)
    assert "`selector` does not match template `labels`" in world.status("shop")["message"]


@simulated
async def test_a_version_of_a_deployment_goes_through_the_steps(world: World) -> None:
    made = referring()
    made["spec"]["strategy"] = {
        "canary": {"steps": canary({"setWeight": 25}, {"pause": {}})["canary"]["steps"]}
    }
    await deployed(world, deployment(), made)
    await world.apply(deployment("shop:v2"))
    await world.run(minutes=1)
    assert (world.phase("shop"), world.replica_sets("shop")) == ("Paused", {"shop:v1": 3, "shop:v2": 1})
