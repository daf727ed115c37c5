"""A judgement by Kayenta within a run, whose controller may be killed at any time."""

import asyncio
from itertools import pairwise

import httpx
import pytest

from analysis.providers.kayenta import KayentaProvider
from rollouts.controller.analysisrun import AnalysisRunReconciler
from tests.analysis.bench import Bench
from tests.controller.api import virtually

SCOPE = {
    "scope": "shop",
    "region": "eu",
    "step": 60,
    "start": "2026-01-01T00:00:00Z",
    "end": "2026-01-01T00:10:00Z",
}
SPEC = {
    "address": "http://kayenta.test",
    "application": "shop",
    "canaryConfigName": "c",
    "metricsAccountName": "m",
    "configurationAccountName": "a",
    "storageAccountName": "s",
    "threshold": {"pass": 90, "marginal": 60},
    "scopes": [{"name": "default", "controlScope": SCOPE, "experimentScope": SCOPE}],
}
METRIC = {"name": "m", "provider": {"kayenta": SPEC}}


class Kayenta:
    """Completes an execution when it has been asked for so many times; None is never."""

    def __init__(self, score=95.0, after=2):
        self.score, self.after = score, after
        self.begun, self.polls = 0, []

    def __call__(self, request):
        if request.url.path == "/canaryConfig":
            return httpx.Response(200, json=[{"id": "1", "name": "c"}])
        if request.method == "POST":
            self.begun += 1
            return httpx.Response(200, json={"canaryExecutionId": f"e{self.begun}"})
        self.polls.append((request.url.path, asyncio.get_running_loop().time()))
        if self.after is None or len(self.polls) <= self.after:
            return httpx.Response(200, json={"complete": False, "status": "running"})
        judged = {"judgeResult": {"score": {"score": self.score, "classification": "Any"}}}
        return httpx.Response(200, json={"complete": True, "status": "succeeded", "result": judged})


async def begun(server):
    bench = Bench()
    await bench.start(METRIC)
    restart(bench, server)
    return bench


def restart(bench, server):
    """Another process, which knows nothing but the object."""
    kayenta = KayentaProvider(bench.clock, httpx.MockTransport(server))
    others = {**bench.reconciler._providers, "kayenta": kayenta}
    bench.reconciler = AnalysisRunReconciler(
        bench.client, bench.store, bench.said, bench.clock, providers=others
    )


@pytest.mark.parametrize(("score", "phase"), [(90, "Successful"), (89.9, "Inconclusive"), (59.9, "Failed")])
@virtually
async def test_the_score_is_asked_for_every_fifteen_seconds_and_decides_the_run(score, phase):
    server = Kayenta(score)
    bench = await begun(server)
    await bench.look()
    while (await bench.status())["phase"] == "Running":
        restart(bench, server)  # killed after every look
        await asyncio.sleep(await bench.look() or 0)
    assert (await bench.status())["phase"] == phase
    (measurement,) = (await bench.metric())["measurements"]
    assert (measurement["value"], measurement["phase"]) == (str(int(score)), phase)
    assert server.begun == 1
    paths, times = zip(*server.polls, strict=True)
    assert set(paths) == {"/canary/e1"}
    assert [round(after - before) for before, after in pairwise(times)] == [15, 15]


@virtually
async def test_an_execution_that_never_completes_is_given_up_after_an_hour():
    server = Kayenta(after=None)
    bench = await begun(server)
    await bench.look()
    for _ in range(400):
        await asyncio.sleep(await bench.look() or 1)
        latest = (await bench.metric())["measurements"][-1]
        if latest["phase"] == "Error":
            break
    assert latest["message"] == "Kayenta did not complete within 1:00:00"
    assert latest["metadata"] == {"canaryExecutionId": "e1"}


@virtually
async def test_a_run_that_is_ended_does_not_ask_any_more_and_is_successful_as_upstream():
    server = Kayenta(after=None)
    bench = await begun(server)
    await bench.look()
    await bench.change({"spec": {"terminate": True}})
    await bench.look()
    await bench.look()
    (measurement,) = (await bench.metric())["measurements"]
    assert (measurement["phase"], measurement["message"]) == ("Successful", "Metric Terminated")
    status = await bench.status()
    assert (status["phase"], status["message"], status["terminated"]) == (
        "Successful",
        "Run Terminated",
        True,
    )
    assert server.polls == []


@virtually
async def test_the_look_back_changes_nothing_and_the_measurement_says_so():
    server = Kayenta()
    bench = Bench()
    spec = {**SPEC, "lookback": True}
    await bench.start({**METRIC, "provider": {"kayenta": spec}})
    restart(bench, server)
    for _ in range(4):
        await asyncio.sleep(await bench.look() or 0)
    (measurement,) = (await bench.metric())["measurements"]
    assert measurement["phase"] == "Successful"
    assert measurement["metadata"] == {
        "canaryExecutionId": "e1",
        "lookback": "without effect: every scope names its start and its end",
    }


@virtually
async def test_a_poll_that_fails_is_an_error_and_the_next_measurement_orders_anew():
    server = Kayenta(after=0)
    broken = {"is": True}

    def sometimes(request):
        if broken["is"] and request.url.path.startswith("/canary/e"):
            return httpx.Response(503, text="busy")
        return server(request)

    bench = await begun(sometimes)
    await bench.look()
    await asyncio.sleep(15)
    await bench.look()
    latest = (await bench.metric())["measurements"][-1]
    assert latest["phase"] == "Error"
    assert (
        'GET http://kayenta.test/canary/e1: received non 2xx response code: 503 "busy"' in latest["message"]
    )
    assert (await bench.status())["phase"] == "Running"
    broken["is"] = False
    for _ in range(4):
        await asyncio.sleep(await bench.look() or 0)
    assert (await bench.status())["phase"] == "Successful"
    assert server.begun == 2
