"""The client against the engine itself, in virtual time: what a script does, and what comes of it."""

import runpy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.client import Client, RolloutAborted
from rollouts.embedded.virtual_time import run
from rollouts.embedded.world import World

EXAMPLE = Path(__file__).parents[2] / "examples" / "scripted_promotion.py"

ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: web, image: "shop:1", ports: [{containerPort: 8080}]}]}
  strategy:
    canary:
      steps: [{setWeight: 25}, {pause: {}}, {setWeight: 50}, {pause: {}}]
"""


async def shipped(world: World) -> Client:
    """The first version is out."""
    await world.apply(yaml.safe_load(ROLLOUT))
    cd = Client(world.client, namespace="default", clock=world.clock)
    await cd.rollouts.wait_for("shop", "Healthy", timeout="10m")
    return cd


def example() -> Callable[[Client, str, dict[str, str], Callable[[], Awaitable[bool]]], Awaitable[bool]]:
    ship: Any = runpy.run_path(str(EXAMPLE))["ship"]
    return ship  # type: ignore[no-any-return]


@pytest.mark.parametrize("good", [True, False])
def test_the_example_promotes_while_its_check_holds_and_aborts_when_it_fails(*, good: bool) -> None:
    checked: list[int] = []

    async def main() -> None:
        async with World() as world:
            cd = await shipped(world)

            async def check() -> bool:
                rollout = await cd.rollouts.get("shop")
                assert rollout.step is not None
                checked.append(rollout.step)
                return good or len(checked) < 2

            assert await example()(cd, "shop", {"web": "shop:2"}, check) is good
            if good:
                assert world.replica_sets("shop") == {"shop:2": 4, "shop:1": 0}
            else:
                with pytest.raises(RolloutAborted):
                    await cd.rollouts.wait_for("shop", "Healthy", timeout="5m")

    run(main())
    assert checked == [1, 3]


def test_undo_brings_the_old_version_back_by_the_same_steps() -> None:
    async def main() -> None:
        async with World() as world:
            cd = await shipped(world)
            await cd.rollouts.set_image("shop", {"*": "shop:2"})
            await cd.rollouts.promote("shop", full=True)
            await cd.rollouts.wait_for("shop", "Healthy", timeout="10m")
            await cd.rollouts.undo("shop")
            back = await cd.rollouts.wait_for("shop", "Paused", timeout="10m")
            assert (back.images["web"], back.revision) == ("shop:1", 3)

    run(main())


def test_a_retry_after_an_abort_walks_the_steps_again() -> None:
    async def main() -> None:
        async with World() as world:
            cd = await shipped(world)
            await cd.rollouts.set_image("shop", {"web": "shop:2"})
            await cd.rollouts.wait_for("shop", "Paused", timeout="10m")
            await cd.rollouts.abort("shop")
            await cd.rollouts.wait_for("shop", "Degraded", timeout="10m")
            await cd.rollouts.retry("shop")
            again = await cd.rollouts.wait_for("shop", "Paused", timeout="10m")
            assert (again.step, again.aborted) == (1, False)

    run(main())


def test_a_manual_pause_is_resumed_where_it_stands() -> None:
    async def main() -> None:
        async with World() as world:
            cd = await shipped(world)
            await cd.rollouts.set_image("shop", {"web": "shop:2"})
            await cd.rollouts.wait_for("shop", "Paused", timeout="10m")
            await cd.rollouts.pause("shop")
            await cd.rollouts.promote("shop")
            seen = await cd.rollouts.wait_for("shop", "Paused", timeout="10m")
            assert seen.step == 3

    run(main())
