"""Analyses that Keptn carries out, against an API server."""

import pytest

from analysis.providers.keptn import ANALYSES, ANALYSIS, LONGEST, METRICS, KeptnProvider, parse
from rollouts.api.analysis import AnalysisRun, AnalysisRunStatus, MetricResult
from rollouts.api.crd import crds
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import dump
from rollouts.api.validation import parse as read
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import ANALYSIS_RUNS, NAMESPACES, Resource
from rollouts.kube.transport import Response
from tests.analysis.providers.requests import clock, run_with
from tests.controller.api import virtually

CRDS = Resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
OPEN = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


class Cluster:
    def __init__(self):
        self.clock = VirtualClock()
        api = ApiServer(self.clock, seed=0)
        api.install_crds(crds())
        self.client = Client(InProcess(api))
        self.provider = KeptnProvider(self.client, self.clock)

    async def prepare(self, query="analysis/shop/response-time/5m/service=web;version=v2"):
        for resource in (ANALYSES, METRICS):
            names = {"kind": resource.kind, "plural": resource.plural, "singular": resource.kind.lower()}
            version = {"name": resource.version, "served": True, "storage": True, "schema": OPEN}
            spec = {"group": resource.group, "scope": "Namespaced", "names": names, "versions": [version]}
            await self.client.create(
                CRDS, {"metadata": {"name": f"{resource.plural}.{resource.group}"}, "spec": spec}
            )
        await self.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        run, self.metric = run_with({"keptn": {"query": query}})
        body = dump(run) | {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun"}
        del body["metadata"]["uid"]
        self.run = read(AnalysisRun, await self.client.create(ANALYSIS_RUNS, body, "shop"))
        self.name = f"{self.run.metadata.uid}.m.1"

    async def measure(self, previous):
        return await self.provider.measure(self.run, self.metric, previous)

    async def analyses(self):
        return [each["metadata"]["name"] for each in (await self.client.list(ANALYSES, "shop"))["items"]]

    async def keptn_says(self, **status):
        await self.client.patch(ANALYSES, self.name, {"status": status}, "shop")

    def counted(self, number):
        """After so many measurements."""
        status = AnalysisRunStatus(metric_results=(MetricResult(name="m", count=number),))
        self.run = self.run.model_copy(update={"status": status})


@virtually
async def test_an_analysis_is_ordered_for_the_run_that_owns_it():
    cluster = Cluster()
    await cluster.prepare()
    first = await cluster.measure(None)
    assert (first.phase, first.metadata) == ("Running", {ANALYSIS: cluster.name})
    found = await cluster.client.get(ANALYSES, cluster.name, "shop")
    assert found["spec"] == {
        "analysisDefinition": {"name": "response-time"},
        "timeframe": {"recent": "5m"},
        "args": {"service": "web", "version": "v2"},
    }
    (owner,) = found["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == (
        "AnalysisRun",
        cluster.run.metadata.uid,
        True,
    )


@pytest.mark.parametrize(
    ("status", "phase", "value"),
    [
        ({"state": "Completed", "pass": True}, "Successful", "1"),
        ({"state": "Completed"}, "Failed", "0"),  # what is false is left out
        ({"state": "Completed", "pass": False}, "Failed", "0"),
        ({"state": "Completed", "warning": True}, "Inconclusive", "0"),
        ({"state": "Progressing"}, "Running", ""),
        ({"state": "Pending", "pass": True}, "Running", ""),
    ],
)
@virtually
async def test_keptns_verdict_is_the_verdict(status, phase, value):
    cluster = Cluster()
    await cluster.prepare()
    first = await cluster.measure(None)
    await cluster.keptn_says(**status)
    measurement = await cluster.measure(first)
    assert (measurement.phase, measurement.value) == (phase, value)
    assert measurement.metadata == first.metadata


@virtually
async def test_a_controller_that_was_killed_after_its_order_arrives_at_the_same_analysis():
    cluster = Cluster()
    await cluster.prepare()
    first = await cluster.measure(None)
    assert (await cluster.measure(None)).metadata == first.metadata
    assert await cluster.analyses() == [cluster.name]


@virtually
async def test_an_analysis_is_kept_until_its_outcome_is_written_and_then_cleared_away():
    cluster = Cluster()
    await cluster.prepare()
    first = await cluster.measure(None)
    await cluster.keptn_says(state="Completed", **{"pass": True})
    assert (await cluster.measure(first)).phase == "Successful"
    assert (await cluster.measure(first)).phase == "Successful", "killed before it was written"
    cluster.counted(1)
    second = await cluster.measure(None)
    assert second.metadata == {ANALYSIS: f"{cluster.run.metadata.uid}.m.2"}
    assert await cluster.analyses() == [second.metadata[ANALYSIS]]


@virtually
async def test_ending_a_measurement_deletes_its_analysis():
    cluster = Cluster()
    await cluster.prepare()
    first = await cluster.measure(None)
    for _ in range(2):  # the second time it is gone already
        ended = await cluster.provider.terminate(cluster.run, cluster.metric, first)
        assert (ended.phase, ended.message) == ("Inconclusive", "Metric Terminated")
    with pytest.raises(NotFound):
        await cluster.client.get(ANALYSES, cluster.name, "shop")


@virtually
async def test_an_analysis_that_never_ends_or_is_gone_is_an_error():
    cluster = Cluster()
    await cluster.prepare()
    first = await cluster.measure(None)
    old = first.model_copy(update={"started_at": first.started_at - LONGEST * 2})
    measurement = await cluster.measure(old)
    assert (measurement.phase, measurement.metadata) == ("Error", first.metadata)
    assert measurement.message == f'Keptn: Analysis "{cluster.name}" did not complete within 0:05:00'
    await cluster.client.delete(ANALYSES, cluster.name, "shop")
    gone = await cluster.measure(first)
    assert gone.message == f'Keptn: Analysis "{cluster.name}" is gone before it ended'


@virtually
async def test_an_analysis_of_somebody_else_is_not_believed():
    cluster = Cluster()
    await cluster.prepare()
    theirs = {"apiVersion": ANALYSES.api_version, "kind": "Analysis", "metadata": {"name": cluster.name}}
    theirs["status"] = {"state": "Completed", "pass": True}
    await cluster.client.create(ANALYSES, theirs, "shop")
    measurement = await cluster.measure(await cluster.measure(None))
    assert measurement.phase == "Error"
    assert measurement.message.endswith("exists and belongs to something else; delete it")


@virtually
async def test_nothing_is_ordered_in_another_namespace():
    cluster = Cluster()
    await cluster.prepare("analysis/bank/response-time")
    measurement = await cluster.measure(None)
    assert measurement.phase == "Error"
    assert 'names namespace "bank"' in measurement.message
    assert (await cluster.client.list(ANALYSES))["items"] == []


async def test_a_right_that_is_missing_is_named():
    class Forbidding:
        async def request(self, request):
            return Response(code=403, body={"message": "keptnmetrics is forbidden", "reason": "Forbidden"})

    run, metric = run_with({"keptn": {"query": "keptnmetric/shop/errors"}})
    measurement = await KeptnProvider(Client(Forbidding()), clock).measure(run, metric, None)
    assert measurement.message.endswith("keptnmetrics is forbidden; apply crds/install/keptn.yaml")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "keptnmetric/shop",
        "other/shop/name",
        "keptnmetric//name",
        "keptnmetric/shop/",
        "keptnmetric/shop/name/5m",
        "analysis/shop/name/5m/a=b/more",
        "analysis/shop/name/5m/a",
        "analysis/shop/name/5m/=b",
    ],
)
def test_a_query_of_another_format_is_refused(query):
    with pytest.raises(InvalidSpec, match=r"keptn\.query: "):
        parse(query)


def test_a_query_may_leave_out_the_time_and_the_arguments():
    found = parse(" Analyses/shop/response-time\n")
    assert (found.analysis, found.namespace, found.name) == (True, "shop", "response-time")
    assert (found.recent, found.args) == ("1m", {})
    assert parse("analysis/shop/n//a=b=c").args == {"a": "b=c"}
