"""What upstream's plugin does with files and beside rollouts: create, lint, completion, notifications."""

from pathlib import Path

import pytest

from tests.places import REPOSITORY
from tests.upstream.acts import BY_HAND, rollout, template
from tests.upstream.printed import plugin
from tests.upstream.walk import INSTANCE, INSTANCE_LABEL, Walk

pytestmark = pytest.mark.upstream

EXAMPLES = sorted(
    each.name for each in (REPOSITORY / "examples").glob("*.yaml") if "kind: Rollout" in each.read_text()
)
WITH_FIELDS_OF_OURS = {"canary-by-evidence.yaml", "canary-with-baseline.yaml"}
LABELLED = f"metadata: {{name: shop, labels: {{{INSTANCE_LABEL}: {INSTANCE}}}}}"

REFUSED = {
    "maxUnavailable: 0, maxSurge: 0": "MaxSurge and MaxUnavailable both can not be zero",
    "steps: [{setWeight: 101}]": "SetWeight needs to be between 0 and",
    "steps: [{}]": "Step must have one of the following set",
    "steps: [{setWeigth: 10}]": 'unknown field "setWeigth"',
    "canaryService: a, stableService: a": "This rollout uses the same service for the stable and canary",
}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_the_examples_pass_but_for_what_upstream_cannot_know(walk: Walk, name: str) -> None:
    said = await plugin(walk, "lint", "-f", str(REPOSITORY / "examples" / name))
    if name in WITH_FIELDS_OF_OURS:
        assert said.code == 1
        assert 'unknown field "advance"' in said.out
    else:
        assert said == (0, "")


@pytest.mark.parametrize("strategy", REFUSED)
async def test_what_upstream_refuses_in_a_file_is_refused_in_the_cluster(
    walk: Walk, tmp_path: Path, strategy: str
) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(rollout(f"canary: {{{strategy}}}"))
    said = await plugin(walk, "lint", "-f", str(file))
    assert said.code == 1
    assert REFUSED[strategy] in said.out
    if "unknown field" in said.out:
        return  # the API server drops it: neither controller sees it
    await walk.apply(file.read_text())
    await walk.until(
        lambda each: (each.get("status") or {}).get("message", "").startswith("InvalidSpec"), "InvalidSpec"
    )


async def test_what_is_created_is_rolled_out(walk: Walk, tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    body = rollout(f"canary: {{{BY_HAND}}}").replace("metadata: {name: shop}", LABELLED)
    file.write_text(body)
    said = await plugin(walk, "create", "-f", str(file))
    assert said == (0, "rollout.argoproj.io/shop created\n")
    walk.name = "shop"
    await walk.phase("Healthy")
    again = await plugin(walk, "create", "-f", str(file))
    assert again.code == 1
    assert 'rollouts.argoproj.io "shop" already exists' in again.out
    file.write_text(template("slow", '"sleep 1"'))
    said = await plugin(walk, "create", "-f", str(file))
    assert said == (0, "analysistemplate.argoproj.io/slow created\n")


async def test_a_shell_is_helped_and_the_version_told(walk: Walk) -> None:
    for shell in ("bash", "zsh", "fish", "powershell"):
        assert "__complete" in (await plugin(walk, "completion", shell)).out
    named = await plugin(walk, "__complete", "get", "rollout", "")
    assert named.code == 0
    assert (await plugin(walk, "version", "--short")).out.startswith("kubectl-argo-rollouts: v")


async def test_notifications_are_those_of_the_config_map_and_need_its_secret(walk: Walk) -> None:
    said = await plugin(walk, "notifications", "template", "get")
    assert said == (0, 'failed to get api: secrets "argo-rollouts-notification-secret" not found\n')
    await walk.kubectl("create", "secret", "generic", "argo-rollouts-notification-secret")
    said = await plugin(walk, "notifications", "template", "get")
    assert 'configmaps "argo-rollouts-notification-configmap" not found' in said.out
    body = (
        "--from-literal=template.x=message: hi",
        '--from-literal=trigger.on-x=[{send: [x], when: "true"}]',
    )
    await walk.kubectl("create", "configmap", "argo-rollouts-notification-configmap", *body)
    assert "x     hi" in (await plugin(walk, "notifications", "template", "get")).out
    assert "on-x  x         true" in (await plugin(walk, "notifications", "trigger", "get")).out
