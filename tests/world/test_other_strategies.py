"""Blue/green and rolling updates."""

from rollouts.api.meta import Object
from rollouts.embedded.world import World
from tests.world.simulated import deployed, ingress, rollout, service, simulated, success_rate


def blue_green(**more: object) -> list[Object]:
    strategy = {"blueGreen": {"activeService": "shop-active", "previewService": "shop-preview", **more}}
    return [
        service("shop-active"),
        service("shop-preview"),
        ingress(service_name="shop-active"),
        rollout(strategy, replicas=3),
    ]


@simulated
async def test_blue_green_switches_all_traffic_at_once_and_keeps_the_old_pods_a_while(world: World) -> None:
    await deployed(world, *blue_green())
    world.sample("shop")
    await world.set_image("shop", "shop=shop:v2")
    await world.run(seconds=20)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 3, "shop:v2": 3}
    assert all(len(split) == 1 for _, split in world.samples)
    await world.run(minutes=2)
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 3}
    assert world.load.unserved == 0


@simulated
async def test_blue_green_waits_for_a_human_when_told_to(world: World) -> None:
    await deployed(world, *blue_green(autoPromotionEnabled=False))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=10)
    assert world.phase("shop") == "Paused"
    assert world.traffic("shop")["stable"] > 0
    assert (
        world.service("shop-active")["spec"]["selector"]["rollouts-pod-template-hash"]
        == (world.status("shop")["stableRS"])
    )
    await world.patch("shop", {"status": {"pauseConditions": None}}, status=True)
    await world.run(minutes=2)
    assert world.phase("shop") == "Healthy"
    assert world.status("shop")["stableRS"] == world.status("shop")["currentPodHash"]


@simulated
async def test_blue_green_does_not_switch_to_a_version_that_fails_its_analysis(world: World) -> None:
    template = success_rate(
        provider={"traffic": {"metric": "success-rate", "service": "shop-preview", "window": "30s"}}
    )
    analysis = {"templates": [{"templateName": "success-rate"}]}
    await deployed(
        world, template, ingress("preview", "shop-preview"), *blue_green(prePromotionAnalysis=analysis)
    )
    world.degrade("v2", error_rate=0.5)
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=5)
    assert world.phase("shop") == "Degraded"
    active = world.service("shop-active")["spec"]["selector"]["rollouts-pod-template-hash"]
    assert active == world.status("shop")["stableRS"]
    assert world.replica_sets("shop") == {"shop:v1": 3, "shop:v2": 0}


@simulated
async def test_a_rolling_update_replaces_the_pods_without_losing_a_request(world: World) -> None:
    await deployed(world, service("shop"), ingress(service_name="shop"), rollout({"canary": {}}, replicas=5))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=3)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 5}
    assert world.load.unserved == 0


@simulated
async def test_a_canary_without_traffic_routing_shifts_pods(world: World) -> None:
    strategy = {"canary": {"steps": [{"setWeight": 20}, {"pause": {"duration": 30}}]}}
    await deployed(world, service("shop"), ingress(service_name="shop"), rollout(strategy, replicas=5))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(seconds=20)
    assert world.phase("shop") == "Paused"
    assert world.replica_sets("shop") == {"shop:v1": 4, "shop:v2": 1}
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    await world.run(minutes=2)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 5}
    assert world.load.unserved == 0


@simulated
async def test_a_rollout_is_scaled_at_any_time(world: World) -> None:
    await deployed(world, service("shop"), rollout({"canary": {}}, replicas=2))
    await world.patch("shop", {"spec": {"replicas": 6}})
    await world.run(minutes=1)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 6}
