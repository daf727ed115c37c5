"""One controller stops, the other starts: in whatever state its rollouts are, it leaves them so and goes on.

The run's controller takes over from the other one, or from the one that ROLLOUTS_TEST_PREDECESSOR names.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.upstream.acts import (
    BLUE_GREEN,
    BY_HAND,
    CHANGES_HANDS,
    NGINX,
    ROUTED,
    SERVICES,
    TO_THE_END,
    Act,
    aborts,
    at_step,
    becomes,
    gets_a_version_that_comes_up,
    gets_a_version_that_never_comes_up,
    healthy,
    in_turn,
    is_mended,
    is_refused,
    is_restarted_once,
    paused,
    pods,
    promotes,
    promotes_in_full,
    retries,
    rollout,
    run_is,
    runs,
    switches,
    template,
    updates,
    weight,
)
from tests.upstream.controllers import Controllers, Name
from tests.upstream.kept import Kept
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

SUCCESSOR = cast("Name", os.environ.get("ROLLOUTS_TEST_CONTROLLER", "ours"))
PREDECESSOR = cast(
    "Name",
    os.environ.get("ROLLOUTS_TEST_PREDECESSOR") or ("upstream" if SUCCESSOR == "ours" else "ours"),
)
_A_WHILE = 4.0
"""Seconds in which a controller has looked at everything."""


@pytest.fixture
def controllers() -> Controllers:
    """Those that a test starts and stops itself."""
    names = ("KUBECONFIG", "ACCOUNT", "PEERS", "LOG")
    kubeconfig, account, peers, log = (Path(os.environ[f"ROLLOUTS_TEST_{name}"]) for name in names)
    return Controllers(kubeconfig, account, peers, log.parent)


@dataclass(frozen=True)
class State:
    """A rollout on its way."""

    name: str
    begin: Act
    """How it comes there."""
    end: Act
    """What is done afterwards, and what must come of it."""
    restless: str = ""
    """A Service that upstream's controller changes with every pass."""


STATES = [
    State(
        "a healthy canary without steps",
        healthy(rollout("canary: {}")),
        in_turn(updates, becomes("Progressing"), becomes("Healthy"), pods(1, 0), pods(2, 2)),
    ),
    State("a healthy canary with steps", healthy(rollout(f"canary: {{{BY_HAND}}}")), CHANGES_HANDS),
    State(
        "a healthy canary with traffic routing",
        healthy(*ROUTED, rollout(f"canary: {{{NGINX}, {BY_HAND}}}")),
        in_turn(weight(0), CHANGES_HANDS, weight(0)),
    ),
    State("a canary paused by hand", paused(rollout(f"canary: {{{BY_HAND}}}")), TO_THE_END),
    State(
        "a canary paused for a while",
        paused(rollout("canary: {steps: [{setWeight: 50}, {pause: {duration: 45s}}, {setWeight: 75}]}")),
        in_turn(becomes("Healthy"), pods(1, 0)),
    ),
    State(
        "a canary at its second pause, with traffic routing",
        in_turn(
            paused(*ROUTED, rollout(f"canary: {{{NGINX}, {BY_HAND}}}", replicas=4)), promotes, at_step(3)
        ),
        in_turn(
            weight(75),
            aborts,
            becomes("Degraded"),
            weight(0),
            retries,
            becomes("Paused"),
            weight(50),
            promotes_in_full,
            becomes("Healthy"),
            weight(0),
            pods(2, 4),
        ),
    ),
    State(
        "a canary with a scale of its own and a dynamic stable scale",
        paused(
            *ROUTED,
            rollout(
                f"canary: {{{NGINX}, dynamicStableScale: true, "
                "steps: [{setCanaryScale: {replicas: 1}}, {setWeight: 25}, {pause: {}}]}",
                replicas=4,
            ),
        ),
        in_turn(weight(25), promotes, becomes("Healthy"), weight(0), pods(2, 4)),
    ),
    State(
        "a canary at an analysis whose Job runs",
        in_turn(
            healthy(
                template("slow", '"sleep 45"'),
                rollout(
                    "canary: {steps: [{setWeight: 50}, {analysis: {templates: [{templateName: slow}]}}]}"
                ),
            ),
            updates,
            run_is("Step", "Running"),
        ),
        in_turn(becomes("Healthy"), run_is("Step", "Successful"), runs(1)),
    ),
    State(
        "a canary at an analysis that will fail",
        in_turn(
            healthy(
                template("fails", '"sleep 45; exit 1"'),
                rollout(
                    "canary: {steps: [{setWeight: 50}, {analysis: {templates: [{templateName: fails}]}}]}"
                ),
            ),
            updates,
            run_is("Step", "Running"),
        ),
        in_turn(becomes("Degraded"), run_is("Step", "Failed"), runs(1), pods(2, 0)),
    ),
    State(
        "a canary with an analysis beside its steps",
        in_turn(
            paused(
                template("often", '"sleep 0"', "1h"),
                rollout(f"canary: {{analysis: {{templates: [{{templateName: often}}]}}, {BY_HAND}}}"),
            ),
            run_is("Background", "Running"),
        ),
        in_turn(
            promotes, at_step(3), promotes, becomes("Healthy"), run_is("Background", "Successful"), runs(1)
        ),
    ),
    State(
        "an aborted canary",
        in_turn(paused(rollout(f"canary: {{{BY_HAND}}}")), aborts, becomes("Degraded"), pods(2, 0)),
        in_turn(retries, becomes("Paused"), promotes_in_full, becomes("Healthy"), pods(2, 2)),
    ),
    State(
        "an aborted canary with traffic routing, whose pods wait for their end",
        in_turn(
            paused(*ROUTED, rollout(f"canary: {{{NGINX}, abortScaleDownDelaySeconds: 45, {BY_HAND}}}")),
            aborts,
            becomes("Degraded"),
            weight(0),
        ),
        in_turn(
            pods(2, 0),
            retries,
            becomes("Paused"),
            weight(50),
            promotes_in_full,
            becomes("Healthy"),
            pods(2, 2),
        ),
        restless="shop-canary",
    ),
    State(
        "a healthy blue/green",
        healthy(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, scaleDownDelaySeconds: 2}}")),
        in_turn(updates, switches, becomes("Healthy"), pods(1, 0)),
    ),
    State(
        "a blue/green paused before its promotion",
        paused(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, autoPromotionEnabled: false}}")),
        in_turn(promotes, switches, becomes("Healthy")),
    ),
    State(
        "a blue/green to be aborted before its promotion",
        paused(
            *SERVICES,
            rollout(
                f"blueGreen: {{{BLUE_GREEN}, autoPromotionEnabled: false, previewReplicaCount: 1, "
                "abortScaleDownDelaySeconds: 2}"
            ),
        ),
        in_turn(aborts, becomes("Degraded"), pods(2, 0), pods(1, 2)),
    ),
    State(
        "a blue/green that promotes itself after a while",
        paused(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, autoPromotionSeconds: 45}}")),
        in_turn(switches, becomes("Healthy")),
    ),
    State(
        "a blue/green whose old pods wait for their end",
        in_turn(
            healthy(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, scaleDownDelaySeconds: 45}}")),
            updates,
            switches,
            becomes("Healthy"),
        ),
        in_turn(pods(1, 2), pods(1, 0)),
    ),
    State(
        "a blue/green with an analysis before its promotion",
        in_turn(
            healthy(
                *SERVICES,
                template("slow", '"sleep 45"'),
                rollout(
                    f"blueGreen: {{{BLUE_GREEN}, "
                    "prePromotionAnalysis: {templates: [{templateName: slow}]}}"
                ),
            ),
            updates,
            run_is("PrePromotion", "Running"),
        ),
        in_turn(switches, becomes("Healthy"), runs(1)),
    ),
    State(
        "a blue/green with an analysis after its promotion that will fail",
        in_turn(
            healthy(
                *SERVICES,
                template("fails", '"sleep 45; exit 1"'),
                rollout(
                    f"blueGreen: {{{BLUE_GREEN}, "
                    "postPromotionAnalysis: {templates: [{templateName: fails}]}}"
                ),
            ),
            updates,
            run_is("PostPromotion", "Running"),
        ),
        in_turn(becomes("Degraded"), lambda walk: walk.active_revision(1), runs(1)),
    ),
    State(
        "an invalid spec",
        in_turn(healthy(rollout(f"canary: {{{BY_HAND}}}")), is_refused),
        in_turn(is_mended, becomes("Healthy"), CHANGES_HANDS),
    ),
    State(
        "a restarted canary",
        in_turn(healthy(rollout(f"canary: {{{BY_HAND}}}")), is_restarted_once),
        is_restarted_once,
    ),
    State(
        "a canary whose progress deadline is exceeded",
        in_turn(
            healthy(rollout(f"canary: {{{BY_HAND}}}", spec="progressDeadlineSeconds: 3")),
            gets_a_version_that_never_comes_up,
            becomes("Degraded"),
        ),
        in_turn(gets_a_version_that_comes_up, becomes("Paused"), pods(3, 1)),
    ),
    State(
        "a canary that its user has paused",
        in_turn(
            healthy(rollout(f"canary: {{{BY_HAND}}}")),
            lambda walk: walk.plugin("pause", "shop"),
            updates,
            becomes("Paused"),
        ),
        in_turn(promotes, at_step(1), TO_THE_END),
    ),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_what_a_controller_finds_is_left_as_it_is_and_comes_to_its_end(
    walk: Walk, controllers: Controllers, state: State
) -> None:
    walk.instance = walk.namespace
    with controllers.running(PREDECESSOR, walk.instance, walk.namespace):
        await state.begin(walk)
        await asyncio.sleep(_A_WHILE)
    before = await Kept.now(walk.kube, walk.namespace)
    with controllers.running(SUCCESSOR, walk.instance, walk.namespace):
        await asyncio.sleep(_A_WHILE)
        broken = await before.broken(walk.kube, walk.namespace, but=[state.restless])
        assert not broken, "\n".join(broken)
        await state.end(walk)
