"""Canary and stable, counted by a real Prometheus and compared after every look."""

import pytest

from rollouts.api.analysis import AnalysisRun, MetricResult
from rollouts.api.meta import Object
from rollouts.client import Client
from tests.e2e.live import Live
from tests.e2e.shop import host, pause, traffic, weighted
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
    await live.apply(cd.namespace, template, *weighted(cd.namespace, *steps))
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
    async with traffic(live, host(cd.namespace), per_second=100):
        await cd.rollouts.set_image("shop", {"*": "shop:v2"})
        seen = await cd.rollouts.wait_for("shop", timeout=120)
    run, result = await outcome(cd)
    assert (seen.promoted, run.status.phase) == (True, "Successful"), result
    assert result.evidence is not None
    assert result.evidence.canary is not None
    assert result.evidence.reference is not None
    assert result.evidence.looks == 4
    assert (result.evidence.canary.bad, result.evidence.reference.bad) == (0, 0)
    # Three tenths of a hundred a second for four looks of three seconds, about.
    assert 150 < result.evidence.canary.requests < 600
    assert result.evidence.reference.requests > result.evidence.canary.requests
