"""A canary with traffic routing and analysis, from one end to the other."""

from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World
from rollouts.kube.resources import INGRESSES, PODS, ROLLOUTS
from tests.world.simulated import GATED, deployed, routed, simulated


def distinct(world: World) -> list[dict[str, int]]:
    """Where the requests went, each change once."""
    found: list[dict[str, int]] = []
    for _, split in world.samples:
        if not found or found[-1] != split:
            found.append(split)
    return found


@simulated
async def test_the_first_version_is_deployed_without_steps(world: World) -> None:
    await world.apply(*routed(*GATED))
    await world.run(seconds=20)
    assert world.phase("shop") == "Healthy"
    assert world.traffic("shop") == {"stable": 100}
    assert world.replica_sets("shop") == {"shop:v1": 4}


@simulated
async def test_a_good_version_walks_the_steps_and_is_promoted(world: World) -> None:
    await deployed(world, *routed(*GATED))
    world.sample("shop")
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=10)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 4}
    assert [split.get("canary", 0) for split in distinct(world)] == [0, 10, 50, 0]
    assert world.load.unserved == 0
    assert world.events("shop").count("AnalysisRunSuccessful") == 2


@simulated
async def test_a_bad_version_returns_all_traffic_to_stable_and_the_rollout_is_degraded(world: World) -> None:
    await deployed(world, *routed(*GATED))
    world.sample("shop")
    world.degrade("v2", error_rate=0.2)
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=10)
    assert world.phase("shop") == "Degraded"
    assert world.traffic("shop") == {"stable": 100}
    assert max(split.get("canary", 0) for _, split in world.samples) == 10
    assert world.replica_sets("shop") == {"shop:v1": 4, "shop:v2": 0}
    assert world.load.unserved == 0
    # What Git or a user asked for is not touched: it is for them to say what comes next.
    template = world.rollout("shop")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "shop:v2"


@simulated
async def test_a_canary_behind_the_gateway_api_walks_the_same_steps(world: World) -> None:
    refs = [{"name": "shop-stable", "port": 80}, {"name": "shop-canary", "port": 80, "weight": 0}]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop"},
        "spec": {"hostnames": ["shop.example.com"], "rules": [{"backendRefs": refs}]},
    }
    plugin = {"argoproj-labs/gatewayAPI": {"httpRoute": "shop", "namespace": "default"}}
    steps = ({"setWeight": 25}, {"pause": {"duration": 30}}, {"setWeight": 75}, {"pause": {"duration": 30}})
    objects = routed(*steps, trafficRouting={"plugins": plugin})
    await deployed(world, route, *(each for each in objects if each["kind"] != "Ingress"))
    world.sample("shop")
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=5)
    assert world.phase("shop") == "Healthy"
    assert [split.get("canary", 0) for split in distinct(world)] == [0, 25, 75, 0]
    assert world.load.unserved == 0


@simulated
async def test_a_background_analysis_takes_a_bad_version_back_in_the_middle_of_a_pause(world: World) -> None:
    analysis = {"templates": [{"templateName": "success-rate"}], "startingStep": 1}
    objects = routed({"setWeight": 20}, {"pause": {}}, analysis=analysis)
    del objects[3]["spec"]["metrics"][0]["count"]
    await deployed(world, *objects)
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=10)
    assert (world.phase("shop"), world.traffic("shop")) == ("Paused", {"canary": 20, "stable": 80})
    world.degrade("v2", error_rate=0.3)
    await world.run(minutes=3)
    assert (world.phase("shop"), world.traffic("shop")) == ("Degraded", {"stable": 100})


@simulated
async def test_a_newer_version_takes_the_place_of_one_under_way(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    assert world.phase("shop") == "Paused"
    await world.set_image("shop", "shop=shop:v3")
    await world.run(minutes=2)
    assert world.phase("shop") == "Paused"
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    assert world.replica_sets("shop") == {"shop:v1": 4, "shop:v2": 0, "shop:v3": 1}
    assert world.load.unserved == 0


@simulated
async def test_going_back_to_the_stable_version_needs_no_steps(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    await world.set_image("shop", "shop=shop:v1")
    await world.run(minutes=2)
    assert world.phase("shop") == "Healthy"
    assert world.traffic("shop") == {"stable": 100}
    assert world.load.unserved == 0


@simulated
async def test_a_canary_that_never_becomes_ready_gets_no_traffic_and_is_degraded(world: World) -> None:
    objects = routed({"setWeight": 20}, {"pause": {"duration": 10}})
    objects[-1]["spec"]["progressDeadlineSeconds"] = 60
    await deployed(world, *objects)
    world.sample("shop")
    world.break_image("shop:v2")
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=5)
    assert world.phase("shop") == "Degraded"
    assert distinct(world) == [{"stable": 100}]


@simulated
async def test_the_weight_of_the_route_is_put_right_when_somebody_changes_it(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    await world.annotate_ingress("shop-shop-canary", "nginx.ingress.kubernetes.io/canary-weight", "90")
    await world.run(seconds=5)
    assert world.traffic("shop") == {"canary": 20, "stable": 80}


@simulated
async def test_a_deleted_rollout_takes_its_pods_along_and_gives_its_services_back(world: World) -> None:
    await deployed(world, *routed(*GATED))
    await world.client.delete(ROLLOUTS, "shop", world.namespace)
    await world.run(minutes=2)
    assert world.objects(PODS) == ()
    for name in ("shop-stable", "shop-canary"):
        service = world.service(name)
        assert service["spec"]["selector"] == {"app": "shop"}
        assert not service["metadata"].get("annotations")


def test_the_same_story_is_told_the_same_way_every_time() -> None:
    async def story() -> list[str]:
        async with World() as world:
            await deployed(world, *routed(*GATED))
            await world.set_image("shop", "shop=shop:v2")
            await world.run(minutes=5)
            return [f"{request.method} {request.path} {request.body}" for request in world.writes]

    assert run(story()) == run(story())


@simulated
async def test_the_canary_ingress_follows_a_rule_that_the_stable_one_gets_between_two_steps(
    world: World,
) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=2)
    stable, canary_ingress = (world.objects(INGRESSES)[i] for i in range(2))
    if stable["metadata"]["name"] != "shop":
        stable, canary_ingress = canary_ingress, stable
    rules = [*stable["spec"]["rules"], {**stable["spec"]["rules"][0], "host": "second.example.com"}]
    await world.client.patch(INGRESSES, "shop", {"spec": {"rules": rules}}, world.namespace)
    await world.run(seconds=5)
    followed = await world.client.get(INGRESSES, canary_ingress["metadata"]["name"], world.namespace)
    assert [rule["host"] for rule in followed["spec"]["rules"]] == [rule["host"] for rule in rules]
    assert world.traffic("shop")["canary"] == 20
