"""Upstream's functional suite: promote, in every way."""

import asyncio

import pytest

from tests.upstream.manifests import SLEEP_JOB, rollout, service
from tests.upstream.walk import Walk, phase_of

pytestmark = pytest.mark.upstream


async def test_a_canary_is_promoted_past_a_pause_and_an_analysis_and_after_an_abort_wholly(
    walk: Walk,
) -> None:
    await walk.apply(SLEEP_JOB)
    await walk.healthy(
        rollout(
            "canary-promote-full",
            """
canary:
  analysis: {templates: [{templateName: sleep-job}], startingStep: 4}  # which is never come to
  steps:
  - pause: {duration: 24h}
  - analysis: {templates: [{templateName: sleep-job}], args: [{name: duration, value: 24h}]}
  - pause: {}
  - analysis: {templates: [{templateName: sleep-job}]}
""",
        )
    )
    await walk.update()
    await walk.phase("Paused")
    await walk.promote()
    await asyncio.sleep(2)
    seen = await walk.rollout()
    assert (seen["status"]["currentStepIndex"], phase_of(seen)) == (1, "Progressing")
    assert len(await walk.runs()) == 1
    await walk.promote()
    await asyncio.sleep(2)
    await walk.phase("Paused")
    await walk.abort()
    await asyncio.sleep(1)
    await walk.promote(full=True)
    await walk.phase("Healthy")
    assert len(await walk.runs()) == 1


async def test_a_blue_green_that_is_promoted_wholly_has_no_analysis(walk: Walk) -> None:
    await walk.apply(SLEEP_JOB, service("bluegreen-promote-full-active", "bluegreen-promote-full"))
    await walk.healthy(
        rollout(
            "bluegreen-promote-full",
            """
blueGreen:
  activeService: bluegreen-promote-full-active
  autoPromotionEnabled: false
  prePromotionAnalysis: {templates: [{templateName: sleep-job}]}
  postPromotionAnalysis: {templates: [{templateName: sleep-job}]}
""",
            "replicas: 3",
            "readinessProbe: {initialDelaySeconds: 3, exec: {command: ['true']}}",
        )
    )
    await walk.update()
    await asyncio.sleep(1)
    await walk.promote(full=True)
    await walk.phase("Healthy")
    assert await walk.runs() == []
