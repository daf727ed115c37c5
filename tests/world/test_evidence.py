"""Steps that end with a proof, judged by what the router counted, from one end to the other."""

import pytest

from rollouts.api.meta import Object
from rollouts.embedded.world import World
from rollouts.kube.resources import ANALYSIS_RUNS
from tests.world.simulated import canary, deployed, ingress, rollout, service, simulated, success_rate

TEMPLATES = {"templates": [{"templateName": "errors"}]}
GATE = {"analysis": {**TEMPLATES, "advance": "evidence"}}


def errors(**more: object) -> Object:
    """The canary's errors and those of stable, compared every 10 s; the first half minute does not count."""
    counted = {"metric": "success-rate", "service": "shop-canary", "stableService": "shop-stable"}
    return success_rate(
        "errors",
        count=360,
        successCondition="",
        judge={"sequential": {}},
        warmUp="30s",
        provider={"traffic": counted},
        **more,
    )


def shop(*steps: Object, **more: object) -> list[Object]:
    services = (service("shop-stable"), service("shop-canary"))
    return [*services, ingress(), errors(), rollout(canary(*steps, **more))]


async def running(world: World, *steps: Object, canary_fails: float, **more: object) -> None:
    """A version whose requests fail now and then is replaced by one that fails as often, or more."""
    world.degrade("v1", error_rate=0.02)
    world.degrade("v2", error_rate=canary_fails)
    await deployed(world, *shop(*steps, **more))
    world.sample("shop")
    await world.set_image("shop", "shop=shop:v2")


def runs(world: World) -> list[Object]:
    return sorted(world.objects(ANALYSIS_RUNS), key=lambda run: str(run["metadata"]["name"]))


@simulated
async def test_the_weight_of_a_good_version_follows_the_evidence(world: World) -> None:
    steps = ({"setWeight": 10}, GATE, {"setWeight": 40}, GATE)
    await running(world, *steps, canary_fails=0.02)
    await world.run_until(lambda: world.phase("shop") == "Healthy", minutes=60)
    await world.run(minutes=1)
    assert world.replica_sets("shop") == {"shop:v1": 0, "shop:v2": 4}
    first, second = runs(world)
    for run in (first, second):
        assert (run["status"]["proven"], run["status"]["terminated"]) == (True, True)
        assert "firstTraffic" in run["spec"]["milestones"]
        assert "podsReady" not in run["spec"]["milestones"]
    # The more of the requests the canary gets, the sooner there is a proof.
    lasted = [seconds(run) for run in (first, second)]
    assert lasted[0] > lasted[1] > 30


def seconds(run: Object) -> int:
    began, ended = (run["status"][each].rpartition("T")[2] for each in ("startedAt", "completedAt"))
    clock = [[int(part) for part in each.removesuffix("Z").split(":")] for each in (began, ended)]
    return sum((b - a) * 60**power for a, b, power in zip(*clock, (2, 1, 0), strict=True))


@simulated
async def test_a_version_with_more_errors_is_taken_back_at_its_first_weight(world: World) -> None:
    await running(world, {"setWeight": 10}, GATE, {"setWeight": 40}, GATE, canary_fails=0.08)
    await world.run_until(lambda: world.phase("shop") == "Degraded", minutes=60)
    assert max(split.get("canary", 0) for _, split in world.samples) == 10
    assert "Step-based analysis phase error/failed" in world.rollout("shop")["status"]["message"]


@simulated
async def test_a_pause_ends_with_the_proof_of_the_analysis_beside_the_steps(world: World) -> None:
    steps = ({"setWeight": 10}, {"pause": {"advance": "evidence", "atLeast": "1m"}}, {"setWeight": 40})
    await running(world, *steps, canary_fails=0.02, analysis=TEMPLATES)
    await world.run(minutes=1)
    assert world.rollout("shop")["status"]["message"] == "CanaryPauseStep: until proven good"
    await world.run_until(lambda: world.phase("shop") == "Healthy", minutes=60)


@pytest.mark.parametrize("policy", ["pause", "abort", "continue"])
def test_without_a_proof_in_time_the_rollout_does_what_it_says_of_inconclusive_ones(policy: str) -> None:
    gate = {"analysis": {**GATE["analysis"], "atMost": "2m", "onInconclusive": policy}}

    @simulated
    async def story(world: World) -> None:
        await deployed(world, *shop({"setWeight": 10}, gate, {"setWeight": 40}, {"pause": {}}))
        await world.set_image("shop", "shop=shop:v2")
        await world.run(minutes=5)
        status = world.rollout("shop")["status"]
        phase, weight, words = {
            "pause": ("Paused", 10, "UnprovenAnalysisRun: AnalysisRun"),
            "abort": ("Degraded", 0, "Step-based analysis phase inconclusive: no proof within 2m"),
            "continue": ("Paused", 40, "CanaryPauseStep"),
        }[policy]
        assert (world.phase("shop"), world.traffic("shop").get("canary", 0)) == (phase, weight)
        assert words in status["message"]
        passed = [event for event in world.events("shop") if event == "AnalysisPassedOver"]
        assert len(passed) == (policy == "continue")

    story()


@simulated
async def test_nothing_is_promoted_on_a_run_that_somebody_ends(world: World) -> None:
    gate = {"analysis": TEMPLATES}
    await running(world, {"setWeight": 10}, gate, {"setWeight": 40}, {"pause": {}}, canary_fails=0.02)
    await world.run(minutes=1)
    (run,) = runs(world)
    body = {"spec": {"terminate": True}}
    await world.client.patch(ANALYSIS_RUNS, run["metadata"]["name"], body, world.namespace)
    await world.run(minutes=5)
    (run,) = runs(world)
    assert run["status"]["phase"] == "Successful"
    assert world.traffic("shop")["canary"] == 10
    assert world.rollout("shop")["status"]["message"].startswith("TerminatedAnalysisRun: ")
