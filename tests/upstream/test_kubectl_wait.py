"""Upstream's functional suite: `kubectl wait` for a condition."""

import pytest

from tests.upstream.manifests import rollout, service
from tests.upstream.walk import Walk, phase_of

pytestmark = pytest.mark.upstream


async def test_kubectl_waits_for_a_pause_and_for_its_end(walk: Walk) -> None:
    await walk.apply(service("kubectl-wait-paused"))
    strategy = "blueGreen: {activeService: kubectl-wait-paused, autoPromotionEnabled: false}"
    await walk.healthy(rollout("kubectl-wait-paused", strategy))
    await walk.update()
    await _condition(walk, "Paused")
    assert phase_of(await walk.rollout()) == "Paused"
    await walk.shows("active", 1)
    await walk.promote()
    await _condition(walk, "Paused=False")
    assert phase_of(await walk.rollout()) == "Healthy"
    await walk.shows("active", 2)


async def test_kubectl_waits_for_an_update_to_begin_and_to_be_healthy(walk: Walk) -> None:
    await walk.apply(service("kubectl-wait-healthy"))
    strategy = "blueGreen: {activeService: kubectl-wait-healthy, autoPromotionEnabled: true}"
    probe = "readinessProbe: {initialDelaySeconds: 5, httpGet: {path: /, port: 80}, periodSeconds: 10}"
    await walk.healthy(rollout("kubectl-wait-healthy", strategy, container=probe))
    await walk.update()
    await _condition(walk, "Healthy=False")
    assert phase_of(await walk.rollout()) == "Progressing"
    await walk.shows("active", 1)
    await _condition(walk, "Healthy=True")
    await walk.shows("active", 2)


async def _condition(walk: Walk, condition: str) -> None:
    """`kubectl wait` for it; for the 30 s that it waits by default."""
    said = await walk.kubectl("wait", f"--for=condition={condition}", f"rollout/{walk.name}")
    assert f"rollout.argoproj.io/{walk.name} condition met" in said
