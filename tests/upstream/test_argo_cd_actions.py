"""The buttons of Argo CD do what they say, and its health tells where a rollout is."""

import asyncio

import pytest

from rollouts.api.meta import Object
from tests.upstream import argo_cd
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

CHECKS = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: checks}
spec:
  args: [{name: command}]
  metrics:
  - name: checks
    provider:
      job:
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers: [{name: checks, image: alpine:3.18, command: [sh, -c, "{{args.command}}"]}]
"""
SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: active}
spec: {ports: [{port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: preview}
spec: {ports: [{port: 80}], selector: {app: web}}
"""
UNDER_WAY = {"restart", "abort", "promote-full", "pause"}
ABORTED = {"restart", "retry", "promote-full"}
OWN_ABORT = ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
AT_PAUSE = ("Suspended", "CanaryPauseStep")
TERMINATED = (
    "Unknown",
    (
        'Metric "checks" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0): '
        '"Error Message: Metric Terminated"'
    ),
)
"""A run that was terminated while its measurement, a Job, was under way."""
FAILED = 'Metric "checks" assessed Failed due to failed (1) > failureLimit (0)'


def rollout(strategy: str, replicas: int = 2) -> str:
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: nginx:1.19-alpine}}]}}
  strategy: {{{strategy}}}
"""


def canary(*steps: str) -> str:
    return rollout(f"canary: {{steps: [{', '.join(steps)}]}}")


def analysis(command: str) -> str:
    """A step, or the like, that runs the checks."""
    return f"{{templates: [{{templateName: checks}}], args: [{{name: command, value: {command}}}]}}"


async def press(walk: Walk, action: str) -> None:
    await argo_cd.press(walk.kube, await walk.rollout(), action)


async def look(walk: Walk) -> tuple[tuple[str, str], set[str]]:
    """What Argo CD says of the rollout, and which actions it offers."""
    found = await walk.rollout()
    return argo_cd.seen(found), argo_cd.offered(found)


async def reaches(walk: Walk, status: str, why: str) -> Object:
    """Wait until Argo CD says this of the rollout.

    What a failed Job said of itself may follow: our controller tells it, upstream's does not.
    """

    def is_so(found: Object) -> bool:
        health, message = argo_cd.seen(found)
        return health == status and message.partition(': "Error Message: Job')[0] == why

    return await walk.until(is_so, f"{status}: {why}")


async def test_a_canary_is_resumed_from_pause_to_pause(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}", "{pause: {}}", "{pause: {duration: 1h}}"))
    assert await look(walk) == (("Healthy", ""), {"restart"})
    await walk.update()
    await walk.step(1)
    assert await look(walk) == (AT_PAUSE, {*UNDER_WAY, "resume", "skip-current-step"})
    await press(walk, "resume")
    await walk.step(2)
    assert await look(walk) == (AT_PAUSE, {*UNDER_WAY, "resume", "skip-current-step"})
    await press(walk, "resume")
    await reaches(walk, "Healthy", "")
    assert await look(walk) == (("Healthy", ""), {"restart"})
    assert await walk.canary_and_stable() == (2, 2)


async def test_a_step_is_skipped_and_the_next_one_is_made(walk: Walk) -> None:
    await walk.healthy(canary("{pause: {}}", "{setWeight: 50}", "{pause: {}}"))
    await walk.update()
    await walk.step(0)
    assert (await walk.count(1), await walk.count(2)) == (2, 0)
    await press(walk, "skip-current-step")
    await walk.step(2)
    assert (await walk.count(1), await walk.count(2)) == (1, 1)
    await press(walk, "skip-current-step")
    await reaches(walk, "Healthy", "")


async def test_an_aborted_canary_is_retried_and_then_promoted_although_aborted_again(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}", "{pause: {}}"))
    await walk.update()
    await walk.step(1)
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    assert await look(walk) == (OWN_ABORT, {*ABORTED, "skip-current-step"})
    await walk.pod_count(2, 0)
    await press(walk, "retry")
    await walk.step(1)
    assert await look(walk) == (AT_PAUSE, {*UNDER_WAY, "resume", "skip-current-step"})
    assert (await walk.count(1), await walk.count(2)) == (1, 1)
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    await press(walk, "promote-full")
    await reaches(walk, "Healthy", "")
    assert await look(walk) == (("Healthy", ""), {"restart"})
    await walk.pod_count(1, 0)
    assert await walk.count(2) == 2


async def test_a_canary_is_promoted_past_all_its_pauses(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}", "{pause: {}}", "{setWeight: 75}", "{pause: {}}"))
    await walk.update()
    await walk.step(1)
    await press(walk, "promote-full")
    await reaches(walk, "Healthy", "")
    await walk.pod_count(1, 0)
    assert await walk.count(2) == 2


async def test_a_canary_paused_by_hand_waits_until_it_is_resumed(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}", "{pause: {duration: 3s}}"))
    await walk.update()
    await walk.step(1)
    await press(walk, "pause")
    await reaches(walk, "Suspended", "manually paused")
    assert (await look(walk))[1] == {*UNDER_WAY, "resume", "skip-current-step"} - {"pause"}
    await press(walk, "resume")
    await reaches(walk, "Healthy", "")
    assert (await walk.rollout())["spec"]["paused"] is False


async def test_a_version_that_never_comes_up_is_paused_resumed_and_aborted(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}"))
    await walk.update("spec: {template: {metadata: {annotations: {stand-in/ready-after: never}}}}")
    await walk.pod_count(2, 1)
    await reaches(walk, "Progressing", "more replicas need to be updated")
    assert (await look(walk))[1] == {*UNDER_WAY, "skip-current-step"}
    await press(walk, "pause")
    await reaches(walk, "Suspended", "manually paused")
    assert (await look(walk))[1] == {*UNDER_WAY, "resume", "skip-current-step"} - {"pause"}
    await press(walk, "resume")
    await reaches(walk, "Progressing", "more replicas need to be updated")
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    assert await walk.count(1) == 2


async def test_what_is_aborted_while_paused_by_hand_is_offered_a_resume(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}", "{pause: {}}"))
    await walk.update()
    await walk.step(1)
    await press(walk, "pause")
    await reaches(walk, "Suspended", "manually paused")
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    assert (await look(walk))[1] == {*ABORTED, "resume", "skip-current-step"}
    await press(walk, "resume")
    await walk.until(lambda found: found["spec"]["paused"] is False, "resume")
    await walk.pod_count(1, 2)
    await walk.pod_count(2, 0)
    assert await look(walk) == (OWN_ABORT, {*ABORTED, "skip-current-step"})


async def test_an_analysis_is_skipped_and_its_run_ends(walk: Walk) -> None:
    await walk.healthy(CHECKS, canary("{setWeight: 50}", f"{{analysis: {analysis('sleep 300')}}}"))
    await walk.update()
    run = await walk.run_phase("Step", "Running")
    assert argo_cd.seen(run) == ("Progressing", "Analysis run is running")
    assert await look(walk) == (
        ("Progressing", "more replicas need to be updated"),
        {*UNDER_WAY, "skip-current-step"},
    )
    await press(walk, "skip-current-step")
    await reaches(walk, "Healthy", "")
    ended = await walk.run_phase("Step", "Inconclusive")
    assert argo_cd.seen(ended) == TERMINATED
    assert argo_cd.offered(ended) == set()


async def test_a_run_that_is_terminated_within_a_job_pauses_the_canary_and_is_made_anew(walk: Walk) -> None:
    await walk.healthy(CHECKS, canary("{setWeight: 50}", f"{{analysis: {analysis('sleep 300')}}}"))
    await walk.update()
    run = await walk.run_phase("Step", "Running")
    assert argo_cd.offered(run) == {"terminate"}
    await argo_cd.press(walk.kube, run, "terminate")
    ended = await walk.run_phase("Step", "Inconclusive")
    assert argo_cd.seen(ended) == TERMINATED
    assert argo_cd.offered(ended) == set()
    await reaches(walk, "Suspended", "InconclusiveAnalysisRun")
    assert (await look(walk))[1] == {*UNDER_WAY, "resume", "skip-current-step"}
    await press(walk, "resume")
    again = await walk.run_phase("Step", "Running")
    assert again["metadata"]["name"] != ended["metadata"]["name"]


async def test_a_run_that_is_terminated_between_two_measurements_says_so(walk: Walk) -> None:
    twice = CHECKS.replace(
        "- name: checks\n    provider", "- name: checks\n    count: 2\n    interval: 1h\n    provider"
    )
    await walk.healthy(twice, canary("{setWeight: 50}", f"{{analysis: {analysis('exit 0')}}}"))
    await walk.update()
    run = await walk.run_phase("Step", "Running")

    async def is_measured() -> bool:
        results = (await walk.runs("Step"))[0]["status"].get("metricResults", [])
        return any(result.get("successful") for result in results)

    await walk.eventually(is_measured, "measurement")
    await argo_cd.press(walk.kube, run, "terminate")
    ended = await walk.run_phase("Step", "Successful")
    assert argo_cd.seen(ended) == ("Healthy", "Run Terminated")
    assert argo_cd.offered(ended) == set()


async def test_a_failed_analysis_is_retried_with_a_run_of_its_own(walk: Walk) -> None:
    await walk.healthy(CHECKS, canary("{setWeight: 50}", f"{{analysis: {analysis('exit 1')}}}"))
    await walk.update()
    failed = await walk.run_phase("Step", "Failed")
    assert argo_cd.seen(failed)[0] == "Degraded"
    assert argo_cd.seen(failed)[1].startswith(FAILED)
    told = f"{OWN_ABORT[1]}: Step-based analysis phase error/failed: {FAILED}"
    await reaches(walk, "Degraded", told)
    assert (await look(walk))[1] == {*ABORTED, "skip-current-step"}
    await press(walk, "retry")

    async def is_again() -> bool:
        return len(await walk.runs("Step")) == 2

    await walk.eventually(is_again, "second run")
    await walk.run_phase("Step", "Failed")
    await reaches(walk, "Degraded", told)


async def test_a_background_analysis_ends_with_an_abort_and_begins_anew_with_a_retry(walk: Walk) -> None:
    background = f"canary: {{analysis: {analysis('sleep 300')}, steps: [{{setWeight: 50}}, {{pause: {{}}}}]}}"
    await walk.healthy(CHECKS, rollout(background))
    await walk.update()
    await walk.run_phase("Background", "Running")
    await walk.step(1)
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    ended = await walk.run_phase("Background", "Inconclusive")
    assert argo_cd.seen(ended) == TERMINATED
    await press(walk, "retry")
    await walk.run_phase("Background", "Running")
    await walk.step(1)
    assert len(await walk.runs("Background")) == 2
    assert (await look(walk))[0] == AT_PAUSE


async def test_an_error_of_the_analysis_is_told_as_such(walk: Walk) -> None:
    missing = CHECKS.replace("{{args.command}}", "{{args.command}} {{args.missing}}").replace(
        "[{name: command}]",
        "[{name: command}, {name: missing, valueFrom: {secretKeyRef: {name: nowhere, key: nothing}}}]",
    )
    await walk.healthy(missing, canary("{setWeight: 50}", f"{{analysis: {analysis('exit 0')}}}"))
    await walk.update()
    run = await walk.run_phase("Step", "Error")
    why = run["status"]["message"]
    assert argo_cd.seen(run) == ("Degraded", why)
    await reaches(walk, "Degraded", f"{OWN_ABORT[1]}: Step-based analysis phase error/failed: {why}")


async def test_the_pods_of_a_healthy_rollout_are_restarted(walk: Walk) -> None:
    await walk.healthy(rollout("canary: {}"))
    before = {pod["metadata"]["name"] for pod in await walk.pods(1)}
    await asyncio.sleep(1)  # restartAt has whole seconds; a pod of the same one is not older
    await press(walk, "restart")
    await reaches(walk, "Progressing", "rollout is restarting")
    await reaches(walk, "Healthy", "")
    after = await walk.rollout()
    assert after["status"]["restartedAt"] == after["spec"]["restartAt"]
    await walk.pod_count(1, 2)
    assert before.isdisjoint(pod["metadata"]["name"] for pod in await walk.pods(1))
    assert await look(walk) == (("Healthy", ""), {"restart"})


BLUE_GREEN = "blueGreen: {activeService: active, previewService: preview, autoPromotionEnabled: false}"


async def test_a_blue_green_is_resumed_and_switches(walk: Walk) -> None:
    await walk.healthy(SERVICES, rollout(BLUE_GREEN))
    assert await look(walk) == (("Healthy", ""), {"restart"})
    await walk.update()
    await reaches(walk, "Suspended", "BlueGreenPause")
    assert await look(walk) == (("Suspended", "BlueGreenPause"), {*UNDER_WAY, "resume"})
    await press(walk, "resume")
    await walk.active_revision(2)
    await reaches(walk, "Healthy", "")


async def test_a_blue_green_is_aborted_retried_aborted_and_promoted(walk: Walk) -> None:
    await walk.healthy(SERVICES, rollout(BLUE_GREEN))
    await walk.update()
    await reaches(walk, "Suspended", "BlueGreenPause")
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    assert await look(walk) == (OWN_ABORT, ABORTED)
    await press(walk, "retry")
    await reaches(walk, "Suspended", "BlueGreenPause")
    assert (await look(walk))[1] == {*UNDER_WAY, "resume"}
    await walk.active_revision(1)
    await press(walk, "abort")
    await reaches(walk, *OWN_ABORT)
    await press(walk, "promote-full")
    await walk.active_revision(2)
    await reaches(walk, "Healthy", "")


async def test_a_blue_green_is_retried_after_its_checks_failed(walk: Walk) -> None:
    checked = f"activeService: active, previewService: preview, prePromotionAnalysis: {analysis('exit 1')}"
    await walk.healthy(CHECKS, SERVICES, rollout(f"blueGreen: {{{checked}}}"))
    await walk.update()
    await reaches(
        walk, "Degraded", f"{OWN_ABORT[1]}: Blue/green pre-promotion analysis phase error/failed: {FAILED}"
    )
    assert (await look(walk))[1] == ABORTED
    await press(walk, "retry")

    async def is_again() -> bool:
        return len(await walk.runs("PrePromotion")) == 2

    await walk.eventually(is_again, "second run")
    await press(walk, "promote-full")
    await walk.active_revision(2)
    await reaches(walk, "Healthy", "")


async def test_a_first_version_that_never_comes_up_is_progressing(walk: Walk) -> None:
    never = "metadata: {labels: {app: web}, annotations: {stand-in/ready-after: never}}"
    await walk.apply(canary("{setWeight: 50}").replace("metadata: {labels: {app: web}}", never))
    await reaches(walk, "Progressing", "updated replicas are still becoming available")
    assert (await look(walk))[1] == {"restart"}


async def test_an_invalid_rollout_says_why(walk: Walk) -> None:
    await walk.apply(rollout("blueGreen: {activeService: nowhere}"))
    status, message = argo_cd.seen(await walk.phase("Degraded"))
    assert status == "Degraded"
    assert message.startswith("InvalidSpec: ")
    assert 'ervice "nowhere" not found' in message
    await walk.apply(SERVICES.replace("name: active", "name: nowhere"))
    await reaches(walk, "Healthy", "")


async def test_a_version_that_takes_too_long_says_so(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}"))
    never = "template: {metadata: {annotations: {stand-in/ready-after: never}}}"
    await walk.update(f"spec: {{progressDeadlineSeconds: 5, {never}}}")
    await walk.phase("Degraded")
    hash_ = (await walk.rollout())["status"]["currentPodHash"]
    why = f'ProgressDeadlineExceeded: ReplicaSet "web-{hash_}" has timed out progressing.'
    assert await look(walk) == (("Degraded", why), {*UNDER_WAY, "skip-current-step"})


async def test_what_is_made_paused_is_resumed(walk: Walk) -> None:
    await walk.apply(canary("{setWeight: 50}").replace("replicas: 2", "replicas: 2\n  paused: true"))
    await reaches(walk, "Suspended", "manually paused")
    assert "resume" in (await look(walk))[1]
    await press(walk, "resume")
    await reaches(walk, "Healthy", "")
    assert await look(walk) == (("Healthy", ""), {"restart"})


async def test_a_canary_is_restarted_at_its_pause_and_stays_there(walk: Walk) -> None:
    await walk.healthy(canary("{setWeight: 50}", "{pause: {}}"))
    await walk.update()
    await walk.step(1)
    before = {pod["metadata"]["name"] for revision in (1, 2) for pod in await walk.pods(revision)}
    await asyncio.sleep(1)  # restartAt has whole seconds; a pod of the same one is not older
    await press(walk, "restart")
    wanted = (await walk.rollout())["spec"]["restartAt"]
    await walk.until(lambda found: found["status"].get("restartedAt") == wanted, "restart")
    await reaches(walk, *AT_PAUSE)
    await walk.pod_count(1, 1)
    await walk.pod_count(2, 1)
    after = {pod["metadata"]["name"] for revision in (1, 2) for pod in await walk.pods(revision)}
    assert before.isdisjoint(after)
    assert (await look(walk))[1] == {*UNDER_WAY, "resume", "skip-current-step"}


async def test_a_blue_green_that_is_checked_after_its_switch_may_still_be_aborted(walk: Walk) -> None:
    checked = f"activeService: active, postPromotionAnalysis: {analysis('sleep 300')}"
    await walk.healthy(CHECKS, SERVICES, rollout(f"blueGreen: {{{checked}}}"))
    await walk.update()
    await walk.active_revision(2)
    await walk.run_phase("PostPromotion", "Running")
    waiting = ("Progressing", "waiting for analysis to complete")
    await reaches(walk, *waiting)
    assert await look(walk) == (waiting, UNDER_WAY)
    await press(walk, "abort")
    await walk.active_revision(1)
    await reaches(walk, *OWN_ABORT)
    assert await look(walk) == (OWN_ABORT, ABORTED)


async def test_a_blue_green_paused_before_its_preview_is_there_goes_on_when_it_is_resumed(walk: Walk) -> None:
    await walk.healthy(SERVICES, rollout("blueGreen: {activeService: active}"))
    await walk.update("spec: {template: {metadata: {annotations: {stand-in/ready-after: '8'}}}}")
    await reaches(walk, "Progressing", "active service cutover pending")
    assert (await look(walk))[1] == UNDER_WAY
    await press(walk, "pause")
    await reaches(walk, "Suspended", "manually paused")
    assert (await look(walk))[1] == {*UNDER_WAY, "resume"} - {"pause"}
    await press(walk, "resume")
    await reaches(walk, "Healthy", "")
    await walk.active_revision(2)
