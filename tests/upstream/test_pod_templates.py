"""Upstream's functional suite: what a pod template may hold, and specs that are mended."""

import pytest
import yaml

from tests.upstream.conftest import UPSTREAM
from tests.upstream.manifests import IMAGE, rollout
from tests.upstream.walk import Walk, hash_of

pytestmark = pytest.mark.upstream

WRONG = "resources: {requests: {memory: invalid}}"


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


@pytest.mark.parametrize("field", ["required", "preferred"])
async def test_pods_of_a_version_under_way_keep_off_the_nodes_of_the_stable_ones(
    walk: Walk, field: str
) -> None:
    """Each version's pods have a rule against the version that was stable before it, the first ones none."""
    field = f"{field}DuringSchedulingIgnoredDuringExecution"
    how = {"weight": 9} if field.startswith("preferred") else {}
    strategy = {"antiAffinity": {field: how}, "steps": [{"setWeight": 50}, {"pause": {}}]}
    await walk.healthy(rollout("keeps-off", yaml.safe_dump({"canary": strategy})))
    assert await _rules(walk, 1, field) == []
    for revision in (2, 3):
        await walk.update()
        await walk.phase("Paused")
        stable = hash_of(await walk.replica_set(revision - 1))
        assert await _rules(walk, revision, field) == [[stable]]
        await walk.promote(full=True)
        await walk.phase("Healthy")
    if UPSTREAM and field.startswith("preferred"):
        return  # it takes what is left of its rule for the author's, and makes the same version twice
    await walk.undo(1)
    await walk.phase("Paused")
    assert await _rules(walk, 4, field) == [[hash_of(await walk.replica_set(3))]]


async def _rules(walk: Walk, revision: int, field: str) -> list[list[str]]:
    """The pod hashes that a pod of a revision keeps off."""
    await walk.pod_count(revision, 1)
    (pod,) = await walk.pods(revision)
    terms = ((pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}).get(field) or []
    found = [each.get("podAffinityTerm", each) for each in terms]
    assert all(each["topologyKey"] == "kubernetes.io/hostname" for each in found)
    assert all(each["namespaces"] == [walk.namespace] for each in found)
    return [each["labelSelector"]["matchExpressions"][0]["values"] for each in found]


async def test_resources_that_are_no_quantity_are_dropped_by_upstream_and_told_of_by_us(walk: Walk) -> None:
    await walk.apply(rollout("malformed-rollout", "canary: {}", container=WRONG))
    await _dropped_or_told(walk)


async def test_an_ephemeral_container_in_a_template_makes_no_difference_to_that(walk: Walk) -> None:
    found = yaml.safe_load(rollout("malformed-rollout-ephemeral", "canary: {}", container=WRONG))
    twice = {"name": "malformed-rollout-ephemeral", "image": IMAGE, **yaml.safe_load(WRONG)}
    found["spec"]["template"]["spec"]["ephemeralContainers"] = [twice]
    await walk.apply(yaml.safe_dump(found))
    await _dropped_or_told(walk)


async def _dropped_or_told(walk: Walk) -> None:
    if UPSTREAM:
        await walk.phase("Healthy")
        (pod,) = await walk.pods(1)
        assert "requests" not in pod["spec"]["containers"][0].get("resources", {})
        return
    await walk.until(
        lambda each: any(
            condition["reason"] == "ReplicaSetCreateError" and "quantities must match" in condition["message"]
            for condition in (each.get("status") or {}).get("conditions") or ()
        ),
        "word of the quantity",
    )


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
