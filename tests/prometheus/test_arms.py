"""Canary and stable, counted by a real Prometheus and compared after every look."""

import json

import pytest

from rollouts.api.analysis import AnalysisRun, MetricResult
from rollouts.api.meta import Object
from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import ANALYSIS_RUNS
from tests.e2e.live import Live, until
from tests.e2e.shop import failures, host, pause, traffic, weighted
from tests.prometheus.server import Prometheus

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus]


def asked(namespace: str, service: str) -> Object:
    """What Envoy counted for a Service, as users write it."""
    cluster = f'envoy_cluster_name="{namespace}/{service}/80"'
    counter = f"envoy_cluster_upstream_rq_xx{{{cluster}"
    bad = f'{counter},envoy_response_code_class="5"}}'
    buckets = f"envoy_cluster_upstream_rq_time_bucket{{{cluster}}}"
    return {
        "requests": f"sum(increase({counter}}}[{{{{window}}}}]))",
        "errors": f"sum(increase({bad}[{{{{window}}}}])) or vector(0)",
        "buckets": f"sum by (le) (increase({buckets}[{{{{window}}}}]))",
    }


async def compared(live: Live, cd: Client, prometheus: Prometheus, looks: int) -> None:
    """A shop whose canary passes through a comparison at 30 %, with a look every three seconds."""
    arms = {side: asked(cd.namespace, f"shop-{side}") for side in ("canary", "stable")}
    metric = {
        "name": "health",
        "interval": "3s",
        "count": looks,
        "warmUp": "0s",
        "judge": {"sequential": {"undecided": "success", "maxRatio": 2, "proveRatio": 4}},
        "provider": {"prometheus": {"address": prometheus.url, "arms": arms}},
    }
    template = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "health"},
        "spec": {"metrics": [metric]},
    }
    steps = ({"setWeight": 30}, {"analysis": {"templates": [{"templateName": "health"}]}}, pause(1))
    await live.know_images({"shop:bad": {"env": {"ERROR_RATE": "0.2"}}})
    objects = weighted(cd.namespace, *steps)
    for obj in objects:
        if obj["kind"] == "Rollout":
            # A real cluster publishes endpoints a moment after a pod is ready; until then requests fail.
            obj["spec"]["minReadySeconds"] = 2
    await live.apply(cd.namespace, template, *objects)
    await cd.rollouts.wait_for("shop", timeout=30)


async def outcome(cd: Client) -> tuple[AnalysisRun, MetricResult]:
    (run,) = await cd.analysis_runs.list()
    (result,) = run.status.metric_results
    return run, result


async def test_a_canary_that_fails_more_often_than_stable_is_taken_back(
    live: Live, cd: Client, prometheus: Prometheus
) -> None:
    await compared(live, cd, prometheus, looks=30)
    async with traffic(live, host(cd.namespace), per_second=100):
        await cd.rollouts.set_image("shop", {"*": "shop:bad"})
        seen = await cd.rollouts.wait_for("shop", "Degraded", timeout=120)
    run, result = await outcome(cd)
    assert (seen.aborted, run.status.phase) == (True, "Failed")
    assert result.evidence is not None
    assert result.evidence.canary is not None
    assert result.evidence.canary.bad is not None
    assert 0.1 < result.evidence.canary.bad / result.evidence.canary.requests < 0.3
    assert result.evidence.reason in seen.message


async def test_a_canary_that_is_as_good_as_stable_passes_by_what_was_counted(
    live: Live, cd: Client, prometheus: Prometheus
) -> None:
    await compared(live, cd, prometheus, looks=4)
    async with traffic(live, host(cd.namespace), per_second=100) as load:
        await cd.rollouts.set_image("shop", {"*": "shop:v2"})
        seen = await cd.rollouts.wait_for("shop", timeout=120)
    run, result = await outcome(cd)
    assert (seen.promoted, run.status.phase) == (True, "Successful"), result
    assert result.evidence is not None
    assert result.evidence.canary is not None
    assert result.evidence.reference is not None
    assert result.evidence.looks == 4
    # Three tenths of a hundred a second for four looks of three seconds and more.
    canary, stable = result.evidence.canary.requests, result.evidence.reference.requests
    assert canary > 150
    assert 0.2 < canary / (canary + stable) < 0.4
    # The evidence may be about slow requests: how many failed is in what was measured. None is counted where
    # clients saw none fail, and no more than they saw: increase() may double a few.
    looks = [json.loads(each.value) for each in result.measurements if each.value]
    counted = sum(look[side]["errors"] for look in looks for side in ("canary", "stable"))
    failed = failures(load)
    assert counted <= 2.5 * failed.total(), (counted, failed)


async def test_series_of_both_sides_are_compared_by_rank(
    live: Live, cd: Client, kube: Kube, prometheus: Prometheus
) -> None:
    """A canary that fails one request in five, and one that is stable itself."""
    await live.know_images({"shop:bad": {"env": {"ERROR_RATE": "0.2"}}})
    await live.apply(cd.namespace, *weighted(cd.namespace, {"setWeight": 50}, pause()))
    await cd.rollouts.wait_for("shop", timeout=30)
    await cd.rollouts.set_image("shop", {"*": "shop:bad"})
    await cd.rollouts.wait_for("shop", "Paused", timeout=30)

    def share(service: str) -> str:
        rate = f'envoy_cluster_upstream_rq_xx{{envoy_cluster_name="{cd.namespace}/{service}/80"'
        bad = f'sum(rate({rate},envoy_response_code_class="5"}}[3s])) or vector(0)'
        return f"({bad}) / sum(rate({rate}}}[3s]))"

    def metric(name: str, canary: str) -> Object:
        arms = {"canary": {"query": share(canary)}, "stable": {"query": share("shop-stable")}}
        points = {"start": 'now() - duration("12s")', "end": "now()", "step": "1s"}
        return {
            "name": name,
            "initialDelay": "15s",
            "judge": {"kayenta": {"direction": "increase", "mustHaveData": True}},
            "provider": {
                "prometheus": {"address": prometheus.url, "arms": arms, "rangeQuery": points},
            },
        }

    run = {
        "apiVersion": ANALYSIS_RUNS.api_version,
        "kind": "AnalysisRun",
        "metadata": {"name": "ranks"},
        "spec": {"metrics": [metric("bad", "shop-canary"), metric("same", "shop-stable")]},
    }
    async with traffic(live, host(cd.namespace), per_second=100):
        await kube.create(ANALYSIS_RUNS, run, cd.namespace)

        async def ended() -> AnalysisRun | None:
            found: AnalysisRun = await cd.analysis_runs.get("ranks")
            return found if found.status.phase in ("Successful", "Failed", "Error", "Inconclusive") else None

        seen: AnalysisRun = await until(ended, limit=60)
    results = {result.name: result for result in seen.status.metric_results}
    value = json.loads(results["bad"].measurements[-1].value)
    assert len(value["canary"]) == len(value["stable"]) == 13
    assert [x for x in value["stable"] if x is not None] == [0] * (13 - value["stable"].count(None))
    assert (results["bad"].phase, results["same"].phase) == ("Failed", "Successful"), results
    assert seen.status.phase == "Failed"
