"""kubectl, as people use it, against the engine that runs: nothing of ours is in between."""

import asyncio
from pathlib import Path

import pytest
import yaml

from tests.e2e.live import Live, until
from tests.e2e.shop import ROLLING, weighted, weights
from tests.world.simulated import rollout

pytestmark = pytest.mark.cluster

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
IMAGE = "/spec/template/spec/containers/0/image"
SET_V2 = f'[{{"op": "replace", "path": "{IMAGE}", "value": "shop:v2"}}]'
HEALTHY = "--for=jsonpath={.status.phase}=Healthy"


async def test_a_rollout_is_applied_waited_for_shown_scaled_and_deleted(live: Live, ns: str) -> None:
    await live.apply(ns, rollout(ROLLING, replicas=2))
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=20s")
    head, row = (await live.kubectl("get", "rollouts", "-n", ns)).splitlines()
    assert head.split() == ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:5] == ["shop", "2", "2", "2", "2"]
    await live.kubectl("scale", "rollout/shop", "-n", ns, "--replicas=3")
    await live.kubectl(
        "wait", "--for=jsonpath={.status.availableReplicas}=3", "rollout/shop", "-n", ns, "--timeout=20s"
    )
    told = await live.kubectl("describe", "rollout", "shop", "-n", ns)
    assert "Kind:         Rollout" in told
    assert "Normal" in told[told.index("Events:") :]
    await live.kubectl("delete", "rollout", "shop", "-n", ns)

    async def gone() -> bool:
        return not await live.kubectl("get", "rs,pods", "-n", ns, "-o", "name")

    await until(gone)


@pytest.mark.parametrize("how", ["patch", "edit", "replace"])
async def test_a_new_image_is_rolled_out_however_it_is_written(live: Live, ns: str, how: str) -> None:
    await live.apply(ns, rollout(ROLLING, replicas=1))
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=20s")
    match how:
        case "patch":
            change = (
                '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop:v2"}]'
            )
            await live.kubectl("patch", "rollout/shop", "-n", ns, "--type=json", "-p", change)
        case "edit":
            editor = "sed -i -e s/shop:v1/shop:v2/"
            await live.kubectl("edit", "rollout/shop", "-n", ns, KUBE_EDITOR=editor)
        case "replace":
            seen = await live.get(ns, "rollout/shop")
            seen["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:v2"
            await live.kubectl("replace", "-n", ns, "-f", "-", stdin=yaml.safe_dump(seen))
    second = "--for=jsonpath={.metadata.annotations.rollout\\.argoproj\\.io/revision}=2"
    await live.kubectl("wait", second, "rollout/shop", "-n", ns, "--timeout=20s")
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=20s")

    async def only_v2() -> bool:
        images = await live.kubectl("get", "pods", "-n", ns, "-o", "jsonpath={..containers[*].image}")
        return images.split() == ["shop:v2"]

    await until(only_v2)


async def test_explain_tells_of_every_step(live: Live) -> None:
    told = await live.kubectl("explain", "rollout.spec.strategy.canary.steps")
    assert "KIND:       Rollout" in told
    for step in ("setWeight", "pause", "analysis", "setCanaryScale"):
        assert step in told
    assert "selfHeal" in await live.kubectl("explain", "application.spec.syncPolicy.automated")


async def test_what_the_schema_forbids_is_refused_at_the_door(live: Live, ns: str) -> None:
    wrong = rollout(ROLLING, replicas=1)
    wrong["spec"]["strategy"] = {"canary": {"steps": [{"setWeigth": 10}]}}
    with pytest.raises(AssertionError, match=r'unknown field "spec.strategy.canary.steps\[0\].setWeigth"'):
        await live.apply(ns, wrong)
    assert not await live.kubectl("get", "rollouts", "-n", ns, "-o", "name")


async def test_what_the_schema_lets_pass_and_makes_no_sense_is_a_condition_and_an_event(
    live: Live, ns: str
) -> None:
    wrong = rollout(ROLLING, replicas=1)
    wrong["spec"]["selector"]["matchLabels"] = {"app": "other"}
    await live.apply(ns, wrong, rollout(ROLLING, name="other", replicas=1))
    invalid = "--for=condition=InvalidSpec"
    await live.kubectl("wait", invalid, "rollout/shop", "-n", ns, "--timeout=20s")
    told = await live.kubectl("describe", "rollout", "shop", "-n", ns)
    assert "selector" in told[told.index("Conditions:") :]
    assert "InvalidSpec" in told[told.index("Events:") :]
    await live.kubectl("wait", HEALTHY, "rollout/other", "-n", ns, "--timeout=20s")


async def test_every_example_is_valid_and_reaches_the_state_it_should(live: Live, ns: str) -> None:
    await asyncio.gather(*(_apply(live, ns, path) for path in EXAMPLES))
    names = await live.kubectl("get", "rollouts", "-n", ns, "-o", "name")
    # Each under a name of its own, so that all of them can be tried in one namespace.
    assert len(names.split()) == sum(path.read_text().count("kind: Rollout\n") for path in EXAMPLES)
    await live.kubectl("wait", HEALTHY, "rollouts", "--all", "-n", ns, "--timeout=30s")
    listed = await live.kubectl("get", "applications", "-n", "rollouts-system")
    assert listed.split()[:3] == ["NAME", "SYNC", "STATUS"]
    # Its repository is not on this machine: that is a condition, and harms nothing else.
    error = "--for=jsonpath={.status.conditions[0].type}=ComparisonError"
    await live.kubectl("wait", error, "application/shop", "-n", "rollouts-system", "--timeout=30s")
    await live.kubectl("delete", "application", "shop", "-n", "rollouts-system")
    await live.kubectl("delete", "clusteranalysistemplate", "golden-signals")


async def _apply(live: Live, ns: str, path: Path) -> None:
    where = () if path.name == "application.yaml" else ("-n", ns)
    await live.kubectl("apply", "--validate=strict", "-f", str(path), *where)


async def test_a_paused_rollout_is_promoted_with_the_patch_that_the_plugin_sends(live: Live, ns: str) -> None:
    await live.apply(ns, *weighted(ns, {"setWeight": 20}, {"pause": {}}, *weights(60, seconds=0.2)))
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=20s")
    await live.kubectl("patch", "rollout/shop", "-n", ns, "--type=json", "-p", SET_V2)
    paused = "--for=jsonpath={.status.phase}=Paused"
    await live.kubectl("wait", paused, "rollout/shop", "-n", ns, "--timeout=20s")
    go_on = ("--subresource=status", "--type=merge", "-p", '{"status": {"pauseConditions": null}}')
    await live.kubectl("patch", "rollout/shop", "-n", ns, *go_on)
    await live.kubectl("wait", HEALTHY, "rollout/shop", "-n", ns, "--timeout=20s")
