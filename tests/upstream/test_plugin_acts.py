"""The verbs of upstream's plugin: what each prints, and what comes of it."""

import asyncio

import pytest

from rollouts.api.meta import parse_time
from tests.upstream.acts import (
    BLUE_GREEN,
    BY_HAND,
    SERVICES,
    Act,
    at_step,
    becomes,
    healthy,
    paused,
    pods,
    rollout,
    run_is,
    switches,
    template,
    updates,
)
from tests.upstream.printed import plugin, recorded, transcript
from tests.upstream.walk import Walk

pytestmark = pytest.mark.upstream

CANARY = rollout(f"canary: {{{BY_HAND}}}")


async def play(walk: Walk, name: str, *script: str | Act) -> None:
    """Commands, whose output is held to what is recorded, with what is to come between them."""
    parts = []
    for each in script:
        if isinstance(each, str):
            parts.append(await transcript(walk, [each]))
        else:
            await each(walk)
    recorded(name, "\n".join(parts))


def image(revision: int, wanted: str) -> Act:
    """All pods of a revision run an image."""

    async def are_so(walk: Walk) -> bool:
        return {each["spec"]["containers"][0]["image"] for each in await walk.pods(revision)} == {wanted}

    return lambda walk: walk.eventually(lambda: are_so(walk), f"pods of {wanted} alone")


async def is_going_on(walk: Walk) -> None:
    await walk.until(lambda each: not each["spec"].get("paused"), "rollout that goes on")


async def test_an_image_is_set_promoted_and_undone(walk: Walk) -> None:
    await play(
        walk,
        "set image and undo",
        healthy(CANARY),
        "set image shop shop=nginx:1.20-alpine",
        becomes("Paused"),
        image(2, "nginx:1.20-alpine"),
        "promote shop --full",
        becomes("Healthy"),
        pods(1, 0),
        "undo shop",
        becomes("Paused"),
        image(3, "nginx:1.19-alpine"),
        "promote shop --full",
        becomes("Healthy"),
        pods(2, 0),
        "undo shop --to-revision=2",
        becomes("Paused"),
        image(4, "nginx:1.20-alpine"),
        "undo shop --to-revision=9",
        "set image shop nothing=nginx:1.20-alpine",
        "set image shop *=nginx:1.21-alpine",
        becomes("Paused"),
        image(5, "nginx:1.21-alpine"),
    )


async def test_steps_are_passed_one_by_one_or_all_at_once(walk: Walk) -> None:
    await play(
        walk,
        "promote",
        paused(CANARY),
        "promote shop",
        at_step(3),
        "promote shop --skip-current-step",
        becomes("Healthy"),
        pods(1, 0),
        "promote shop --full",
        updates,
        becomes("Paused"),
        "promote shop --skip-all-steps",
        becomes("Healthy"),
        pods(2, 0),
        "promote shop --full",
        "promote shop --skip-current-step",
    )


async def test_a_blue_green_is_promoted(walk: Walk) -> None:
    strategy = f"blueGreen: {{{BLUE_GREEN}, autoPromotionEnabled: false}}"
    await play(
        walk,
        "promote blue-green",
        paused(*SERVICES, rollout(strategy)),
        "promote shop --skip-current-step",
        "promote shop",
        switches,
        becomes("Healthy"),
    )


async def test_an_update_is_aborted_and_tried_again(walk: Walk) -> None:
    await play(
        walk,
        "abort and retry",
        paused(CANARY),
        "abort shop",
        becomes("Degraded"),
        pods(2, 0),
        "retry rollout shop",
        becomes("Paused"),
        "promote shop --full",
        becomes("Healthy"),
        pods(1, 0),
        "abort shop",
        becomes("Healthy"),
    )


async def test_a_rollout_is_paused_by_its_user_and_goes_on(walk: Walk) -> None:
    await play(
        walk,
        "pause",
        healthy(CANARY),
        "pause shop",
        becomes("Paused"),
        "promote shop",
        is_going_on,
        becomes("Healthy"),
    )


async def test_pods_are_replaced_at_once_or_later(walk: Walk) -> None:
    await walk.healthy(CANARY)
    await asyncio.sleep(2)  # a restart replaces what is older than it, and times are whole seconds
    before = {each["metadata"]["uid"] for each in await walk.pods(1)}

    async def all_new() -> bool:
        now = await walk.pods(1)
        return len(now) == 2 and not before & {each["metadata"]["uid"] for each in now}

    await play(walk, "restart", "restart shop", lambda _: walk.eventually(all_new, "new pods"))
    await walk.phase("Healthy")
    before = {each["metadata"]["uid"] for each in await walk.pods(1)}
    said = await plugin(walk, "restart", "shop", "--in", "10s")
    assert said.code == 0
    await asyncio.sleep(3)
    assert before == {each["metadata"]["uid"] for each in await walk.pods(1)}
    await walk.eventually(all_new, "new pods")
    asked = parse_time((await walk.rollout())["spec"]["restartAt"])
    assert all(parse_time(each["metadata"]["creationTimestamp"]) >= asked for each in await walk.pods(1))


async def test_an_analysis_is_ended_by_hand_and_a_human_has_the_next_word(walk: Walk) -> None:
    steps = "steps: [{setWeight: 50}, {analysis: {templates: [{templateName: slow}]}}, {pause: {}}]"
    await walk.healthy(template("slow", '"sleep 300"'), rollout(f"canary: {{{steps}}}"))
    await walk.update()
    run = await run_is("Step", "Running")(walk)
    assert isinstance(run, dict)
    name = run["metadata"]["name"]
    said = await plugin(walk, "terminate", "analysisrun", name)
    assert said.code == 0
    assert said.out == f"analysisRun '{name}' terminated\n"
    await walk.run_phase("Step", "Inconclusive")
    await walk.phase("Paused")
    await plugin(walk, "promote", "shop", "--full")
    await walk.phase("Healthy")


async def test_what_there_is_not_is_told(walk: Walk) -> None:
    verbs = ("get rollout", "get experiment", "status", "promote", "abort", "retry rollout", "restart")
    verbs += (
        "pause",
        "undo",
        "retry experiment",
        "terminate analysisrun",
        "terminate experiment",
    )
    commands = [f"{verb} nothing" for verb in verbs]
    commands += ["set image nothing a=b", "list rollouts", "list experiments", "list rollouts --name nothing"]
    await play(walk, "nothing there", *commands)
