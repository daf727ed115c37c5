"""Pods in virtual time: nothing runs, but everything takes its time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from rollouts.embedded.pods.runner import Address, Launch

DEFAULT_DELAY = 1.0
"""Seconds from start to ready, or to exit for pods that complete; START_DELAY in the env overrides."""


def _nothing_broken(_: str) -> bool:
    return False


@dataclass(slots=True)
class SimulatedPods:
    """A PodRunner whose containers become ready after a while, or never.

    `is_broken` is asked with the image at each start, besides what the images ConfigMap says.
    """

    is_broken: Callable[[str], bool] = _nothing_broken
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds from start to ready by image, where the env says nothing."""
    running: dict[str, "SimulatedProcess"] = field(default_factory=dict)
    """The container that each pod started last, by the pod's name."""
    _given: int = 0

    async def assign(self, ports: Sequence[int]) -> Address:
        self._given += 1
        third, fourth = divmod(self._given % 65_536, 256)
        return Address(ip=f"10.244.{third}.{fourth}")

    def release(self, address: Address) -> None:
        pass

    async def start(self, launch: Launch) -> "SimulatedProcess":
        delay = float(launch.env.get("START_DELAY", self.delays.get(launch.image, DEFAULT_DELAY)))
        broken = launch.broken or self.is_broken(launch.image)
        process = SimulatedProcess(launch=launch, delay=delay, broken=broken)
        self.running[launch.pod] = process
        return process


@dataclass(slots=True, kw_only=True)
class SimulatedProcess:
    """A container in virtual time. One that completes exits with EXIT_CODE of its env, by default 0."""

    launch: Launch
    delay: float
    broken: bool
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _code: int = 143
    _changes: asyncio.Queue[bool] = field(default_factory=asyncio.Queue)

    async def wait(self) -> int:
        if self.launch.completes and not self.broken:
            try:
                async with asyncio.timeout(self.delay):
                    await self._ended.wait()
            except TimeoutError:
                return int(self.launch.env.get("EXIT_CODE", "0"))
        await self._ended.wait()
        return self._code

    async def readiness(self) -> AsyncGenerator[bool, None]:
        if not self.broken:
            await asyncio.sleep(self.delay)
            yield True
        while True:
            yield await self._changes.get()

    async def stop(self, grace: float) -> None:
        self._ended.set()

    def crash(self, code: int = 1) -> None:
        """End by itself."""
        self._code = code
        self._ended.set()

    def answer(self, *, ready: bool) -> None:
        """Begin, or cease, to answer the readiness probe."""
        self._changes.put_nowait(ready)

    def log(self) -> bytes:
        return b""
