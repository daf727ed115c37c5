"""Every manifest in examples/ is accepted, and every rollout in it arrives, in virtual time."""

from pathlib import Path

import pytest
import yaml

from analysis.validation import template_problems
from rollouts.api.analysis import AnalysisTemplate, ClusterAnalysisTemplate
from rollouts.api.application import Application
from rollouts.api.rollout import Rollout
from rollouts.api.validation import parse, validate_application, validate_rollout
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World

EXAMPLES = Path(__file__).parents[2] / "examples"
MANIFESTS = sorted(EXAMPLES.rglob("*.yaml"))
ROLLOUTS = [path for path in MANIFESTS if "kind: Rollout\n" in path.read_text()]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_an_example_holds_nothing_that_the_engine_refuses(path: Path) -> None:
    problems: list[object] = []
    for obj in yaml.safe_load_all(path.read_text()):
        match obj["kind"]:
            case "Rollout":
                problems += validate_rollout(parse(Rollout, obj))
            case "Application":
                problems += validate_application(parse(Application, obj))
            case "AnalysisTemplate":
                problems += template_problems(parse(AnalysisTemplate, obj))
            case "ClusterAnalysisTemplate":
                problems += template_problems(parse(ClusterAnalysisTemplate, obj))
    assert problems == []


@pytest.mark.parametrize("path", ROLLOUTS, ids=lambda path: path.name)
def test_an_example_is_deployed_and_takes_a_new_version_without_losing_a_request(path: Path) -> None:
    async def story() -> None:
        async with World() as world:
            await world.apply(path)
            rollout = next(o for o in yaml.safe_load_all(path.read_text()) if o["kind"] == "Rollout")
            name = rollout["metadata"]["name"]
            await world.run(minutes=1)
            assert world.phase(name) == "Healthy"
            unserved = world.load.unserved
            await world.set_image(name, "web=example.com/web:2.0.0")
            await world.run(minutes=10)
            if rollout["spec"]["strategy"].get("blueGreen", {}).get("autoPromotionEnabled") is False:
                assert world.phase(name) == "Paused"
                await world.patch(name, {"status": {"pauseConditions": None}}, status=True)
                await world.run(minutes=5)
            assert world.phase(name) == "Healthy"
            sizes = world.replica_sets(name)
            assert sizes["example.com/web:2.0.0"] == rollout["spec"]["replicas"]
            assert sum(sizes.values()) == rollout["spec"]["replicas"]
            assert world.load.unserved == unserved

    run(story())
