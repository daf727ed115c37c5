"""Stands in for the kubelet and the scheduler: every pod gets a node and a status, and nothing runs.

A pod is ready after half a second, or the initialDelaySeconds of its readiness probe; a container that comes
to an end does so after half a second, with status 0. What it asks for is done instead, by annotation of the
pod, first; then by the command of the container:

    stand-in/ready-after: "5"      seconds until it is ready
    stand-in/ready-after: never    it runs and is never ready
    stand-in/exit-code: "1"        how it ends, where it is one that ends (a Job's)
    stand-in/exit-after: "3"       seconds until then; a pod that should run on crashes then
    stand-in/start-error: text     the container cannot be started

    ["sh", "-c", "sleep 2; exit 1"]    `sleep` and `exit` are understood, and `false`
    ["/bad-command"]                   a first word with `bad` in it cannot be started

A `sleep` in postStart delays its readiness, one in preStop its end, within the grace period.
An image named in ConfigMap kube-system/images may be `missing` or `broken`, as in the embedded cluster.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from rollouts.embedded.pods.runner import Address, Launch, StartFailed

PREFIX = "stand-in/"
USUAL = 0.5
"""Seconds."""
NEVER = float("inf")

_SLEEP = re.compile(r"\bsleep\s+([0-9.]+)")
_EXIT = re.compile(r"\bexit\s+([0-9]+)")
_FALSE = re.compile(r"(^|[;&|]\s*)(/bin/)?false\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a container does, in seconds from its start."""

    ready_after: float = USUAL
    exit_after: float = NEVER
    exit_code: int = 0
    stops_after: float = 0
    """From when it is told to."""


def behaviour(launch: Launch) -> Behaviour:
    """What a container is asked to do. Pure.

    Raises:
        StartFailed: it is asked to be one that cannot be started.
    """
    asked = {
        name.removeprefix(PREFIX): value
        for name, value in launch.annotations.items()
        if name.startswith(PREFIX)
    }
    if error := asked.get("start-error"):
        raise StartFailed(error)
    if launch.command and "bad" in launch.command[0]:
        raise StartFailed(f'exec: "{launch.command[0]}": no such file or directory')
    script = " ".join(launch.command)
    slept, exited = _SLEEP.search(script), _EXIT.search(script)
    code = int(exited[1]) if exited else int(bool(_FALSE.search(script)))
    delay = float((launch.probe or {}).get("initialDelaySeconds") or 0)
    ends = launch.completes or "exit-after" in asked
    started = _hook(launch, "postStart") + max(USUAL, delay)
    return Behaviour(
        ready_after=NEVER if launch.broken else _seconds(asked.get("ready-after"), started),
        exit_after=_seconds(asked.get("exit-after"), float(slept[1]) if slept else USUAL) if ends else NEVER,
        exit_code=int(asked.get("exit-code", code)),
        stops_after=_hook(launch, "preStop"),
    )


def _hook(launch: Launch, name: str) -> float:
    """How long a hook takes."""
    command = (((launch.lifecycle or {}).get(name) or {}).get("exec") or {}).get("command") or ()
    slept = _SLEEP.search(" ".join(command))
    return float(slept[1]) if slept else 0


def _seconds(text: str | None, otherwise: float) -> float:
    if text is None:
        return otherwise
    return NEVER if text == "never" else float(text)


class StandIn:
    """A PodRunner that runs nothing."""

    def __init__(self) -> None:
        self._given = 0

    async def assign(self, ports: Sequence[int]) -> Address:
        self._given = self._given % 65_000 + 1
        return Address(ip=f"10.244.{self._given // 250}.{self._given % 250 + 1}")

    def release(self, address: Address) -> None:
        pass

    async def start(self, launch: Launch) -> "StandInProcess":
        return StandInProcess(behaviour(launch))


@dataclass(slots=True)
class StandInProcess:
    """A container that does what its behaviour says, or what it is told."""

    behaviour: Behaviour
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> int:
        if await self._stops_within(self.behaviour.exit_after):
            return 143
        return self.behaviour.exit_code

    async def readiness(self) -> AsyncGenerator[bool, None]:
        if not await self._stops_within(self.behaviour.ready_after):
            yield True
            await self._stopped.wait()

    async def stop(self, grace: float) -> None:
        await self._stops_within(min(grace, self.behaviour.stops_after))
        self._stopped.set()

    def log(self) -> bytes:
        return b""

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(None if seconds == NEVER else seconds):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True
