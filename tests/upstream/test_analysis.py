"""Upstream's analysis suite, canary: in the background, at a step, with arguments, and tried again."""

import asyncio

import pytest

from tests.upstream.manifests import canary, template
from tests.upstream.walk import Walk, phase_of

pytestmark = pytest.mark.upstream


def at_a_step(name: str) -> str:
    """A step that is the analysis of a template."""
    return f"{{analysis: {{templates: [{{templateName: {name}}}]}}}}"


async def test_an_analysis_in_the_background_runs_while_the_update_is_paused_and_ends_with_it(
    walk: Walk,
) -> None:
    strategy = (
        "analysis: {templates: [{templateName: web-background}]}\nsteps: [{setWeight: 10}, {pause: {}}]"
    )
    await walk.healthy(template("web-background"), canary("background", strategy))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    (run,) = await walk.runs()
    assert run["status"]["phase"] == "Running"
    await walk.promote()
    await walk.phase("Healthy")
    await walk.run_phase("Background", "Successful")


async def test_what_the_background_leaves_in_doubt_pauses_the_update(walk: Walk) -> None:
    strategy = """
analysis: {templates: [{templateName: web-background-inconclusive}], startingStep: 1}
steps: [{setWeight: 10}, {pause: {duration: 30s}}]
"""
    await walk.healthy(template("web-background-inconclusive"), canary("inconclusive", strategy, replicas=2))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    await walk.run_phase("Background", "Running")
    assert len(await walk.runs()) == 1
    await walk.run_phase("Background", "Inconclusive")
    message = "InconclusiveAnalysisRun"
    await walk.until(lambda rollout: rollout["status"].get("message") == message, f"message {message}")
    assert phase_of(await walk.rollout()) == "Paused"


async def test_each_analysis_of_the_steps_is_a_run_of_its_own(walk: Walk) -> None:
    step = at_a_step("sleep-job")
    steps = f"steps: [{{setWeight: 10}}, {step}, {{pause: {{}}}}, {step}, {step}]"
    await walk.healthy(template("sleep-job"), canary("inline", steps))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    assert len(await walk.runs()) == 1
    await walk.run_phase("Step", "Successful")
    await walk.promote()
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 3


async def test_a_step_waits_for_the_metric_that_begins_later(walk: Walk) -> None:
    steps = f"steps: [{{setWeight: 10}}, {{pause: {{}}}}, {at_a_step('multiple-job')}]"
    await walk.healthy(template("multiple-job"), canary("inline-multiple", steps))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    await walk.promote()
    await asyncio.sleep(5)
    (run,) = await walk.runs("Step")
    assert run["status"]["phase"] == "Running"
    await walk.run_phase("Step", "Successful")
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 1


async def test_one_metric_that_fails_ends_a_step_although_another_would_wait_for_hours(walk: Walk) -> None:
    steps = f"steps: [{{setWeight: 10}}, {{pause: {{}}}}, {at_a_step('multiple-job-fail')}]"
    await walk.healthy(template("multiple-job-fail"), canary("inline-fail", steps))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    await walk.promote()
    await asyncio.sleep(1)
    assert phase_of(await walk.rollout()) == "Progressing"
    await walk.run_phase("Step", "Failed")
    await walk.phase("Degraded")


async def test_the_metrics_of_two_templates_share_the_arguments_of_the_step(walk: Walk) -> None:
    def asks(name: str, args: str, *metrics: str) -> str:
        found = "".join(
            f"\n  - {{name: {each}, count: 1, provider: {{web: "
            '{url: "https://{{args.host}}/{{args.path}}", insecure: true}}}'
            for each in metrics
        )
        return f"""
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: {name}}}
spec:
  args: {args}
  metrics:{found}
"""

    host = walk.server().removeprefix("https://")
    steps = f"""
steps:
- analysis:
    templates: [{{templateName: template-a}}, {{templateName: template-b}}]
    args: [{{name: host, value: "{host}"}}, {{name: path, value: version}}]
"""
    await walk.healthy(
        asks("template-a", "[{name: host, value: nobody}, {name: path}]", "metric-1", "metric-2"),
        asks("template-b", "[{name: host}, {name: path, value: nothing}]", "metric-3", "metric-4"),
        canary("multi-analysis", steps),
    )
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 1


def from_a_secret(name: str, args: str, metric: str, condition: str = "1") -> str:
    """A template whose address is in a Secret."""
    return f"""
apiVersion: v1
kind: Secret
metadata: {{name: example-secret}}
stringData: {{secretUrl: "https://kubernetes.default.svc/version"}}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: {name}}}
spec:
  args:
{args}
  - name: secret-url
    valueFrom: {{secretKeyRef: {{name: example-secret, key: secretUrl}}}}
  metrics:
  - name: webmetric
{metric}
    successCondition: result == "{condition}"
    provider:
      web: {{url: "{{{{args.secret-url}}}}", jsonPath: "{{$.major}}", insecure: true}}
"""


LIMITS = """
    interval: "{{args.analysis-interval}}"
    failureLimit: "{{args.failure-limit}}"
"""


async def test_the_address_of_a_metric_may_be_a_secret(walk: Walk) -> None:
    args = """
  - {name: analysis-interval, value: 5s}
  - {name: analysis-runs, value: "2"}
  - {name: failure-limit, value: "1"}
"""
    await walk.healthy(
        from_a_secret("analysis-secret", args, f'    count: "{{{{args.analysis-runs}}}}"{LIMITS}'),
        canary("secret", f"steps: [{{setWeight: 25}}, {at_a_step('analysis-secret')}, {{pause: {{}}}}]"),
    )
    await _is_measured(walk, times=2)


async def test_the_counts_the_intervals_and_the_conditions_of_a_metric_may_be_arguments(walk: Walk) -> None:
    args = """
  - {name: analysis-interval, value: 100s}
  - {name: analysis-runs, value: "10"}
  - {name: failure-limit}
  - {name: inconclusive-limit}
  - {name: success-condition}
"""
    metric = f"""
    count: "{{{{args.analysis-runs}}}}"
    initialDelay: "{{{{args.analysis-interval}}}}"{LIMITS}"""
    steps = """
steps:
- setWeight: 25
- analysis:
    templates: [{templateName: analysis-secret-args}]
    args:
    - {name: failure-limit, value: "2"}
    - {name: analysis-interval, value: 5s}
    - {name: analysis-runs, value: "3"}
    - {name: inconclusive-limit, value: "2"}
    - {name: success-condition, value: "1"}
- pause: {}
"""
    await walk.healthy(
        from_a_secret("analysis-secret-args", args, metric, "{{args.success-condition}}"),
        canary("secret", steps),
    )
    await _is_measured(walk, times=3)


async def _is_measured(walk: Walk, times: int) -> None:
    """The first step of the update is a run that succeeds after so many measurements."""
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    run = (await walk.runs())[0]
    assert run["status"]["phase"] == "Successful"
    assert run["status"]["metricResults"][0]["count"] == times
    await walk.promote()
    await walk.phase("Healthy")
    assert await walk.stable() == 2


async def test_an_analysis_in_the_background_has_arguments_and_begins_at_its_step(walk: Walk) -> None:
    args = """
  - {name: analysis-interval}
  - {name: failure-limit}
  - {name: inconclusive-limit}
  - {name: success-condition, value: replace}
"""
    metric = f'    initialDelay: "{{{{args.analysis-interval}}}}"{LIMITS}'
    strategy = """
analysis:
  templates: [{templateName: analysis-secret}]
  startingStep: 1
  args:
  - {name: failure-limit, value: "2"}
  - {name: analysis-interval, value: 10s}
  - {name: inconclusive-limit, value: "2"}
  - {name: success-condition, value: "1"}
steps: [{setWeight: 25}, {pause: {}}]
"""
    await walk.healthy(
        from_a_secret("analysis-secret", args, metric, "{{args.success-condition}}"),
        canary("background-args", strategy),
    )
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Paused")
    await asyncio.sleep(3)
    (run,) = await walk.runs("Background")
    assert run["status"]["phase"] == "Running"
    await walk.promote()
    await walk.phase("Healthy")
    await walk.run_phase("Background", "Successful")
