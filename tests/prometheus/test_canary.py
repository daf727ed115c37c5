"""A canary that Prometheus judges, by the queries of examples/analysis-envoy.yaml and real requests."""

import asyncio
import json

import pytest
import yaml

from rollouts.api.analysis import AnalysisRun
from rollouts.api.meta import Object
from rollouts.client import Client
from tests.e2e.live import Live, until
from tests.e2e.shop import failures, host, last_versions, pause, traffic, weighted
from tests.places import REPOSITORY
from tests.prometheus.server import Prometheus

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus]

V2, BAD = {"*": "shop:v2"}, {"*": "shop:bad"}


def template(**metric: object) -> Object:
    """The example; `metric` is changed in each of its metrics."""
    found: Object = yaml.safe_load((REPOSITORY / "examples" / "analysis-envoy.yaml").read_text())
    for each in found["spec"]["metrics"]:
        each.update(metric)
    return found


async def gated(live: Live, cd: Client, prometheus: Prometheus, **metric: object) -> None:
    """A shop whose canary passes through an analysis at 30 % and another weight."""
    values = {"prometheus": prometheus.url, "namespace": cd.namespace, "service": "shop-canary"}
    values |= {"window": "3s", "interval": "1s"}
    arguments = [{"name": name, "value": value} for name, value in values.items()]
    analysis = {"templates": [{"templateName": "envoy-signals"}], "args": arguments}
    steps = ({"setWeight": 30}, {"analysis": analysis}, {"setWeight": 70}, pause(1))
    await live.know_images({"shop:bad": {"env": {"ERROR_RATE": "0.2"}}})
    await live.apply(cd.namespace, template(**metric), *weighted(cd.namespace, *steps))
    await cd.rollouts.wait_for("shop", timeout=30)


async def the_run(cd: Client) -> AnalysisRun:
    async def found() -> AnalysisRun | None:
        return next(iter(await cd.analysis_runs.list()), None)

    run: AnalysisRun = await until(found)
    return run


def phases(run: AnalysisRun, metric: str = "success-rate") -> list[str]:
    """Of the measurements so far."""
    return [m.phase for r in run.status.metric_results if r.name == metric for m in r.measurements]


def last_value(run: AnalysisRun, metric: str) -> float:
    (result,) = (r for r in run.status.metric_results if r.name == metric)
    (value,) = json.loads(result.measurements[-1].value)
    return float(value)


async def test_a_good_canary_passes_and_gets_all_traffic(
    live: Live, cd: Client, prometheus: Prometheus
) -> None:
    await gated(live, cd, prometheus)
    async with traffic(live, host(cd.namespace), per_second=60) as load:
        await cd.rollouts.set_image("shop", V2)
        seen = await cd.rollouts.wait_for("shop", timeout=60)
        await asyncio.sleep(0.5)
    run = await the_run(cd)
    assert seen.promoted
    assert run.status.phase == "Successful"
    assert phases(run).count("Successful") == 3
    assert "Failed" not in phases(run)
    assert last_value(run, "success-rate") == 1
    assert 0 < last_value(run, "p99-milliseconds") <= 500
    assert failures(load) == {}
    assert last_versions(load, host(cd.namespace)) == {"v2"}


async def test_a_bad_canary_fails_and_all_traffic_goes_back(
    live: Live, cd: Client, prometheus: Prometheus
) -> None:
    await gated(live, cd, prometheus)
    async with traffic(live, host(cd.namespace), per_second=60) as load:
        await cd.rollouts.set_image("shop", BAD)
        seen = await cd.rollouts.wait_for("shop", "Degraded", timeout=60)
        await until(lambda: _weightless(cd))
        await asyncio.sleep(0.5)
    run = await the_run(cd)
    assert seen.aborted
    assert run.status.phase == "Failed"
    assert 0.7 < last_value(run, "success-rate") < 0.9
    assert "success-rate" in seen.message
    assert {(version, cause) for _, version, cause in failures(load)} == {("bad", "HTTP 500")}
    assert last_versions(load, host(cd.namespace)) == {"v1"}


async def test_a_canary_without_requests_is_no_good_one(
    live: Live, cd: Client, prometheus: Prometheus
) -> None:
    await gated(live, cd, prometheus, consecutiveErrorLimit=1)
    await cd.rollouts.set_image("shop", V2)
    seen = await cd.rollouts.wait_for("shop", "Degraded", timeout=60)
    assert (seen.aborted, seen.promoted) == (True, False)
    assert "no data" in seen.message


async def test_while_prometheus_is_down_nothing_passes_and_it_goes_on_afterwards(
    live: Live, cd: Client, prometheus: Prometheus
) -> None:
    await gated(live, cd, prometheus, consecutiveErrorLimit=50)

    async def measured(phase: str) -> bool:
        return phase in phases(await the_run(cd))

    async with traffic(live, host(cd.namespace), per_second=60) as load:
        await cd.rollouts.set_image("shop", V2)
        await until(lambda: measured("Successful"), limit=60)
        await asyncio.to_thread(prometheus.stop)
        await until(lambda: measured("Error"), limit=60)
        await asyncio.sleep(4)  # in which it would have passed
        run, shop = await the_run(cd), await cd.rollouts.get("shop")
        assert phases(run).count("Successful") < 3
        assert (run.status.phase, shop.weight, shop.promoted) == ("Running", 30, False)
        refused = [m.message for r in run.status.metric_results for m in r.measurements if m.phase == "Error"]
        assert all("refused the connection" in message for message in refused), refused
        await asyncio.to_thread(prometheus.start)
        assert (await cd.rollouts.wait_for("shop", timeout=60)).promoted
    assert (await the_run(cd)).status.phase == "Successful"
    assert failures(load) == {}


async def _weightless(cd: Client) -> bool:
    return (await cd.rollouts.get("shop")).weight == 0
