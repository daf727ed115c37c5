"""A process, and what /proc and its metrics say of it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.controlplane.plane import free_port

_ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
WRITES = ("Create", "Update", "Patch", "Delete")


@dataclass(frozen=True, slots=True)
class Scrape:
    """The controller's own metrics and its cost at one moment; two of them tell what happened between."""

    requests: Counter[str]
    """By `Verb kind`, without events."""
    events: int
    """Requests that write or read Event objects."""
    sent: int
    """Bytes of bodies."""
    received: int
    """Bytes of bodies."""
    passes: Counter[str]
    """By kind."""
    cpu: float
    """Seconds, until this was asked for."""
    cpu_after: float
    """Seconds, with what the answer itself took: a thousand rollouts have six thousand samples."""

    def __sub__(self, other: "Scrape") -> "Scrape":
        return Scrape(
            self.requests - other.requests,
            self.events - other.events,
            self.sent - other.sent,
            self.received - other.received,
            self.passes - other.passes,
            self.cpu - other.cpu_after,
            self.cpu_after - other.cpu_after,
        )

    @property
    def writes(self) -> int:
        """Requests that change an object, events among them."""
        own = sum(times for call, times in self.requests.items() if call.startswith(WRITES))
        return own + self.events


@dataclass(slots=True)
class Process:
    """A child, ended with `stop`."""

    child: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, module: str, *arguments: str, log: Path) -> "Process":
        """Run `python -m module` at the root of the checkout."""
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - this very interpreter
                [sys.executable, "-m", module, *arguments],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return cls(child)

    def stop(self) -> None:
        """End it, and wait until it has."""
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self, which: str = "VmRSS") -> float:
        """MB of memory that is resident now, or was at most (`VmHWM`)."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        found = re.search(rf"^{which}:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0


@dataclass(slots=True)
class Controller:
    """`rollouts controller`, started as users start it, and looked at from outside."""

    process: Process
    session: aiohttp.ClientSession
    port: int
    longest: float = 0.0
    """Seconds that an answer of /healthz took at most: as long as anything has held up the loop."""

    @classmethod
    def start(
        cls, session: aiohttp.ClientSession, kubeconfig: Path, log: Path, *options: str
    ) -> "Controller":
        """Start it against an API server."""
        port = free_port()
        ports = ("--health-port", str(port), "--metrics-port", str(port))
        arguments = (
            "controller",
            "--kubeconfig",
            str(kubeconfig),
            "--log-level",
            "warning",
            *ports,
            *options,
        )
        return cls(Process.start("rollouts", *arguments, log=log), session, port)

    async def ready(self, limit: float = 300.0) -> float:
        """Wait until it has listed everything; seconds since its start."""
        async with asyncio.timeout(limit):
            while await self._status("readyz") != 200:
                if self.process.child.poll() is not None:
                    raise RuntimeError("the controller has ended; see its log")
                await asyncio.sleep(0.02)
        return time.monotonic() - self.process.began

    @asynccontextmanager
    async def probed(self) -> AsyncGenerator[None, None]:
        """Meanwhile ask after its health fifty times a second, which costs it about 1 % of a core."""
        probe = asyncio.ensure_future(self._probe())
        try:
            yield
        finally:
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)

    async def _probe(self) -> None:
        while True:
            began = time.monotonic()
            if await self._status("healthz"):
                self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(0.02)

    async def scrape(self) -> Scrape:
        """What it has done so far."""
        cpu = self.process.cpu
        async with self.session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = await answer.text()
        cpu_after = self.process.cpu
        requests: Counter[str] = Counter()
        passes: Counter[str] = Counter()
        bytes_: Counter[str] = Counter()
        events = 0
        for found in _SAMPLE.finditer(text):
            name, value = found["name"], float(found["value"])
            labels = dict(_LABEL.findall(found["labels"] or ""))
            if name == "controller_clientset_k8s_request_total":
                if labels["kind"] == "events":
                    events += int(value)
                else:
                    requests[f"{labels['verb']} {labels['kind']}"] += int(value)
            elif name.startswith("controller_clientset_k8s_"):
                bytes_[name.split("_")[3]] += int(value)
            elif name.endswith("_reconcile_count"):
                passes[name.removesuffix("_reconcile_count")] = int(value)
        return Scrape(requests, events, bytes_["sent"], bytes_["received"], passes, cpu, cpu_after)

    async def _status(self, path: str) -> int:
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}/{path}") as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0
