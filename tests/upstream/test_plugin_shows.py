"""Upstream's plugin shows a rollout of ours as it shows one of upstream's controller, in every state."""

import pytest

from tests.upstream.acts import (
    BLUE_GREEN,
    BY_HAND,
    NGINX,
    ROUTED,
    SERVICES,
    Act,
    aborts,
    at_step,
    becomes,
    gets_a_version_that_never_comes_up,
    healthy,
    in_turn,
    is_refused,
    is_restarted_once,
    paused,
    pods,
    promotes,
    rollout,
    run_is,
    switches,
    template,
    updates,
    weight,
)
from tests.upstream.printed import prints
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

LOOKS = (
    "get rollout shop --no-color",
    "status shop --watch=false",
    "status shop --timeout 1s",
    "list rollouts",
)

STATES: dict[str, Act] = {
    "a healthy canary": healthy(rollout(f"canary: {{{BY_HAND}}}")),
    "a healthy canary without steps": healthy(rollout("canary: {}")),
    "a paused canary": paused(rollout(f"canary: {{{BY_HAND}}}")),
    "a canary at its second pause": in_turn(
        paused(rollout(f"canary: {{{BY_HAND}}}", replicas=4)), promotes, at_step(3)
    ),
    "a paused canary with traffic routing": in_turn(
        paused(*ROUTED, rollout(f"canary: {{{NGINX}, {BY_HAND}}}", replicas=4)), weight(50)
    ),
    "an aborted canary": in_turn(
        paused(rollout(f"canary: {{{BY_HAND}}}")), aborts, becomes("Degraded"), pods(2, 0)
    ),
    "an aborted canary whose pods wait for their end": in_turn(
        paused(*ROUTED, rollout(f"canary: {{{NGINX}, abortScaleDownDelaySeconds: 300, {BY_HAND}}}")),
        aborts,
        becomes("Degraded"),
        weight(0),
    ),
    "a canary at an analysis": in_turn(
        healthy(
            template("slow", '"sleep 300"'),
            rollout("canary: {steps: [{setWeight: 50}, {analysis: {templates: [{templateName: slow}]}}]}"),
        ),
        updates,
        run_is("Step", "Running"),
    ),
    "a canary whose analysis has failed": in_turn(
        healthy(
            template("fails", '"exit 1"'),
            rollout("canary: {steps: [{setWeight: 50}, {analysis: {templates: [{templateName: fails}]}}]}"),
        ),
        updates,
        becomes("Degraded"),
        pods(2, 0),
    ),
    "a canary with an analysis beside its steps": in_turn(
        paused(
            template("often", '"sleep 0"', "1h"),
            rollout(f"canary: {{analysis: {{templates: [{{templateName: often}}]}}, {BY_HAND}}}"),
        ),
        run_is("Background", "Running"),
    ),
    "a canary whose progress deadline is exceeded": in_turn(
        healthy(rollout(f"canary: {{{BY_HAND}}}", spec="progressDeadlineSeconds: 3")),
        gets_a_version_that_never_comes_up,
        becomes("Degraded"),
    ),
    "a canary that its user has paused": in_turn(
        healthy(rollout(f"canary: {{{BY_HAND}}}")),
        lambda walk: walk.plugin("pause", "shop"),
        updates,
        becomes("Paused"),
    ),
    "a restarted canary": in_turn(healthy(rollout(f"canary: {{{BY_HAND}}}")), is_restarted_once),
    "a canary with an invalid spec": in_turn(healthy(rollout(f"canary: {{{BY_HAND}}}")), is_refused),
    "a canary of no pods": in_turn(
        healthy(rollout(f"canary: {{{BY_HAND}}}")), lambda walk: walk.scale(0), pods(1, 0)
    ),
    "a healthy blue/green": healthy(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}}}")),
    "a paused blue/green": paused(
        *SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, autoPromotionEnabled: false}}")
    ),
    "an aborted blue/green": in_turn(
        paused(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, autoPromotionEnabled: false}}")),
        aborts,
        becomes("Degraded"),
    ),
    "a blue/green whose old pods wait for their end": in_turn(
        healthy(*SERVICES, rollout(f"blueGreen: {{{BLUE_GREEN}, scaleDownDelaySeconds: 300}}")),
        updates,
        switches,
        becomes("Healthy"),
    ),
    "a blue/green with an analysis before its promotion": in_turn(
        healthy(
            *SERVICES,
            template("slow", '"sleep 300"'),
            rollout(
                f"blueGreen: {{{BLUE_GREEN}, prePromotionAnalysis: {{templates: [{{templateName: slow}}]}}}}"
            ),
        ),
        updates,
        run_is("PrePromotion", "Running"),
    ),
    "a blue/green with an analysis after its promotion": in_turn(
        healthy(
            *SERVICES,
            template("slow", '"sleep 300"'),
            rollout(
                f"blueGreen: {{{BLUE_GREEN}, postPromotionAnalysis: {{templates: [{{templateName: slow}}]}}}}"
            ),
        ),
        updates,
        run_is("PostPromotion", "Running"),
    ),
}


@pytest.mark.parametrize("name", STATES)
async def test_a_rollout_is_shown_as_upstream_s_own(walk: Walk, name: str) -> None:
    await STATES[name](walk)
    await prints(walk, name, *LOOKS)
