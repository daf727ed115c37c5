"""`provider.job`: a Kubernetes Job that is the judge itself. Complete is Successful, Failed is Failed."""

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from analysis.providers.answers import Clock, error, running
from analysis.providers.names import UID_LABEL, measurement_name, taken
from rollouts.api.analysis import AnalysisPhase, AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.meta import API_VERSION, Object
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, NotFound
from rollouts.kube.resources import JOBS, PODS

NAME_ANNOTATION = "analysisrun.argoproj.io/name"
NAMESPACE_ANNOTATION = "analysisrun.argoproj.io/namespace"
METRIC_ANNOTATION = "analysisrun.argoproj.io/metric-name"
JOB_NAME = "job-name"
"""Key in the measurement's metadata, by which the Job is found again."""
JOB_NAMESPACE = "job-namespace"
"""The same, for whoever reads it. It is not followed: who may write a status may not point at all Jobs."""
NAMESPACE_VARIABLE = "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE"
"""Where Jobs run, if not beside their AnalysisRun."""

_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName"})


class JobProvider:
    """Creates a Job for each measurement, under a name that a second try arrives at again."""

    def __init__(self, client: Client, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._clock = clock
        self._environ = os.environ if environ is None else environ

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = (previous.started_at if previous else None) or self._clock()
        try:
            if previous is None or not previous.metadata.get(JOB_NAME):
                return await self._create(run, metric)
            return await self._follow(run, previous, previous.metadata[JOB_NAME])
        except RolloutsError as failure:
            return error(started, self._clock(), f"Job: {failure}")

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        started = previous.started_at or self._clock()
        try:
            if name := previous.metadata.get(JOB_NAME):
                await self._client.delete(JOBS, name, self._namespace(run), propagation="Foreground")
        except NotFound:
            pass  # It is gone already, which is what was wanted.
        except RolloutsError as failure:
            return error(started, self._clock(), f"Job: {failure}")
        return self._ended(previous, "Inconclusive", "Metric Terminated")

    def _namespace(self, run: AnalysisRun) -> str:
        return self._environ.get(NAMESPACE_VARIABLE, "") or run.metadata.namespace

    async def _create(self, run: AnalysisRun, metric: Metric) -> Measurement:
        now = self._clock()
        job = _job(run, metric, self._namespace(run))
        name = job["metadata"]["name"]
        try:
            await self._client.create(JOBS, job, self._namespace(run))
        except AlreadyExists:
            # An earlier pass made it and did not get to say so.
            existing = await self._client.get(JOBS, name, self._namespace(run))
            if existing["metadata"].get("labels", {}).get(UID_LABEL) != run.metadata.uid:
                return error(now, now, f'Job "{name}" exists and belongs to something else; delete it')
        with suppress(RolloutsError):  # The next measurement tries again; this one has its Job.
            await self._tidy(run, metric, name)
        metadata = {JOB_NAME: name, JOB_NAMESPACE: self._namespace(run)}
        return running(now, now + timedelta(seconds=1), metadata)

    async def _tidy(self, run: AnalysisRun, metric: Metric, newest: str) -> None:
        """Delete the Jobs of measurements that the run has dropped."""
        kept = {newest}
        for result in run.status.metric_results:
            kept |= {measurement.metadata.get(JOB_NAME, "") for measurement in result.measurements}
        label = f"{UID_LABEL}={run.metadata.uid}"
        found = await self._client.list(JOBS, self._namespace(run), label_selector=label)
        for job in found.get("items") or ():
            metadata = job["metadata"]
            of_metric = (metadata.get("annotations") or {}).get(METRIC_ANNOTATION) == metric.name
            if of_metric and metadata["name"] not in kept:
                with suppress(NotFound):
                    await self._client.delete(JOBS, metadata["name"], self._namespace(run))

    async def _follow(self, run: AnalysisRun, previous: Measurement, name: str) -> Measurement:
        try:
            job = await self._client.get(JOBS, name, self._namespace(run))
        except NotFound:
            gone = f'Job "{name}" is gone before it ended'
            return error(previous.started_at or self._clock(), self._clock(), gone)
        for condition in (job.get("status") or {}).get("conditions") or ():
            if condition.get("status") != "True":
                continue
            if condition["type"] == "Complete":
                return self._ended(previous, "Successful", "")
            if condition["type"] == "Failed":
                return self._ended(previous, "Failed", str(condition.get("message") or ""))
        if problem := await self._image_problem(run, name):
            return self._ended(previous, "Inconclusive", problem)
        now = self._clock()
        started = previous.started_at or now
        # Often at first, and ever more rarely: the square root of twice the time so far, as upstream.
        pause = max(math.sqrt(2 * max((now - started).total_seconds(), 0)), 1.0)
        return running(started, now + timedelta(seconds=pause), previous.metadata)

    async def _image_problem(self, run: AnalysisRun, name: str) -> str:
        """What keeps the pods from starting and will not go away by waiting."""
        pods = await self._client.list(PODS, self._namespace(run), label_selector=f"job-name={name}")
        for pod in pods.get("items") or ():
            status = pod.get("status") or {}
            for container in (
                *(status.get("initContainerStatuses") or ()),
                *(status.get("containerStatuses") or ()),
            ):
                waiting = (container.get("state") or {}).get("waiting") or {}
                if waiting.get("reason") in _NO_IMAGE:
                    which = f"Pod {pod['metadata']['name']}, container {container.get('name')}"
                    why = str(waiting.get("message") or container.get("image") or "").strip()
                    return f"{which} has terminal error ({waiting['reason']}): {why}"
        return ""

    def _ended(self, previous: Measurement, phase: AnalysisPhase, message: str) -> Measurement:
        return Measurement(
            phase=phase,
            message=message,
            started_at=previous.started_at,
            finished_at=self._clock(),
            metadata=previous.metadata,
        )


def _job(run: AnalysisRun, metric: Metric, namespace: str) -> Object:
    spec = metric.provider.job
    if spec is None:
        raise InvalidSpec(".provider.job", "is missing")
    given: dict[str, Any] = spec.metadata
    template = dict(spec.spec.get("template") or {})
    pod_metadata = dict(template.get("metadata") or {})
    pod_labels = {**(pod_metadata.get("labels") or {}), UID_LABEL: run.metadata.uid}
    metadata: Object = {
        "name": measurement_name(run, metric, taken(run, metric) + 1),
        "namespace": namespace,
        "labels": {**(given.get("labels") or {}), UID_LABEL: run.metadata.uid},
        "annotations": {
            **(given.get("annotations") or {}),
            NAME_ANNOTATION: run.metadata.name,
            NAMESPACE_ANNOTATION: run.metadata.namespace,
            METRIC_ANNOTATION: metric.name,
        },
    }
    if namespace == run.metadata.namespace:  # An owner must live in the same namespace.
        metadata["ownerReferences"] = [
            {
                "apiVersion": API_VERSION,
                "kind": "AnalysisRun",
                "name": run.metadata.name,
                "uid": run.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {**spec.spec, "template": {**template, "metadata": {**pod_metadata, "labels": pod_labels}}},
    }
