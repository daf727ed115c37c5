"""The generator as a process beside the test."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.dataplane.judge import RECORD, Records


@dataclass(slots=True)
class Load:
    """Requests that are being sent."""

    hosts: Sequence[str]
    path: Path
    said: list[str] = field(default_factory=list)
    """Once it has ended: the answers that no pod gave, in full."""

    @property
    def count(self) -> int:
        """How many requests are over."""
        return self.path.stat().st_size // RECORD.itemsize

    def read(self) -> Records:
        """What came of each."""
        return np.fromfile(self.path, dtype=RECORD)


@asynccontextmanager
async def load(
    address: str,
    hosts: Sequence[str],
    records: Path,
    *,
    per_second: float,
    connections: int = 24,
    patience: float = 20,
) -> AsyncIterator[Load]:
    """Send requests to the hosts at an ingress; 0 a second is as many as are answered."""
    command = [str(Path(__file__).with_name("generator.py")), address.rpartition(":")[2], str(records)]
    command += ["--per-second", str(per_second), "--connections", str(connections)]
    command += ["--patience", str(patience)]
    command += [word for host in hosts for word in ("--host", host)]
    records.touch()
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    ended = asyncio.create_task(process.communicate())
    running = Load(hosts, records)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        running.said += (await ended)[1].decode().splitlines()
    assert process.returncode == 0, running.said[-20:]
