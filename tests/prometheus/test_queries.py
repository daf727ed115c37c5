"""What comes of the answers of a real Prometheus: numbers, several of them, none, and what is no number."""

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator

import pytest

from rollouts.api.analysis import MetricResult
from rollouts.api.meta import Object
from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import ANALYSIS_RUNS
from tests.e2e.live import Live, until
from tests.e2e.shop import host, pause, traffic, weighted
from tests.prometheus.server import Prometheus, program

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus]

LAST = {"start": 'now() - duration("3s")', "end": "now()", "step": "500ms"}


@pytest.fixture
async def shop(live: Live, cd: Client, prometheus: Prometheus) -> AsyncIterator[str]:
    """A canary at one half, under requests that Prometheus has seen; how its clusters in Envoy are named."""
    await live.apply(cd.namespace, *weighted(cd.namespace, {"setWeight": 50}, pause()))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", {"*": "shop:v2"})
    await cd.rollouts.wait_for("shop", "Paused", timeout=30)
    prefix = f"{cd.namespace}/shop-"
    rates = f'rate(envoy_cluster_upstream_rq_total{{envoy_cluster_name=~"{prefix}.*"}}[3s]) > 0'
    async with traffic(live, host(cd.namespace), per_second=60):

        async def counted() -> bool:
            return len(await asyncio.to_thread(prometheus.query, rates)) == 2

        await until(counted)
        await asyncio.sleep(2)  # so that a range has some points
        yield prefix


async def judged(
    kube: Kube, cd: Client, prometheus: Prometheus, metrics: dict[str, tuple[str, str, Object]]
) -> dict[str, MetricResult]:
    """What comes of queries, each with its condition and what else its provider is told."""
    made = [
        {
            "name": name,
            "successCondition": condition,
            "consecutiveErrorLimit": 0,
            "provider": {"prometheus": {"address": prometheus.url, "query": query, **more}},
        }
        for name, (query, condition, more) in metrics.items()
    ]
    run = {
        "apiVersion": ANALYSIS_RUNS.api_version,
        "kind": "AnalysisRun",
        "metadata": {"name": "queries"},
        "spec": {"metrics": made},
    }
    await kube.create(ANALYSIS_RUNS, run, cd.namespace)

    async def measured() -> dict[str, MetricResult]:
        results = (await cd.analysis_runs.get("queries")).status.metric_results
        found = {result.name: result for result in results if result.measurements}
        return found if len(found) == len(metrics) else {}

    results: dict[str, MetricResult] = await until(measured)
    return results


async def test_numbers_series_ranges_and_quantiles_are_judged_by_their_conditions(
    kube: Kube, cd: Client, prometheus: Prometheus, shop: str
) -> None:
    every = f'envoy_cluster_name=~"{shop}.*"'
    canary = f'envoy_cluster_name="{shop}canary/80"'
    ok = f'sum(rate(envoy_cluster_upstream_rq_xx{{{every},envoy_response_code_class="2"}}[3s]))'
    total = f"sum(rate(envoy_cluster_upstream_rq_total{{{every}}}[3s]))"
    part = f"sum(rate(envoy_cluster_upstream_rq_total{{{canary}}}[3s]))"
    buckets = f"sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{{{canary}}}[3s]))"
    by_service = f"sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_rq_total{{{every}}}[3s]))"
    results = await judged(
        kube,
        cd,
        prometheus,
        {
            "ratio": (f"{part} / {total}", "len(result) == 1 && result[0] > 0.2 && result[0] < 0.8", {}),
            "series": (by_service, "len(result) == 2 && all(result, {# > 1})", {}),
            "range": (f"{ok} / {total}", "len(result) >= 4 && all(result, {# > 0.5})", {"rangeQuery": LAST}),
            "quantile": (f"histogram_quantile(0.9, {buckets})", "result[0] > 0 && result[0] < 500", {}),
            "scalar": ("scalar(count(up == 1))", "result == 2", {}),
        },
    )
    assert {name: result.phase for name, result in results.items()} == dict.fromkeys(results, "Successful"), [
        (result.name, m.value, m.message) for result in results.values() for m in result.measurements
    ]
    assert len(json.loads(results["series"].measurements[0].value)) == 2


async def test_no_number_is_never_a_success_whatever_the_condition_says(
    kube: Kube, cd: Client, prometheus: Prometheus, shop: str
) -> None:
    canary = f'{{envoy_cluster_name="{shop}canary/80"}}'
    nothing = f"(sum(rate(envoy_cluster_upstream_rq_total{canary}[3s])) * 0)"
    results = await judged(
        kube,
        cd,
        prometheus,
        {
            "nan": (f"{nothing} / {nothing}", "!(result[0] < 0.95)", {}),
            "one-nan": (f"{nothing} / {nothing} or on (job) up", "len(result) == 3", {}),
            "empty": ("sum(rate(nothing_of_this_name[1m]))", "len(result) == 0", {}),
            "stale": (f"sum(rate(envoy_cluster_upstream_rq_total{canary}[3s] offset 1h))", "true", {}),
            "matrix": ("up[5s]", "true", {}),
            "wrong": ("sum(up", "true", {}),
        },
    )
    told = {name: (result.phase, result.measurements[0].message) for name, result in results.items()}
    assert {name: phase for name, (phase, _) in told.items()} == dict.fromkeys(told, "Error"), told
    assert "NaN" in told["nan"][1]
    assert "parse error" in told["wrong"][1]
    assert "range" in told["matrix"][1]


async def test_it_scrapes_what_the_controller_says_of_itself_and_finds_no_fault_in_it(
    live: Live, prometheus: Prometheus, shop: str
) -> None:
    assert prometheus.targets() == dict.fromkeys(("envoy", "rollouts-controller"), ("up", ""))
    namespace = shop.partition("/")[0]
    assert [*prometheus.query(f'rollout_info{{namespace="{namespace}",name="shop"}}').values()] == [1]
    assert await asyncio.to_thread(_faults, f"http://127.0.0.1:{live.metrics_port}/metrics") == (0, "")


def _faults(url: str) -> tuple[int, str]:
    """The exit status of promtool on what is offered there, and what it finds fault with."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read()
    command = [program("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, check=False, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode()
