"""Upstream's analysis suite, blue/green: before the switch, after it, and what a verdict leaves running."""

import asyncio

import pytest
import yaml

from tests.upstream.manifests import blue_green, template
from tests.upstream.walk import Walk, is_draining, phase_of

pytestmark = pytest.mark.upstream


def sleep_job(when: str, **arguments: str) -> str:
    """An analysis of the template of that name, `prePromotionAnalysis` or `postPromotionAnalysis`."""
    given = "".join(
        f'\n  - {{name: {name.replace("_", "-")}, value: "{arguments[name]}"}}' for name in arguments
    )
    args = f"\n  args:{given}" if given else ""
    return f"{when}PromotionAnalysis:\n  templates: [{{templateName: sleep-job}}]{args}\n"


async def test_what_was_judged_before_and_after_the_switch_goes_back_at_once_without_another_analysis(
    walk: Walk,
) -> None:
    strategy = (
        sleep_job("pre", duration="5") + sleep_job("post", duration="5") + "autoPromotionEnabled: false"
    )
    original = blue_green("bluegreen-analysis", strategy)
    await walk.healthy(template("sleep-job"), original)
    assert len(await walk.runs()) == 0
    await walk.apply(original.replace("cpu: 1m", "cpu: 2m"))
    await walk.phase("Progressing")
    await walk.phase("Paused")
    assert len(await walk.runs()) == 1
    await walk.serves(active=1, preview=2)
    await asyncio.sleep(2)
    await walk.promote()
    await walk.active_revision(2)
    await asyncio.sleep(2)
    assert len(await walk.runs()) == 2
    assert await walk.counts() == (1, 2, 1, 1, 1)
    assert phase_of(await walk.rollout()) == "Progressing"
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 2
    await walk.serves(active=2, preview=2)
    await walk.apply(original)
    await asyncio.sleep(2)
    assert phase_of(await walk.rollout()) == "Healthy"
    assert len(await walk.runs()) == 2
    assert await walk.stable() == 3
    await walk.serves(active=3, preview=3)


async def test_a_preview_that_fails_its_analysis_is_tried_again_with_another_and_promoted(walk: Walk) -> None:
    strategy = sleep_job("pre", exit_code="1", duration="5")
    await walk.healthy(
        template("sleep-job"),
        blue_green(
            "pre-promotion-fail",
            f"abortScaleDownDelaySeconds: 0\npreviewReplicaCount: 1\n{strategy}",
            replicas=2,
        ),
    )
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Degraded")
    assert len(await walk.runs()) == 1
    assert await walk.stable() == 1
    await walk.serves(active=1, preview=2)
    better = sleep_job("pre", exit_code="0", duration="5").replace("\n", "\n      ")
    await walk.update(f"spec:\n  strategy:\n    blueGreen:\n      {better}")
    await walk.retry()
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 2
    assert await walk.stable() == 2
    await walk.serves(active=2, preview=2)


async def test_users_go_back_to_the_stable_version_when_its_successor_fails_after_the_switch(
    walk: Walk,
) -> None:
    strategy = "autoPromotionEnabled: false\n" + sleep_job("post", exit_code="1", duration="5")
    await walk.healthy(template("sleep-job"), blue_green("post-promotion-fail", strategy))
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Progressing")
    await walk.phase("Paused")
    assert await walk.stable() == 1
    await walk.serves(active=1, preview=2)
    await walk.promote()
    await asyncio.sleep(2)
    assert await walk.stable() == 1
    await walk.serves(active=2, preview=2)
    await walk.phase("Degraded")
    assert len(await walk.runs()) == 1
    assert await walk.stable() == 1
    await walk.serves(active=1, preview=2)


async def test_after_an_aborted_version_the_next_one_is_previewed_and_both_before_it_drain(
    walk: Walk,
) -> None:
    await walk.healthy(
        template("sleep-job"), blue_green("abort-and-update", sleep_job("post", exit_code="1"))
    )
    assert len(await walk.runs()) == 0
    await walk.update()
    await walk.phase("Degraded")
    assert len(await walk.runs()) == 1
    await walk.serves(active=1, preview=2)
    await walk.update(
        """
        spec:
          template: {metadata: {annotations: {foo: bar}}}
          strategy:
            blueGreen:
              autoPromotionEnabled: false
              postPromotionAnalysis: {templates: [{templateName: sleep-job}], args: null}
        """
    )
    await walk.phase("Paused")
    await asyncio.sleep(2)
    assert (await walk.count(1), await walk.count(3)) == (1, 1)
    assert is_draining(await walk.replica_set(2))
    await walk.serves(active=1, preview=3)
    await walk.promote()
    await walk.phase("Healthy")
    await asyncio.sleep(2)
    assert (await walk.count(1), await walk.count(3)) == (1, 1)
    assert is_draining(await walk.replica_set(1))
    assert is_draining(await walk.replica_set(2))
    await walk.serves(active=3, preview=3)
    assert len(await walk.runs()) == 2


async def test_a_small_preview_is_judged_waits_its_time_grows_is_switched_to_and_taken_back(
    walk: Walk,
) -> None:
    strategy = "previewReplicaCount: 1\nautoPromotionSeconds: 10\nscaleDownDelaySeconds: 5\n"
    strategy += sleep_job("pre", duration="10") + sleep_job("post", exit_code="1", duration="10")
    await walk.healthy(template("sleep-job"), blue_green("kitchensink", strategy, replicas=2))
    await walk.update()
    await walk.phase("Paused")
    assert len(await walk.runs()) == 1
    for seconds in (0, 5):  # it is not promoted too early
        await asyncio.sleep(seconds)
        await walk.serves(active=1, preview=2)
        assert await walk.stable() == 1
        assert (await walk.count(1), await walk.count(2)) == (2, 1)
        assert await walk.counts() == (2, 3, 1, 2, 2)
    await walk.active_revision(2)
    assert (await walk.count(1), await walk.count(2)) == (2, 2)
    assert await walk.counts() == (2, 4, 2, 2, 2)
    await asyncio.sleep(1)
    assert len(await walk.runs()) == 2
    await walk.phase("Degraded")
    await walk.serves(active=1, preview=2)
    assert await walk.stable() == 1
    assert (await walk.count(1), await walk.count(2)) == (2, 2)
    assert await walk.counts() == (2, 4, 2, 2, 2)


@pytest.mark.parametrize("by_hand", [True, False], ids=["promoted_by_hand", "promoted_by_itself"])
async def test_a_change_of_the_workload_that_is_referred_to_is_judged_before_and_after_the_switch(
    walk: Walk, by_hand: bool
) -> None:
    strategy = sleep_job("pre", duration="5") + sleep_job("post", duration="5")
    strategy += f"autoPromotionEnabled: {str(not by_hand).lower()}"
    rollout, deployment = _by_reference(blue_green("by-reference", strategy))
    await walk.healthy(template("sleep-job"), deployment, rollout)
    assert len(await walk.runs()) == 0
    assert await walk.stable() == 1
    await walk.apply(deployment.replace("cpu: 1m", "cpu: 2m"))
    await walk.phase("Progressing")
    if by_hand:
        await walk.phase("Paused")
        assert len(await walk.runs()) == 1
        await walk.serves(active=1, preview=2)
        await asyncio.sleep(2)
        await walk.promote()
    else:
        await walk.run_phase("PrePromotion", "Successful")
    await walk.active_revision(2)
    await asyncio.sleep(2)
    assert len(await walk.runs()) == 2
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 2
    assert await walk.stable() == 2
    await walk.serves(active=2, preview=2)


def _by_reference(manifest: str) -> tuple[str, str]:
    """The same rollout with its pods in a Deployment of no replicas, and that Deployment."""
    *services, rollout = yaml.safe_load_all(manifest)
    name, pods = rollout["metadata"]["name"], rollout["spec"].pop("template")
    rollout["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": rollout["spec"]["selector"], "template": pods},
    }
    return yaml.safe_dump_all([*services, rollout]), yaml.safe_dump(deployment)
