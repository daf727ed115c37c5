"""Upstream's analysis suite, Jobs: that are too slow, cannot start, or fail at first."""

import pytest

from rollouts.api.meta import Object
from tests.upstream.manifests import canary, template
from tests.upstream.test_analysis import at_a_step
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream


def assert_all_is(run: Object, phase: str) -> None:
    """The run, its metric and the last measurement have a phase."""
    result = run["status"]["metricResults"][0]
    assert (run["status"]["phase"], result["phase"], result["measurements"][-1]["phase"]) == (phase,) * 3


async def test_a_job_at_a_step_that_is_ended_by_its_deadline_has_failed(walk: Walk) -> None:
    steps = f"steps: [{{setWeight: 10}}, {at_a_step('long-running-job-deadline')}]"
    await walk.healthy(template("long-running-job-deadline"), canary("inline-deadline", steps))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Degraded")
    assert len(await walk.runs()) == 1
    assert_all_is(await walk.run_phase("Step", "Failed"), "Failed")


async def test_a_job_in_the_background_that_is_ended_by_its_deadline_has_failed(walk: Walk) -> None:
    strategy = """
analysis: {templates: [{templateName: long-running-job-deadline}]}
steps: [{setWeight: 10}, {pause: {duration: 60s}}]
"""
    await walk.healthy(template("long-running-job-deadline"), canary("background-deadline", strategy))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Degraded")
    assert len(await walk.runs()) == 1
    assert_all_is(await walk.run_phase("Background", "Failed"), "Failed")


async def test_a_job_that_still_runs_when_the_update_is_over_proves_nothing(walk: Walk) -> None:
    strategy = """
analysis: {templates: [{templateName: long-running-job}]}
steps: [{setWeight: 10}, {pause: {}}]
"""
    await walk.healthy(template("long-running-job"), canary("long-running", strategy))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    (run,) = await walk.runs("Background")
    assert run["status"]["phase"] == "Running"
    await walk.promote()
    await walk.phase("Healthy")
    assert_all_is(await walk.run_phase("Background", "Inconclusive"), "Inconclusive")


async def test_a_job_at_a_step_whose_image_is_nowhere_pauses_the_update(walk: Walk) -> None:
    steps = f"steps: [{{setWeight: 10}}, {at_a_step('invalid-image-job')}]"
    await walk.healthy(template("invalid-image-job"), canary("inline-invalid-image", steps))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    (run,) = await walk.runs("Step")
    assert_all_is(run, "Inconclusive")


async def test_a_job_in_the_background_whose_image_is_nowhere_pauses_the_update_beside_a_step_that_goes_on(
    walk: Walk,
) -> None:
    strategy = f"""
analysis: {{templates: [{{templateName: invalid-image-job}}], startingStep: 1}}
steps: [{{setWeight: 10}}, {at_a_step("long-running-job")}]
"""
    await walk.healthy(
        template("invalid-image-job", "long-running-job"), canary("background-invalid-image", strategy)
    )
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    (step,), (background,) = await walk.runs("Step"), await walk.runs("Background")
    assert step["status"]["phase"] == "Running"
    assert_all_is(background, "Inconclusive")


@pytest.mark.parametrize("in_background", [False, True], ids=["at_a_step", "in_the_background"])
async def test_an_update_whose_job_failed_is_scaled_retried_with_a_better_job_and_promoted(
    walk: Walk, in_background: bool
) -> None:
    analysis, step = "analysis: {templates: [{templateName: sleep-job}]}", "{pause: {}}"
    strategy = (
        f"steps: [{{setWeight: 50}}, {step if in_background else at_a_step('sleep-job')}, {{setWeight: 100}}]"
    )
    if in_background:
        strategy = f"{analysis}\n{strategy}"
    probe = "readinessProbe: {initialDelaySeconds: 5, periodSeconds: 1, httpGet: {path: /, port: 80}}"
    job, fails = template("sleep-job"), '{name: exit-code, value: "1"}'
    await walk.healthy(
        job.replace('{name: exit-code, value: "0"}', fails),
        canary("canary-retry", strategy, replicas=2, container=probe),
    )
    await walk.update()
    await walk.phase("Degraded")
    await walk.pod_count(2, 0)
    assert await walk.stable() == 1
    assert len(await walk.runs()) == 1
    await walk.apply(job)
    await walk.scale(3)
    await walk.retry()
    if in_background:
        await walk.until(
            lambda rollout: (
                (rollout["status"].get("canary") or {})
                .get("currentBackgroundAnalysisRunStatus", {})
                .get("status")
                == "Successful"
            ),
            "background analysis that succeeded",
        )
        await walk.phase("Paused")
        await walk.promote()
    await walk.phase("Healthy")
    assert await walk.stable() == 2
    assert await walk.count(2) == 3
    assert sorted(run["status"]["phase"] for run in await walk.runs()) == ["Failed", "Successful"]
