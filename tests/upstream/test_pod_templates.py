"""Upstream's functional suite: what a pod template may hold, and specs that are mended."""

import pytest
import yaml

from tests.upstream.manifests import IMAGE, rollout
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream


async def test_a_volume_with_items_is_taken_as_it_is(walk: Walk) -> None:
    mount = "volumeMounts: [{name: rollout-items, mountPath: /config, readOnly: true}]"
    found = yaml.safe_load(
        rollout("rollout-items", "canary: {steps: [{setWeight: 25}, {pause: {}}]}", "replicas: 2", mount)
    )
    items = [{"key": "game.properties", "path": "game.properties"}]
    config_map = {"name": "rollout-items", "items": items}
    found["spec"]["template"]["spec"]["volumes"] = [{"name": "rollout-items", "configMap": config_map}]
    await walk.healthy(
        """
apiVersion: v1
kind: ConfigMap
metadata: {name: rollout-items}
data: {game.properties: "player.maximum-lives=5"}
""",
        yaml.safe_dump(found),
    )
    (pod, _) = await walk.pods(1)
    (volume,) = [each for each in pod["spec"]["volumes"] if "configMap" in each]
    assert volume["configMap"]["items"] == items


async def test_resources_that_are_no_quantity_are_dropped(walk: Walk) -> None:
    wrong = "resources: {requests: {memory: invalid}}"
    await walk.healthy(rollout("malformed-rollout", "canary: {}", container=wrong))
    (pod,) = await walk.pods(1)
    assert "requests" not in pod["spec"]["containers"][0].get("resources", {})


async def test_ephemeral_containers_of_a_template_are_dropped_whatever_is_wrong_with_them(
    walk: Walk,
) -> None:
    wrong = "resources: {requests: {memory: invalid}}"
    found = yaml.safe_load(rollout("malformed-rollout-ephemeral", "canary: {}", container=wrong))
    twice = {"name": "malformed-rollout-ephemeral", "image": IMAGE, **yaml.safe_load(wrong)}
    found["spec"]["template"]["spec"]["ephemeralContainers"] = [twice]
    await walk.healthy(yaml.safe_dump(found))


async def test_resources_are_kept_in_whatever_form_they_are_written(walk: Walk) -> None:
    found = yaml.safe_load(rollout("container-resource-formats", "canary: {}"))
    found["spec"]["template"]["spec"] = {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": name,
                "image": IMAGE,
                "command": ["sleep", "infinity"],
                "resources": {"requests": {"cpu": cpu}},
            }
            for name, cpu in (("a", 0.001), ("b", "0.001"), ("c", "1m"))
        ],
    }
    await walk.healthy(yaml.safe_dump(found))
    (pod,) = await walk.pods(1)
    assert [each["resources"]["requests"]["cpu"] for each in pod["spec"]["containers"]] == ["1m"] * 3


async def test_an_invalid_spec_is_taken_up_once_what_it_refers_to_is_there(walk: Walk) -> None:
    strategy = "canary: {analysis: {templates: [{templateName: doesnt-exist-yet}]}}"
    await walk.apply(rollout("fix-invalid-spec", strategy, "replicas: 0"))
    await walk.phase("Degraded")
    await walk.healthy(
        """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: doesnt-exist-yet}
spec:
  metrics:
  - name: web
    interval: 5s
    successCondition: result.major == '1'
    provider: {web: {url: "https://kubernetes.default.svc/version", insecure: true}}
"""
    )
