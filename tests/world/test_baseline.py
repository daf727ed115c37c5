"""Baseline pods in a simulated cluster: what the API holds, where requests go, what is left in the end."""

import copy
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import Object
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World
from rollouts.kube.resources import ANALYSIS_RUNS, HTTP_ROUTES, PODS, REPLICA_SETS, ROLLOUTS, SERVICES
from tests.world.simulated import canary, deployed, rollout, service, simulated, success_rate

COMPARED = {"analysis": {"templates": [{"templateName": "success-rate"}], "baseline": {"matchCanary": True}}}
STEPS = ({"setWeight": 25}, COMPARED, {"setWeight": 50}, {"pause": {"duration": 20}})
MEASURED = {"metric": "success-rate", "service": "shop-canary", "window": "5s"}
GATEWAY = {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "shop"}}}


def compared(*steps: Object, **more: Any) -> list[Object]:
    """Everything that a canary with a baseline needs."""
    backends = [{"name": name, "port": 80} for name in ("shop-stable", "shop-canary")]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop"},
        "spec": {"parentRefs": [{"name": "front"}], "rules": [{"backendRefs": backends}]},
    }
    front = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "front"},
        "spec": {
            "gatewayClassName": "envoy",
            "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
        },
    }
    return [
        service("shop-stable"),
        service("shop-canary"),
        front,
        route,
        success_rate(interval="5s", provider={"traffic": MEASURED}),
        rollout(canary(*(steps or STEPS), trafficRouting=GATEWAY, **more)),
    ]


def traces(world: World) -> list[str]:
    """What there is of a baseline, by kind and name."""
    sets = [
        obj for obj in world.objects(REPLICA_SETS) if BASELINE_OF in obj["metadata"].get("annotations", {})
    ]
    uids = {obj["metadata"]["uid"] for obj in sets}
    services = [obj for obj in world.objects(SERVICES) if obj["metadata"]["name"] == "shop-baseline"]
    pods = [obj for obj in world.objects(PODS) if obj["metadata"]["ownerReferences"][0]["uid"] in uids]
    refs = [
        ref
        for route in world.objects(HTTP_ROUTES)
        for ref in route["spec"]["rules"][0]["backendRefs"]
        if ref["name"] == "shop-baseline"
    ]
    return [
        *(f"{obj['kind']} {obj['metadata']['name']}" for obj in (*sets, *services, *pods)),
        *(f"backend with {ref['weight']}" for ref in refs),
    ]


async def comparing(world: World) -> None:
    """Ship v2 and wait until its analysis compares."""
    await world.set_image("shop", "shop=shop:v2")
    await world.run_until(lambda: bool(world.objects(ANALYSIS_RUNS)), minutes=5)


@simulated
async def test_canary_and_baseline_share_alike_and_stable_has_the_rest(world: World) -> None:
    await deployed(world, *compared())
    await comparing(world)
    assert world.traffic("shop") == {"baseline": 25, "canary": 25, "stable": 50}
    assert world.replica_sets("shop") == {"shop:v1": 4, "shop:v2": 1, "baseline": 1}
    (analysis,) = world.objects(ANALYSIS_RUNS)
    base = next(obj for obj in world.objects(REPLICA_SETS) if BASELINE_OF in obj["metadata"]["annotations"])
    pod_hash = base["metadata"]["labels"]["rollouts-pod-template-hash"]
    assert analysis["spec"]["baseline"] == {"service": "shop-baseline", "podTemplateHash": pod_hash}
    made = world.service("shop-baseline")
    assert made["spec"]["selector"] == {"app": "shop", "rollouts-pod-template-hash": pod_hash}
    assert [(port["port"], port["targetPort"]) for port in made["spec"]["ports"]] == [(80, 8080)]
    owner = world.rollout("shop")["metadata"]["uid"]
    for obj in (base, made):
        assert [each["uid"] for each in obj["metadata"]["ownerReferences"]] == [owner]
    told = world.status("shop")["canary"]["weights"]
    assert told["additional"] == [{"podTemplateHash": pod_hash, "serviceName": "shop-baseline", "weight": 25}]
    assert told["stable"]["weight"] == 50


def compared_by_a_judge() -> list[Object]:
    """A step that ends once the canary is proven good, compared with its baseline by counts."""
    proves: Object = {
        "interval": "5s",
        "count": 60,
        "judge": {"sequential": {"proveRatio": 10}},
        "warmUp": "2s",
    }
    traffic = {"metric": "success-rate", "service": "shop-canary", "stableService": "shop-stable"}
    template = success_rate("proof", provider={"traffic": traffic}, **proves)
    del template["spec"]["metrics"][0]["successCondition"]
    by_proof = {"templates": [{"templateName": "proof"}], "advance": "evidence"}
    steps = ({"setWeight": 25}, {"analysis": by_proof | {"baseline": {"matchCanary": True}}}, {"pause": {}})
    return [template, *compared(*steps)]


@simulated
async def test_the_judge_compares_with_the_baseline_and_says_so(world: World) -> None:
    world.degrade("v1", error_rate=0.05)
    world.degrade("v2", error_rate=0.05)
    await deployed(world, *compared_by_a_judge())
    await world.set_image("shop", "shop=shop:v2")
    await world.run_until(lambda: world.phase("shop") == "Paused", minutes=10)
    (analysis,) = world.objects(ANALYSIS_RUNS)
    (result,) = analysis["status"]["metricResults"]
    assert analysis["status"]["proven"]
    assert result["evidence"]["against"] == "baseline", result["evidence"]
    assert traces(world) == []


@simulated
async def test_harm_that_the_comparison_with_the_baseline_proves_takes_both_away(world: World) -> None:
    world.degrade("v1", error_rate=0.05)
    world.degrade("v2", error_rate=0.4)
    await deployed(world, *compared_by_a_judge())
    await world.set_image("shop", "shop=shop:v2")
    await world.run_until(lambda: world.phase("shop") == "Degraded", minutes=10)
    await world.run(minutes=1)
    assert world.status("shop")["abort"]
    assert world.traffic("shop") == {"stable": 100}
    assert traces(world) == []


@simulated
async def test_after_the_step_nothing_of_it_is_left_and_no_request_was_lost(world: World) -> None:
    await deployed(world, *compared())
    await comparing(world)
    await world.run_until(lambda: world.status("shop")["currentStepIndex"] == 3, minutes=5)
    await world.run(seconds=2)
    assert traces(world) == []
    await world.run_until(lambda: world.phase("shop") == "Healthy", minutes=5)
    assert world.load.unserved == 0
    assert {"BaselineCreated", "BaselineDeleted"} <= {*world.events("shop")}


@simulated
async def test_without_requests_lost_it_survives_an_abort_with_a_stable_version_that_shrank(
    world: World,
) -> None:
    steps = ({"setWeight": 50}, COMPARED)
    await deployed(world, *compared(*steps, dynamicStableScale=True))
    await comparing(world)
    await world.run(seconds=5)
    assert world.traffic("shop") == {"baseline": 50, "canary": 50}
    assert world.replica_sets("shop") == {"shop:v1": 2, "shop:v2": 2, "baseline": 2}
    await world.patch("shop", {"status": {"abort": True}}, status=True)
    await world.run(minutes=2)
    assert (world.load.unserved, world.traffic("shop"), traces(world)) == (0, {"stable": 100}, [])


@simulated
async def test_a_service_of_that_name_that_is_somebody_elses_is_named_and_left_alone(world: World) -> None:
    taken = service("shop-baseline", app="other")
    await world.apply(taken, *compared())
    await world.run(minutes=1)
    assert (
        'Service "shop-baseline" exists and is not controlled by Rollout "shop"'
        in world.status("shop")["message"]
    )
    await world.client.delete(SERVICES, "shop-baseline", "default")
    await world.run(minutes=1)
    assert world.phase("shop") == "Healthy"


@simulated
async def test_a_baseline_whose_replica_set_cannot_be_made_is_told_once_and_an_abort_works(
    world: World,
) -> None:
    """Its name is taken, which stands for whatever makes an API server refuse it."""
    await deployed(world, *compared())
    await comparing(world)
    base = next(obj for obj in world.objects(REPLICA_SETS) if BASELINE_OF in obj["metadata"]["annotations"])
    name = base["metadata"]["name"]
    await world.patch("shop", {"status": {"abort": True}}, status=True)
    await world.run(seconds=10)
    taken = rollout({"canary": {}}, name="other")
    taken |= {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name}}
    taken["spec"] = {key: taken["spec"][key] for key in ("selector", "template")} | {"replicas": 0}
    await world.apply(taken)
    await world.patch("shop", {"status": {"abort": False}}, status=True)
    await world.run(minutes=1)
    (progressing,) = (each for each in world.status("shop")["conditions"] if each["type"] == "Progressing")
    assert progressing["reason"] == "ReplicaSetCreateError"
    assert progressing["message"].startswith(f'Failed to create baseline replica set "{name}"')
    count = len(world.writes)
    await world.run(minutes=2)
    assert world.writes[count:] == []
    await world.patch("shop", {"status": {"abort": True}}, status=True)
    await world.run(minutes=1)
    assert world.traffic("shop") == {"stable": 100}
    assert traces(world) == []


@simulated
async def test_it_goes_with_its_rollout(world: World) -> None:
    await deployed(world, *compared())
    await comparing(world)
    await world.client.delete(ROLLOUTS, "shop", "default")
    await world.run(seconds=10)
    assert [each for each in traces(world) if not each.startswith("backend")] == []


@simulated
async def test_a_rollout_made_anew_takes_a_stray_backend_out_of_the_route(world: World) -> None:
    await deployed(world, *compared())
    await comparing(world)
    body = copy.deepcopy(compared()[-1])
    await world.client.delete(ROLLOUTS, "shop", "default")
    await world.run(seconds=10)
    await world.apply(body)
    await world.run(minutes=1)
    assert (world.phase("shop"), traces(world), world.traffic("shop")) == ("Healthy", [], {"stable": 100})


async def nothing(world: World) -> None:
    del world


async def an_abort(world: World) -> None:
    await world.patch("shop", {"status": {"abort": True}}, status=True)


async def a_new_version(world: World) -> None:
    await world.set_image("shop", "shop=shop:v3")


async def a_way_back(world: World) -> None:
    await world.set_image("shop", "shop=shop:v1")


async def a_full_promotion(world: World) -> None:
    await world.patch("shop", {"status": {"promoteFull": True}}, status=True)


async def an_edit_without_a_baseline(world: World) -> None:
    steps = [{"setWeight": 25}, {"pause": {}}]
    await world.patch("shop", {"spec": {"strategy": {"canary": {"steps": steps}}}})


async def a_step_that_is_skipped(world: World) -> None:
    await world.patch("shop", {"status": {"currentStepIndex": 2}}, status=True)


async def an_abort_and_a_retry(world: World) -> None:
    await world.patch("shop", {"status": {"abort": True}}, status=True)
    await world.run(seconds=6)
    if world.crashed:  # an abort that nobody has taken notice of can be taken back, but not tried again
        await world.restart()
        await world.run(seconds=6)
    await world.patch("shop", {"status": {"abort": False}}, status=True)


Happens = Callable[[World], Awaitable[None]]
_CALM = timedelta(seconds=16)
"""Longer than anything waits in these strategies."""
_BRISK = {"abortScaleDownDelaySeconds": 3}


async def story(
    world: World, happens: Happens, crash_at: int | None, *, dynamic: bool
) -> tuple[tuple[object, ...], int]:
    """Let something happen during a comparison, and kill the controllers at their nth write from then on."""
    more = {"dynamicStableScale": True} if dynamic else {"scaleDownDelaySeconds": 3}
    await deployed(world, *compared(*STEPS[:3], {"pause": {"duration": 5}}, **_BRISK, **more))
    await world.set_image("shop", "shop=shop:v2")
    if happens is not nothing:
        await world.run(seconds=14)
    before = len(world.writes)
    if crash_at is not None:
        world.crash_at_write(crash_at)
    await happens(world)
    since = world.clock()
    while world.clock() - since < _CALM:
        count = len(world.writes)
        await world.run(seconds=2)
        if world.crashed:
            await world.run(seconds=5)
            await world.restart()
        if len(world.writes) > count:
            since = world.clock()
    status = world.status("shop")
    seen = (
        status["phase"],
        status["stableRS"],
        status["canary"]["weights"]["canary"]["weight"],
        world.replica_sets("shop"),
        world.load.unserved,
        traces(world),
    )
    return seen, len(world.writes) - before


@pytest.mark.parametrize(
    ("happens", "dynamic"),
    [(a_way_back, False), (a_full_promotion, True), (a_step_that_is_skipped, True), (an_abort, True)],
)
def test_whatever_ends_it_nothing_of_it_is_left(happens: Happens, dynamic: bool) -> None:
    async def tell() -> tuple[tuple[object, ...], int]:
        async with World() as world:
            return await story(world, happens, None, dynamic=dynamic)

    assert run(tell())[0][-2:] == (0, [])


@pytest.mark.parametrize(
    ("happens", "dynamic"),
    [
        (nothing, True),
        (an_abort, False),
        (a_new_version, True),
        (an_edit_without_a_baseline, False),
        (an_abort_and_a_retry, False),
    ],
)
def test_whatever_ends_it_and_wherever_the_controllers_are_killed_nothing_of_it_is_left(
    happens: Happens, dynamic: bool
) -> None:
    async def tell(crash_at: int | None) -> tuple[tuple[object, ...], int]:
        async with World() as world:
            return await story(world, happens, crash_at, dynamic=dynamic)

    undisturbed, writes = run(tell(None))
    assert undisturbed[-2:] == (0, [])
    for crash_at in range(1, writes + 1, 1 + writes // 40):  # most of a long story are measurements
        assert run(tell(crash_at))[0] == undisturbed, f"killed at write {crash_at} of {writes}"
