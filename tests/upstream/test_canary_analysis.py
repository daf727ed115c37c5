"""Upstream's canary suites: a retry has analyses of its own, and a rollback within the window has none."""

from collections import Counter

import pytest

from rollouts.api.meta import Object
from tests.upstream.canaries import rollout
from tests.upstream.manifests import SLEEP_JOB
from tests.upstream.test_canary_scaledown import revised
from tests.upstream.walk import Walk, hash_of

pytestmark = pytest.mark.upstream

RETRY = "canary-retry"
PROBE = "readinessProbe: {initialDelaySeconds: 5, periodSeconds: 1, httpGet: {path: /, port: 80}}"


def ends_with(code: int) -> str:
    """An analysis by a Job that ends so."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: canary-retry-job}}
spec:
  args: [{{name: exit-code, value: "{code}"}}]
  metrics:
  - name: job
    count: 1
    provider:
      job:
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers:
              - name: job
                image: nginx:1.19-alpine
                command: [sh, -c, "exit {{{{args.exit-code}}}}"]
"""


async def retried(walk: Walk, strategy: str) -> None:
    """An update that its analysis aborted is tried again with three pods, and an analysis that succeeds."""
    await walk.healthy(ends_with(1), rollout(RETRY, strategy, spec="replicas: 2", container=PROBE))
    await walk.update()
    await walk.phase("Degraded")
    await walk.pod_count(2, 0)
    assert (await walk.rollout())["status"]["stableRS"] == hash_of(await walk.replica_set(1))
    assert len(await walk.runs()) == 1
    await walk.apply(ends_with(0))
    await walk.scale(3)
    await walk.retry()


async def is_promoted_by_a_second_run(walk: Walk) -> None:
    await walk.phase("Healthy")
    assert (await walk.rollout())["status"]["stableRS"] == hash_of(await walk.replica_set(2))
    assert await walk.count(2) == 3
    phases = Counter(run["status"]["phase"] for run in await walk.runs())
    assert phases == {"Failed": 1, "Successful": 1}


async def test_a_retry_after_a_failed_analysis_of_a_step_has_one_of_its_own(walk: Walk) -> None:
    analysis = "{analysis: {templates: [{templateName: canary-retry-job}]}}"
    await retried(walk, f"steps: [{{setWeight: 50}}, {analysis}, {{setWeight: 100}}]")
    await is_promoted_by_a_second_run(walk)


async def test_a_retry_after_a_failed_background_analysis_has_one_of_its_own(walk: Walk) -> None:
    strategy = "{analysis: {templates: [{templateName: canary-retry-job}]}, "
    await retried(walk, strategy + "steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}]}")

    def has_succeeded(found: Object) -> bool:
        current = (found["status"].get("canary") or {}).get("currentBackgroundAnalysisRunStatus") or {}
        return current.get("status") == "Successful"

    await walk.until(has_succeeded, "background analysis that succeeded")
    await walk.phase("Paused")
    await walk.promote()
    await is_promoted_by_a_second_run(walk)


async def test_a_rollback_is_analysed_unless_it_is_within_the_window(walk: Walk) -> None:
    strategy = """
steps:
- setWeight: 50
- analysis:
    templates: [{templateName: sleep-job}]
    args: [{name: rev, valueFrom: {fieldRef: {fieldPath: "metadata.labels['rev']"}}}]
"""
    await walk.apply(SLEEP_JOB)
    await walk.healthy(rollout("window", strategy, spec="{replicas: 2, rollbackWindow: {revisions: 2}}"))
    for version, runs in (("two", 1), ("three", 2), ("four", 3), ("three", 3), ("six", 4), ("two", 5)):
        await walk.update(revised(version))
        await walk.phase("Healthy")
        assert len(await walk.runs()) == runs, version
