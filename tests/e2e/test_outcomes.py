"""What a rollout does about an analysis that did not succeed, and steps that end with a proof."""

import asyncio

import pytest

from rollouts.api.meta import Object
from rollouts.client import Client
from tests.e2e.live import Live, until
from tests.e2e.shop import host, traffic, weighted
from tests.e2e.test_providers import job, template

pytestmark = pytest.mark.cluster

V2 = {"*": "shop:v2"}


def gate(name: str, **more: str) -> Object:
    """A step: the analysis of a template."""
    return {"analysis": {"templates": [{"templateName": name}], **more}}


async def test_a_failed_analysis_pauses_where_the_spec_says_so_and_a_human_lets_it_try_again(
    live: Live, cd: Client, ns: str
) -> None:
    steps = ({"setWeight": 20}, gate("check", onFailure="pause"))
    await live.apply(ns, template("check", job("exit 1")), *weighted(ns, *steps))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", V2)
    seen = await cd.rollouts.wait_for("shop", "Paused", timeout=30)
    (run,) = await cd.analysis_runs.list()
    assert seen.message.startswith(f'FailedAnalysisRun: AnalysisRun "{run.metadata.name}" is Failed: ')
    assert (seen.step, seen.weight) == (1, 20)
    await live.kubectl("delete", "analysistemplate/check", "-n", ns)
    await live.apply(ns, template("check", job("exit 0")))
    await cd.rollouts.promote("shop")
    await cd.rollouts.wait_for("shop", timeout=30)
    assert len(await cd.analysis_runs.list()) == 2


async def test_a_failed_analysis_is_passed_over_where_the_spec_says_so_and_is_told(
    live: Live, cd: Client, ns: str
) -> None:
    steps = ({"setWeight": 20}, gate("check", onFailure="continue"))
    await live.apply(ns, template("check", job("exit 1")), *weighted(ns, *steps))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", V2)
    await cd.rollouts.wait_for("shop", timeout=30)
    await live.kubectl(
        "wait", "--for=condition=AnalysisPassedOver", "rollout/shop", "-n", ns, "--timeout=30s"
    )

    async def told() -> bool:
        events = await live.kubectl("get", "events", "-n", ns, "--field-selector=reason=AnalysisPassedOver")
        return "Rollout goes on although AnalysisRun" in events

    await until(told)


async def test_nothing_is_promoted_on_a_run_that_a_user_ended(live: Live, cd: Client, ns: str) -> None:
    check = template("check", job("exit 0"), interval="1h", count=2)
    await live.apply(ns, check, *weighted(ns, {"setWeight": 20}, gate("check")))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", V2)

    async def measured() -> bool:
        runs = await cd.analysis_runs.list()
        return any(each.count for run in runs for each in run.status.metric_results)

    await until(measured)
    (run,) = await cd.analysis_runs.list()
    await cd.analysis_runs.terminate(run.metadata.name)
    seen = await cd.rollouts.wait_for("shop", "Paused", timeout=60)
    assert seen.message.startswith("TerminatedAnalysisRun: ")
    await asyncio.sleep(1)
    assert (await cd.rollouts.get("shop")).step == 1


FRAIL = {f"shop:frail-{number}": {"env": {"ERROR_RATE": "0.2"}} for number in (1, 2)}
"""Two versions of which one is as bad as the other, so that there is something to compare."""


def proof() -> Object:
    """A template: errors of canary and stable, compared every other second."""
    counted = {"metric": "success-rate", "service": "shop-canary", "stableService": "shop-stable"}
    judge = {"sequential": {"maxRatio": 3, "proveRatio": 6}}
    return template("proof", {"traffic": counted}, judge=judge, interval="2s", count=300, warmUp="1s")


async def test_a_step_ends_with_the_proof_although_the_controller_was_killed_meanwhile(
    live: Live, cd: Client, ns: str
) -> None:
    await live.know_images(FRAIL)
    steps = ({"setWeight": 50}, gate("proof", advance="evidence", atMost="5m"))
    *others, shop = weighted(ns, *steps)
    shop["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:frail-1"
    await live.apply(ns, proof(), *others, shop)
    await cd.rollouts.wait_for("shop", timeout=30)
    async with traffic(live, host(ns), per_second=40):
        await cd.rollouts.set_image("shop", {"*": "shop:frail-2"})
        await until(cd.analysis_runs.list)
        live.kill_controller()
        await asyncio.sleep(2)
        live.start_controller()
        await cd.rollouts.wait_for("shop", timeout=240)
        (run,) = await cd.analysis_runs.list()
        assert (run.status.proven, run.status.terminated) == (True, True)


async def test_the_time_for_a_proof_goes_on_while_no_controller_runs(live: Live, cd: Client, ns: str) -> None:
    steps = ({"setWeight": 50}, gate("proof", advance="evidence", atMost="20s"))
    await live.apply(ns, proof(), *weighted(ns, *steps))
    await cd.rollouts.wait_for("shop", timeout=30)
    async with traffic(live, host(ns), per_second=20):
        await cd.rollouts.set_image("shop", V2)

        async def told() -> bool:
            return any(run.spec.milestones for run in await cd.analysis_runs.list())

        await until(told)
        live.kill_controller()
        await asyncio.sleep(2)
        live.start_controller()
        # Without an error on either side there is nothing to compare, and so no proof.
        seen = await cd.rollouts.wait_for("shop", "Paused", timeout=60)
        assert "has not proven the version good: no proof within 20s" in seen.message
        (run,) = await cd.analysis_runs.list()
        assert run.spec.milestones is not None
        assert run.spec.milestones.first_traffic is not None
        assert run.status.phase == "Running"
        await cd.rollouts.promote("shop", full=True)
        await cd.rollouts.wait_for("shop", timeout=60)
