"""Analysis by real jobs and real HTTP: what passes, what fails, and what is no answer at all."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.client import Client, RolloutView
from tests.e2e.live import Live, until
from tests.e2e.shop import ROLLING, by_route, host, pause, traffic, weighted
from tests.e2e.stub import prometheus
from tests.world.simulated import rollout

pytestmark = pytest.mark.cluster


def template(name: str, provider: Object, **metric: Any) -> Object:
    """An AnalysisTemplate of one metric."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name},
        "spec": {"metrics": [{"name": name, "provider": provider, **metric}]},
    }


def job(script: str) -> Object:
    """A Job that runs a script, once."""
    container = {"name": "check", "image": "check:1", "command": ["sh", "-c", script]}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {"job": {"spec": {"backoffLimit": 0, "template": pod}}}


def gated(name: str, analysis: str) -> Object:
    """A rollout without traffic routing whose one step is an analysis."""
    step = {"analysis": {"templates": [{"templateName": analysis}]}}
    return rollout({"canary": {"steps": [step]}}, name=name, replicas=1)


async def ships(cd: Client, name: str, end: str) -> RolloutView:
    """Ship v2, which must end as told."""
    await cd.rollouts.set_image(name, {"*": f"{name}:v2"})
    seen = await cd.rollouts.wait_for(name, end, timeout=25)
    assert seen.promoted is (end == "Healthy")
    return seen


async def judged(live: Live, cd: Client, ends: dict[str, str]) -> dict[str, str]:
    """Ship v2 of several rollouts, each gated by the analysis of its name; their last messages."""
    await live.apply(cd.namespace, *(gated(name, name) for name in ends))
    await asyncio.gather(*(cd.rollouts.wait_for(name, timeout=25) for name in ends))
    seen = await asyncio.gather(*(ships(cd, name, end) for name, end in ends.items()))
    return {each.name: each.message for each in seen}


async def test_a_job_that_ends_well_promotes_and_one_that_does_not_aborts(
    live: Live, cd: Client, ns: str
) -> None:
    await live.apply(ns, template("good", job("exit 0")), template("bad", job("exit 1")))
    said = await judged(live, cd, {"good": "Healthy", "bad": "Degraded"})
    assert 'metric "bad"' in said["bad"].lower()
    runs = {run.metadata.name.partition("-")[0]: run for run in await cd.analysis_runs.list()}
    assert (runs["good"].status.phase, runs["bad"].status.phase) == ("Successful", "Failed")


async def test_an_answer_over_http_is_judged_by_its_fields(live: Live, cd: Client, ns: str) -> None:
    await live.apply(ns, *weighted(ns))
    await cd.rollouts.wait_for("shop", timeout=20)
    web = {"web": {"url": f"http://{live.ingress}/", "headers": [{"key": "Host", "value": host(ns)}]}}
    await live.apply(
        ns,
        template("right", web, successCondition='result.version == "v1"'),
        template("wrong", web, successCondition='result.version == "v9"'),
    )
    await judged(live, cd, {"right": "Healthy", "wrong": "Degraded"})


async def test_no_answer_of_prometheus_is_never_a_success_and_each_says_why(
    live: Live, cd: Client, ns: str
) -> None:
    moods = {
        "good": "Healthy",
        "bad": "Degraded",
        "empty": "Degraded",
        "html": "Degraded",
        "slow": "Degraded",
    }
    limits = {"interval": "200ms", "count": 2, "consecutiveErrorLimit": 0}
    async with prometheus() as url:
        templates = {mood: f"{url}/{mood}" for mood in moods} | {"down": "http://127.0.0.1:1"}
        await live.apply(
            ns,
            rollout(ROLLING, name="beside", replicas=1),
            *(
                template(
                    mood,
                    {"prometheus": {"address": address, "query": "up", "timeout": 1}},
                    successCondition="result[0] >= 0.99",
                    **limits,
                )
                for mood, address in templates.items()
            ),
        )
        said = await judged(live, cd, {**moods, "down": "Degraded"})
        await cd.rollouts.wait_for("beside", timeout=20)
    told = {}
    for run in await cd.analysis_runs.list():
        result = run.status.metric_results[0]
        told[result.name] = (run.status.phase, result.measurements[-1].message)
    assert {mood: phase for mood, (phase, _) in told.items()} == {
        "good": "Successful",
        "bad": "Failed",
        **dict.fromkeys(("empty", "html", "slow", "down"), "Error"),
    }
    reasons = {"html": "<html>", "slow": "within 1 s", "down": "refused"}
    for mood, word in reasons.items():
        assert word in told[mood][1], told[mood]
        assert told[mood][1] in said[mood]

    async def warned() -> bool:
        events = await live.kubectl("get", "events", "-n", ns, "-o", "jsonpath={.items[*].message}")
        return all(told[mood][1] in events for mood in reasons)

    await until(warned)


@pytest.mark.parametrize(
    ("made", "without_class"),
    [(weighted, False), (weighted, True), (by_route, False)],
    ids=["ingress", "ingress without a class", "httproute"],
)
async def test_a_background_analysis_takes_a_canary_back_in_the_middle_of_a_pause(
    live: Live, cd: Client, ns: str, made: Callable[..., list[Object]], *, without_class: bool
) -> None:
    rate = {"traffic": {"metric": "success-rate", "service": "shop-canary", "minRequests": 5}}
    background = {"templates": [{"templateName": "rate"}], "startingStep": 1}
    images = {"shop:bad": {"env": {"ERROR_RATE": "0.5"}}}
    await live.know_images(images)
    await live.apply(
        ns,
        template("rate", rate, interval="1s", initialDelay="1s", successCondition="result >= 0.95"),
        *made(ns, {"setWeight": 50}, pause(), analysis=background),
    )
    if without_class:  # it is filled in at creation, and may be taken away after
        remove = '[{"op": "remove", "path": "/spec/ingressClassName"}]'
        await live.kubectl("patch", "ingress/shop", "-n", ns, "--type=json", "-p", remove)
    await cd.rollouts.wait_for("shop", timeout=20)
    async with traffic(live, host(ns), per_second=60):
        await cd.rollouts.set_image("shop", {"*": "shop:bad"})

        async def aborted() -> bool:
            shop = await cd.rollouts.get("shop")
            return (shop.aborted, shop.phase, shop.weight) == (True, "Degraded", 0)

        await until(aborted)
    # It is taken back for what was measured, and not because nothing could be.
    assert [run.status.phase for run in await cd.analysis_runs.list()] == ["Failed"]


async def test_a_condition_that_does_not_parse_is_named_before_anything_is_measured(
    live: Live, cd: Client, ns: str
) -> None:
    await live.apply(
        ns, template("broken", job("exit 0"), successCondition="result >="), gated("broken", "broken")
    )
    await live.apply(ns, rollout(ROLLING, name="beside", replicas=1))
    await live.kubectl("wait", "--for=condition=InvalidSpec", "rollout/broken", "-n", ns, "--timeout=20s")
    told = await live.kubectl("describe", "rollout", "broken", "-n", ns)
    assert 'AnalysisTemplate "broken": .spec.metrics[0].successCondition: condition "result >="' in told
    assert "InvalidSpec" in told[told.index("Events:") :]
    await cd.rollouts.wait_for("beside", timeout=20)
