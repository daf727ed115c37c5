"""Upstream's functional suite: the controller's own metrics, by the names that dashboards ask for."""

import os

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.upstream.manifests import rollout
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream


async def test_the_metrics_tell_of_a_rollout_its_phase_and_its_pods(walk: Walk) -> None:
    await walk.healthy(rollout("measured", "canary: {}", "replicas: 2"))
    async with httpx.AsyncClient() as client:
        answer = await client.get(os.environ["ROLLOUTS_TEST_METRICS"])
    assert answer.status_code == 200
    told = {
        sample.name: (sample.labels.get("phase"), sample.value)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.labels.get("namespace") == walk.namespace
    }
    assert told["rollout_info"] == ("Completed", 1)
    for what, count in (("desired", 2), ("available", 2), ("unavailable", 0), ("updated", 2)):
        assert told[f"rollout_info_replicas_{what}"] == (None, count)
    assert "rollout_events_total" in told
