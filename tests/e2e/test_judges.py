"""A canary compared with stable by what Envoy counted of both: by the template of examples/analysis."""

import asyncio

import pytest
import yaml

from rollouts.api.analysis import AnalysisRun, MetricResult
from rollouts.api.meta import Object
from rollouts.client import Client
from tests.e2e.live import Live, until
from tests.e2e.shop import by_route, failures, host, last_versions, pause, traffic, weighted
from tests.places import REPOSITORY

pytestmark = pytest.mark.cluster

IMAGES: Object = {
    "shop:failing": {"env": {"ERROR_RATE": "0.2"}},
    "shop:slow": {"env": {"LATENCY_MS": "150"}},
    "shop:down": {"env": {"ERROR_RATE": "1"}},
    **{f"shop:cold{n}": {"env": {"ERROR_RATE": "0.3", "WARM_UP": "5"}} for n in (1, 2)},
}


def health() -> Object:
    """The example, which all tests share: it belongs to no namespace."""
    text = (REPOSITORY / "examples" / "analysis" / "canary-health.yaml").read_text()
    found: Object = yaml.safe_load(text)
    for metric in found["spec"]["metrics"]:
        if metric["name"] == "latency":  # fresh pods on a busy machine do differ
            metric["judge"]["sequential"] |= {"maxRatio": 3, "proveRatio": 6}
    return found


def compared(looks: int, warm_up: str = "1s", **more: Object) -> Object:
    """A step that looks every second."""
    services = {"canary-service": "shop-canary", "stable-service": "shop-stable"}
    values = {**services, "interval": "1s", "looks": str(looks), "warm-up": warm_up}
    arguments = [{"name": name, "value": value} for name, value in values.items()]
    templates = [{"templateName": "canary-health", "clusterScope": True}]
    return {"analysis": {"templates": templates, "args": arguments, **more}}


async def begun(live: Live, ns: str, cd: Client, looks: int = 60) -> None:
    await live.know_images(IMAGES)
    await live.apply(ns, health(), *weighted(ns, {"setWeight": 30}, compared(looks), pause(1)))
    await cd.rollouts.wait_for("shop", timeout=30)


async def results(cd: Client) -> tuple[AnalysisRun, dict[str, MetricResult]]:
    (run,) = await cd.analysis_runs.list()
    return run, {result.name: result for result in run.status.metric_results}


@pytest.mark.parametrize("version", ["failing", "down", "slow"])
async def test_a_canary_that_is_worse_than_stable_is_taken_back_with_the_evidence(
    live: Live, cd: Client, ns: str, version: str
) -> None:
    metric, other = ("latency", "errors") if version == "slow" else ("errors", "latency")
    await begun(live, ns, cd)
    async with traffic(live, host(ns), per_second=100) as load:
        await cd.rollouts.set_image("shop", {"*": f"shop:{version}"})
        seen = await cd.rollouts.wait_for("shop", "Degraded", timeout=60)

        async def weightless() -> bool:
            return (await cd.rollouts.get("shop")).weight == 0

        await until(weightless)
        await asyncio.sleep(0.5)
    run, found = await results(cd)
    assert (seen.aborted, run.status.phase) == (True, "Failed")
    assert found[metric].phase == "Failed"
    assert found[other].phase != "Failed"
    evidence = found[metric].evidence
    assert evidence is not None
    assert (evidence.judge, evidence.against) == ("sequential", "stable")
    assert evidence.harm is not None
    assert evidence.harm_threshold is not None
    assert evidence.harm >= evidence.harm_threshold
    assert evidence.canary is not None
    assert evidence.reference is not None
    assert 0 < evidence.canary.requests < evidence.reference.requests
    assert evidence.reason in seen.message, seen.message
    assert last_versions(load, host(ns)) == {"v1"}
    assert {version for _, version, _ in failures(load)} <= {version}


async def test_a_canary_that_is_as_good_as_stable_passes_and_every_request_was_counted(
    live: Live, cd: Client, ns: str
) -> None:
    await begun(live, ns, cd, looks=5)
    async with traffic(live, host(ns), per_second=100) as load:
        await cd.rollouts.set_image("shop", {"*": "shop:v2"})
        seen = await cd.rollouts.wait_for("shop", timeout=60)
    run, found = await results(cd)
    assert (seen.promoted, run.status.phase) == (True, "Successful")
    errors = found["errors"].evidence
    assert errors is not None
    assert (errors.looks, errors.against) == (5, "stable")
    assert errors.canary is not None
    assert errors.reference is not None
    assert (errors.canary.bad, errors.reference.bad) == (0, 0)
    assert errors.canary.requests > 0
    assert failures(load) == {}


@pytest.mark.parametrize(
    ("more", "end"),
    [({}, "Degraded"), ({"baseline": {"matchCanary": True}}, "Healthy")],
    ids=["beside warm pods alone", "beside baseline pods"],
)
async def test_errors_of_every_fresh_pod_are_no_fault_of_the_version_where_there_are_baseline_pods(
    live: Live, cd: Client, ns: str, more: Object, end: str
) -> None:
    """Both versions fail three requests in ten for five seconds from their first request on."""
    await live.know_images(IMAGES)
    *objects, shop = by_route(ns, {"setWeight": 30}, compared(8, "0s", **more), pause(1))
    shop["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:cold1"
    await live.apply(ns, health(), *objects, shop)
    await cd.rollouts.wait_for("shop", timeout=30)
    async with traffic(live, host(ns), per_second=100):
        await asyncio.sleep(6)
        await cd.rollouts.set_image("shop", {"*": "shop:cold2"})
        await cd.rollouts.wait_for("shop", end, timeout=90)
    _, found = await results(cd)
    evidence = found["errors"].evidence
    assert evidence is not None
    assert evidence.against == ("baseline" if more else "stable")
    assert evidence.canary is not None
    assert evidence.reference is not None
    assert evidence.canary.bad
    assert bool(evidence.reference.bad) is bool(more)
