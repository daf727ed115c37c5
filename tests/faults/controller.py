"""`rollouts controller` as a process: started, stopped, killed, and what it said."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp.test_utils import unused_port

_READY_LIMIT = 60.0
"""Seconds; the machine may be busy."""


class Controller:
    """One replica. Its log is `controller-<name>.log` in the folder."""

    def __init__(self, kubeconfig: Path, folder: Path, *options: str, name: str = "one") -> None:
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._options = options
        self._path = folder / f"controller-{name}.log"
        self._health = unused_port()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, or start it again."""
        ports = ("--metrics-port", "0", "--health-port", str(self._health))
        with self._path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "rollouts", "controller", "--kubeconfig", str(self._kubeconfig)),
                *(*ports, "--log-format", "json", *self._options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "ROLLOUTS_HOME": str(self._folder), "HOME": str(self._folder)},
            )

    async def ready(self) -> None:
        """Wait until its caches are filled."""
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self._health}") as session:

            async def answers() -> bool:
                assert self.runs, self.log[-2000:]
                try:
                    async with session.get("/readyz") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await until(answers, limit=_READY_LIMIT)

    @property
    def runs(self) -> bool:
        """Whether it is there, stopped or not."""
        return self._process is not None and self._process.returncode is None

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._path.read_text()

    def said(self, text: str) -> int:
        """How many lines of its log hold a text."""
        return sum(text in line for line in self.log.splitlines())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, limit: float = 30) -> int:
        """Wait for its end; the exit status."""
        assert self._process is not None
        async with asyncio.timeout(limit):
            return await self._process.wait()

    async def kill(self) -> None:
        """End it between any two instructions."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def megabytes(self) -> float:
        """How much memory it takes; Linux."""
        assert self._process is not None
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024


async def until(holds: Callable[[], Awaitable[Any]], *, limit: float = 60, every: float = 0.1) -> Any:
    """Wait for something to come true, and return it."""
    async with asyncio.timeout(limit):
        while not (found := await holds()):  # noqa: ASYNC110 - the world has no event for everything
            await asyncio.sleep(every)
        return found
