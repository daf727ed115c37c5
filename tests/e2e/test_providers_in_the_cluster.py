"""Analysis by what other operators keep in the cluster: Keptn's objects, and the external metrics API.

Custom resources take the place of both: the API server knows no difference, and asks for the same rights.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from rollouts.api.analysis import AnalysisRun
from rollouts.api.meta import Object, format_time
from rollouts.client import Client
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import ANALYSIS_RUNS
from tests.e2e.live import Live, until
from tests.places import REPOSITORY

pytestmark = pytest.mark.cluster


def custom(group: str, version: str, kind: str, plural: str) -> Object:
    """A CustomResourceDefinition without a schema."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, in the place of an aggregated API"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture
async def others(live: Live) -> AsyncIterator[None]:
    """The rights for what others keep, and its kinds for the time of the test."""
    for name in ("keptn.yaml", "external-metrics.yaml"):
        await live.kubectl("apply", "-f", str(REPOSITORY / "crds/install" / name))
    kinds = (
        custom("metrics.keptn.sh", "v1beta1", "KeptnMetric", "keptnmetrics"),
        custom("metrics.keptn.sh", "v1beta1", "Analysis", "analyses"),
        custom("external.metrics.k8s.io", "v1beta1", "QueueLength", "queue-length"),
    )
    await live.apply("default", *kinds)
    names = [f"crd/{kind['metadata']['name']}" for kind in kinds]
    await live.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    yield
    await live.kubectl("delete", *names)


def metric(name: str, provider: Object, condition: str = "") -> Object:
    """Measured twice."""
    return {
        "name": name,
        "interval": "1s",
        "count": 2,
        "successCondition": condition,
        "consecutiveErrorLimit": 0,
        "provider": provider,
    }


async def test_what_keptn_and_autoscalers_know_is_measured_with_the_rights_that_are_added_for_it(
    live: Live, cd: Client, ns: str, kube: Kube, others: None
) -> None:
    fresh = {"value": "0.25", "lastUpdated": format_time(datetime.now(UTC))}
    errors: Object = {"apiVersion": "metrics.keptn.sh/v1beta1", "kind": "KeptnMetric", "status": fresh}
    errors |= {"metadata": {"name": "errors"}, "spec": {"fetchIntervalSeconds": 600}}
    queue: Object = {"apiVersion": "external.metrics.k8s.io/v1beta1", "kind": "QueueLength", "value": "1500m"}
    queue |= {"metadata": {"name": "queue-length", "labels": {"app": "web"}}}
    other = {**queue, "metadata": {"name": "another", "labels": {"app": "other"}}}
    await live.apply(ns, errors, queue, other)
    metrics = [
        metric("errors", {"keptn": {"query": f"keptnmetric/{ns}/errors"}}, "result < 0.5"),
        metric("slo", {"keptn": {"query": f"analysis/{ns}/response-time/5m/service=web"}}),
        metric(
            "queue", {"externalMetrics": {"query": "queue-length?labelSelector=app%3Dweb"}}, "result == 1.5"
        ),
    ]
    run = {"apiVersion": ANALYSIS_RUNS.api_version, "kind": "AnalysisRun", "metadata": {"name": "run"}}
    await kube.create(ANALYSIS_RUNS, {**run, "spec": {"metrics": metrics}}, ns)
    completed: set[str] = set()

    async def ended() -> AnalysisRun | None:
        """Keptn carries out what was ordered of it."""
        names = await live.kubectl("get", "analyses.metrics.keptn.sh", "-n", ns, "-o", "name")
        for name in set(names.split()) - completed:
            status = '{"status": {"state": "Completed", "pass": true}}'
            await live.kubectl("patch", name, "-n", ns, "--type=merge", "-p", status)
            completed.add(name)
        await asyncio.sleep(0.2)
        found: AnalysisRun = await cd.analysis_runs.get("run")
        return found if found.status.phase not in ("", "Pending", "Running") else None

    seen: AnalysisRun = await until(ended, limit=60)
    values = {
        r.name: [(m.phase, m.value, m.message) for m in r.measurements] for r in seen.status.metric_results
    }
    good = "Successful"
    assert values == {
        "errors": [(good, "0.25", "")] * 2,
        "slo": [(good, "1", "")] * 2,
        "queue": [(good, "1.5", "")] * 2,
    }
    assert seen.status.phase == good
    assert len(completed) == 2
    left = await live.kubectl("get", "analyses.metrics.keptn.sh", "-n", ns, "-o", "name")
    assert len(left.split()) == 1
