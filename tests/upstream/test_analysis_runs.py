"""Upstream's AnalysisRuns of nobody's rollout that are meant to fail: fast, without a server, malformed."""

import pytest

from rollouts.api.meta import Object
from rollouts.kube.resources import ANALYSIS_RUNS, JOBS
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream


def run(metrics: str) -> str:
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {{name: run}}
spec:
  metrics:
{metrics}
"""


def job(name: str, command: str, more: str = "") -> str:
    """A metric that is a Job."""
    return f"""
  - name: {name}
    provider:
      job:
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers: [{{name: sleep, image: "alpine:3.8", command: {command}{more}}}]
"""


async def ended(walk: Walk, phase: str) -> Object:
    """The run, once it has a phase."""

    async def has() -> Object | None:
        found = await walk.kube.get(ANALYSIS_RUNS, "run", walk.namespace)
        return found if (found.get("status") or {}).get("phase") == phase else None

    found: Object = await walk.eventually(has, f"AnalysisRun that is {phase}")
    return found


def phases(found: Object) -> dict[str, str]:
    return {each["name"]: each["phase"] for each in found["status"]["metricResults"]}


async def test_a_job_that_ends_well_is_a_run_that_succeeds(walk: Walk) -> None:
    await walk.apply(run(job("test", "[sleep, '3']")))
    assert phases(await ended(walk, "Successful")) == {"test": "Successful"}


async def test_a_metric_that_fails_ends_one_that_would_go_on_for_a_year(walk: Walk) -> None:
    fails = job("fail-after-3", "[sh, -c, 'sleep 3; exit 1']")
    await walk.apply(run(job("sleep-infinity", "[sh, -c, 'sleep 31536000']") + fails))
    found = await ended(walk, "Failed")
    assert phases(found)["fail-after-3"] == "Failed"
    await walk.eventually(lambda: _jobs_left(walk, 1), "end of the other Job")


async def test_a_server_that_is_not_there_is_asked_until_its_errors_are_too_many(walk: Walk) -> None:
    nowhere = "{prometheus: {address: 'http://prometheus.invalid:9090', query: up}}"
    await walk.apply(run(f"  - {{name: success-rate, consecutiveErrorLimit: 1, provider: {nowhere}}}"))
    found = await ended(walk, "Error")
    assert phases(found) == {"success-rate": "Error"}


async def test_a_job_that_the_api_server_refuses_is_an_error(walk: Walk) -> None:
    wrong = ", resources: {requests: {memory: invalid}}"
    await walk.apply(
        run(
            job("test", "[sleep, '3']", wrong).replace("provider:", "consecutiveErrorLimit: 0\n    provider:")
        )
    )
    found = await ended(walk, "Error")
    assert phases(found) == {"test": "Error"}


async def _jobs_left(walk: Walk, count: int) -> bool:
    return len((await walk.kube.list(JOBS, walk.namespace))["items"]) == count
