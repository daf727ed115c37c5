"""What a pod of the stand-in does is what its annotations ask for, and then its command."""

import time
from typing import Any

import pytest

from rollouts.embedded.pods.runner import Address, Launch, StartFailed
from tests.controlplane.standin import NEVER, USUAL, Behaviour, StandInProcess, behaviour


def launch(**more: Any) -> Launch:
    given: dict[str, Any] = {
        "namespace": "default",
        "pod": "web",
        "container": "web",
        "app": "web",
        "image": "web:1",
        "command": (),
        "env": {},
        "cwd": "/",
        "address": Address(ip="10.244.0.1"),
        "ports": (),
        "port_names": {},
        "completes": False,
        "broken": False,
        "probe": None,
    }
    return Launch(**given | more)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, Behaviour()),
        ({"probe": {"initialDelaySeconds": 7}}, Behaviour(ready_after=7)),
        ({"annotations": {"stand-in/ready-after": "5"}}, Behaviour(ready_after=5)),
        ({"annotations": {"stand-in/ready-after": "never"}}, Behaviour(ready_after=NEVER)),
        ({"broken": True}, Behaviour(ready_after=NEVER)),
        ({"command": ("sleep", "3600")}, Behaviour()),
        (
            {"lifecycle": {hook: {"exec": {"command": ["sleep", "5"]}} for hook in ("postStart", "preStop")}},
            Behaviour(ready_after=5 + USUAL, stops_after=5),
        ),
        ({"annotations": {"stand-in/exit-after": "3"}}, Behaviour(exit_after=3)),
        ({"completes": True}, Behaviour(exit_after=USUAL)),
        ({"completes": True, "command": ("false",)}, Behaviour(exit_after=USUAL, exit_code=1)),
        (
            {"completes": True, "command": ("sh", "-c", "-x", "sleep 2s && exit 3")},
            Behaviour(exit_after=2, exit_code=3),
        ),
        (
            {"completes": True, "command": ("true",), "annotations": {"stand-in/exit-code": "4"}},
            Behaviour(exit_after=USUAL, exit_code=4),
        ),
    ],
    ids=lambda value: "" if isinstance(value, Behaviour) else str(value),
)
def test_a_container_does_what_is_asked_of_it(asked: dict[str, Any], expected: Behaviour) -> None:
    assert behaviour(launch(**asked)) == expected


@pytest.mark.parametrize(("grace", "lasts"), [(0.0, 0.0), (0.1, 0.1), (30.0, 0.3)])
async def test_a_container_takes_the_time_of_its_pre_stop_hook_but_no_more_than_its_grace(
    grace: float, lasts: float
) -> None:
    process, began = StandInProcess(Behaviour(stops_after=0.3)), time.monotonic()
    await process.stop(grace)
    assert lasts <= time.monotonic() - began + 0.01 < lasts + 5
    assert await process.wait() == 143


@pytest.mark.parametrize(
    "asked", [{"command": ("/bad-command",)}, {"annotations": {"stand-in/start-error": "no such file"}}]
)
def test_a_container_that_cannot_be_started_says_so(asked: dict[str, Any]) -> None:
    with pytest.raises(StartFailed, match="no such file"):
        behaviour(launch(**asked))
