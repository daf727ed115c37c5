"""What users ask for are patches, the same as those of the kubectl plugin."""

from rollouts.api.meta import format_time
from rollouts.embedded.world import World
from rollouts.kube.resources import PODS, REPLICA_SETS
from tests.world.simulated import deployed, routed, simulated

STEPS = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


async def paused_at_first_pause(world: World) -> None:
    await deployed(world, *routed(*STEPS))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=1)
    assert (world.phase("shop"), world.status("shop")["currentStepIndex"]) == ("Paused", 1)


@simulated
async def test_promote_goes_past_the_pause(world: World) -> None:
    await paused_at_first_pause(world)
    await world.patch("shop", {"status": {"pauseConditions": None}}, status=True)
    await world.run(minutes=1)
    assert world.phase("shop") == "Paused"
    assert world.traffic("shop") == {"canary": 60, "stable": 40}


@simulated
async def test_full_promotion_goes_to_the_end(world: World) -> None:
    await paused_at_first_pause(world)
    await world.patch("shop", {"status": {"promoteFull": True}}, status=True)
    await world.run(minutes=2)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 4}
    assert not world.status("shop").get("promoteFull")
    assert world.load.unserved == 0


@simulated
async def test_abort_returns_the_traffic_and_retry_starts_again(world: World) -> None:
    await paused_at_first_pause(world)
    await world.patch("shop", {"status": {"abort": True}}, status=True)
    await world.run(seconds=10)
    assert world.phase("shop") == "Degraded"
    assert world.traffic("shop") == {"stable": 100}
    await world.run(minutes=2)
    assert world.replica_sets("shop") == {"shop:v1": 4, "shop:v2": 0}
    await world.patch("shop", {"status": {"abort": False}}, status=True)
    await world.run(minutes=1)
    assert world.phase("shop") == "Paused"
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    assert world.load.unserved == 0


@simulated
async def test_pause_holds_still_until_it_is_taken_back(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {"duration": 30}}, {"setWeight": 60}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(seconds=10)
    await world.patch("shop", {"spec": {"paused": True}})
    await world.run(minutes=10)
    assert world.phase("shop") == "Paused"
    assert world.traffic("shop") == {"canary": 20, "stable": 80}
    await world.patch("shop", {"spec": {"paused": False}})
    await world.run(minutes=5)
    assert world.phase("shop") == "Healthy"


@simulated
async def test_undo_brings_the_old_template_back_by_the_same_steps(world: World) -> None:
    await deployed(world, *routed({"setWeight": 20}, {"pause": {"duration": 10}}))
    await world.set_image("shop", "shop=shop:v2")
    await world.run(minutes=3)
    assert world.phase("shop") == "Healthy"
    old = next(
        each
        for each in world.objects(REPLICA_SETS)
        if each["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"
    )
    template = {**old["spec"]["template"]}
    labels = {**template["metadata"]["labels"]}
    del labels["rollouts-pod-template-hash"]
    template["metadata"] = {"labels": labels}
    await world.patch("shop", {"spec": {"template": template}})
    await world.run(minutes=3)
    assert world.phase("shop") == "Healthy"
    assert world.replica_sets("shop") == {"shop:v1": 4, "shop:v2": 0}
    assert world.rollout("shop")["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "3"


@simulated
async def test_restart_replaces_every_pod_and_changes_nothing_else(world: World) -> None:
    await deployed(world, *routed(*STEPS))
    before = {pod["metadata"]["name"] for pod in world.objects(PODS)}
    await world.run(seconds=30)
    await world.patch("shop", {"spec": {"restartAt": format_time(world.clock())}})
    await world.run(minutes=5)
    after = {pod["metadata"]["name"] for pod in world.objects(PODS)}
    assert world.phase("shop") == "Healthy"
    assert len(after) == 4
    assert not before & after
    assert world.load.unserved == 0
