"""Jobs as judges, against an API server."""

import asyncio
from datetime import timedelta

import pytest

from analysis.providers.job import JobProvider
from analysis.providers.names import measurement_name, taken
from rollouts.api.analysis import AnalysisRun, AnalysisRunStatus, MetricResult
from rollouts.api.crd import crds
from rollouts.api.meta import dump
from rollouts.api.validation import parse
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import ANALYSIS_RUNS, JOBS, NAMESPACES, PODS
from tests.analysis.providers.requests import run_with
from tests.controller.api import virtually

CONTAINER = {"name": "check", "image": "check:1", "command": ["true"]}
JOB = {
    "metadata": {"labels": {"team": "shop"}, "annotations": {"why": "smoke"}},
    "spec": {
        "backoffLimit": 1,
        "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}},
    },
}


class Cluster:
    def __init__(self, environ=None):
        self.clock = VirtualClock()
        api = ApiServer(self.clock, seed=0)
        api.install_crds(crds())
        self.client = Client(InProcess(api))
        self.provider = JobProvider(self.client, self.clock, environ or {})
        self.run, self.metric = run_with({"job": JOB})
        self.uid = self.name = ""

    async def prepare(self):
        """Create the AnalysisRun: a Job whose owner is not there would be collected at once."""
        await self.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        run, _ = run_with({"job": JOB})
        body = dump(run) | {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun"}
        del body["metadata"]["uid"]
        self.run = parse(AnalysisRun, await self.client.create(ANALYSIS_RUNS, body, "shop"))
        self.uid = self.run.metadata.uid
        self.name = f"{self.uid}.m.1"

    async def begin(self):
        await self.prepare()
        return await self.measure(None)

    async def measure(self, previous):
        return await self.provider.measure(self.run, self.metric, previous)

    async def end(self, condition, status="True", message=""):
        conditions = [{"type": condition, "status": status, "message": message}]
        patch = {"status": {"conditions": conditions}}
        await self.client.patch(JOBS, self.name, patch, "shop", subresource="status")


@virtually
async def test_a_job_is_created_with_owner_labels_and_annotations():
    cluster = Cluster()
    first = await cluster.begin()
    where = {"job-name": cluster.name, "job-namespace": "shop"}
    assert (first.phase, first.metadata) == ("Running", where)
    job = await cluster.client.get(JOBS, cluster.name, "shop")
    metadata = job["metadata"]
    assert metadata["labels"].items() >= {"team": "shop", "analysisrun.argoproj.io/uid": cluster.uid}.items()
    assert metadata["annotations"] == {
        "why": "smoke",
        "analysisrun.argoproj.io/name": "run",
        "analysisrun.argoproj.io/namespace": "shop",
        "analysisrun.argoproj.io/metric-name": "m",
    }
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("AnalysisRun", "run", cluster.uid)
    assert owner["controller"]
    assert job["spec"]["template"]["metadata"]["labels"]["analysisrun.argoproj.io/uid"] == cluster.uid
    assert job["spec"]["backoffLimit"] == 1


@pytest.mark.parametrize(("condition", "phase"), [("Complete", "Successful"), ("Failed", "Failed")])
@virtually
async def test_the_end_of_the_job_is_the_verdict(condition, phase):
    cluster = Cluster()
    first = await cluster.begin()
    await cluster.end(condition, message="reached backoff limit")
    measurement = await cluster.measure(first)
    assert measurement.phase == phase
    assert measurement.metadata == first.metadata
    assert measurement.message == ("reached backoff limit" if phase == "Failed" else "")


@virtually
async def test_a_condition_that_does_not_hold_is_no_end():
    cluster = Cluster()
    first = await cluster.begin()
    await cluster.end("Failed", status="False")
    assert (await cluster.measure(first)).phase == "Running"


@virtually
async def test_a_long_job_is_looked_at_more_and_more_rarely():
    cluster = Cluster()
    measurement = await cluster.begin()
    pauses = []
    for seconds in (1, 49, 150):
        await asyncio.sleep(seconds)
        measurement = await cluster.measure(measurement)
        pauses.append((measurement.resume_at - cluster.clock()) / timedelta(seconds=1))
    assert pauses == [2, 10, 20]


@virtually
async def test_a_second_try_arrives_at_the_same_job():
    cluster = Cluster()
    first = await cluster.begin()
    assert (await cluster.measure(None)).metadata == first.metadata
    assert len((await cluster.client.list(JOBS, "shop"))["items"]) == 1


@virtually
async def test_a_job_of_somebody_else_under_that_name_is_an_error():
    cluster = Cluster()
    await cluster.prepare()
    body = {"metadata": {"name": cluster.name}, "spec": JOB["spec"]}
    await cluster.client.create(JOBS, body, "shop")
    measurement = await cluster.measure(None)
    assert measurement.phase == "Error"
    assert "exists and belongs to something else; delete it" in measurement.message


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"])
@virtually
async def test_an_image_that_cannot_be_had_is_inconclusive(reason):
    cluster = Cluster()
    first = await cluster.begin()
    labels = {"job-name": cluster.name}
    spec = {"containers": [CONTAINER]}
    await cluster.client.create(PODS, {"metadata": {"name": "p", "labels": labels}, "spec": spec}, "shop")
    container = {"name": "check", "image": "check:1", "imageID": "", "ready": False, "restartCount": 0}
    waiting = {**container, "state": {"waiting": {"reason": reason, "message": "no such tag\n"}}}
    status = {"status": {"containerStatuses": [waiting]}}
    await cluster.client.patch(PODS, "p", status, "shop", subresource="status")
    measurement = await cluster.measure(first)
    assert measurement.phase == "Inconclusive"
    assert measurement.message == f"Pod p, container check has terminal error ({reason}): no such tag"


@virtually
async def test_a_job_that_was_deleted_is_an_error():
    cluster = Cluster()
    first = await cluster.begin()
    await cluster.client.delete(JOBS, cluster.name, "shop")
    measurement = await cluster.measure(first)
    assert measurement.phase == "Error"
    assert measurement.message == f'Job "{cluster.name}" is gone before it ended'


@virtually
async def test_a_job_that_the_server_refuses_is_an_error():
    cluster = Cluster()
    measurement = await cluster.measure(None)  # there is no such namespace yet
    assert measurement.phase == "Error"
    assert measurement.message.startswith("Job: POST ")


@virtually
async def test_ending_a_measurement_deletes_its_job():
    cluster = Cluster()
    first = await cluster.begin()
    for _ in range(2):  # the second time it is gone already
        ended = await cluster.provider.terminate(cluster.run, cluster.metric, first)
        assert (ended.phase, ended.message) == ("Inconclusive", "Metric Terminated")
    with pytest.raises(NotFound):
        await cluster.client.get(JOBS, cluster.name, "shop")


@virtually
async def test_jobs_of_measurements_that_were_dropped_are_deleted():
    cluster = Cluster()
    first = await cluster.begin()
    for number in (2, 3):
        kept = (
            (first.model_copy(update={"metadata": {"job-name": f"{cluster.uid}.m.2"}}),)
            if number == 3
            else ()
        )
        result = MetricResult(name="m", count=number - 1, measurements=kept)
        status = AnalysisRunStatus(metric_results=(result,))
        cluster.run = cluster.run.model_copy(update={"status": status})
        await cluster.measure(None)
    left = [job["metadata"]["name"] for job in (await cluster.client.list(JOBS, "shop"))["items"]]
    assert left == [f"{cluster.uid}.m.2", f"{cluster.uid}.m.3"]


@virtually
async def test_jobs_can_run_in_a_namespace_of_their_own():
    cluster = Cluster({"ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE": "jobs"})
    await cluster.client.create(NAMESPACES, {"metadata": {"name": "jobs"}})
    await cluster.begin()
    job = await cluster.client.get(JOBS, cluster.name, "jobs")
    assert "ownerReferences" not in job["metadata"]


def test_a_name_fits_into_a_label_and_counts_the_measurements():
    run, metric = run_with({"job": JOB})
    long = metric.model_copy(update={"name": "a-metric-with-a-very-long-name-indeed"})
    nine = MetricResult(name=long.name, count=8, error=1)
    later = run.model_copy(update={"status": AnalysisRunStatus(metric_results=(nine,))})
    assert (taken(run, long), taken(later, long)) == (0, 9)
    assert measurement_name(run, long, 1) == f"{run.metadata.uid}.a-metric-with-a-very-lon.1"
    assert measurement_name(later, long, 10) == f"{run.metadata.uid}.a-metric-with-a-very-lo.10"
    assert len(measurement_name(later, long, 10)) <= 63
