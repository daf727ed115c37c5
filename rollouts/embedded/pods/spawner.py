"""Starting processes that live no longer than this one; of their output only the last part is kept."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollouts.api.errors import Unavailable

LOG_BYTES = 128 * 1024
"""How much of a process's output is kept."""


@dataclass(slots=True, eq=False)
class Spawned:
    """A process, from its start to its end."""

    spawner: "Spawner"
    number: int
    pid: int = 0
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    code: int = 0
    _output: bytearray = field(default_factory=bytearray)

    async def wait(self) -> int:
        """The exit status, or 128 plus the signal."""
        await self.exited.wait()
        return self.code

    def signal(self, number: int) -> None:
        """Send a signal to the process and its whole session; nothing happens if it has ended."""
        if not self.exited.is_set():
            self.spawner.send({"op": "kill", "id": self.number, "signal": number})

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns once it has ended."""
        if grace > 0:
            self.signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(grace):
                    await self.exited.wait()
            except TimeoutError:
                pass
        self.signal(signal.SIGKILL)
        await self.exited.wait()

    def output(self) -> bytes:
        """The last part of what it wrote to stdout and stderr."""
        return bytes(self._output)

    def write(self, data: bytes) -> None:
        """Take in output, and forget the oldest beyond the limit."""
        self._output += data
        if len(self._output) > 2 * LOG_BYTES:
            del self._output[:-LOG_BYTES]


class Spawner:
    """Forks processes from a small, pre-imported parent (`zygote.py`)."""

    def __init__(self) -> None:
        self._commands: socket.socket | None = None
        self._zygote: asyncio.subprocess.Process | None = None
        self._events: asyncio.Task[None] | None = None
        self._processes: dict[int, Spawned] = {}
        self._started: dict[int, asyncio.Future[None]] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._count = 0

    async def start(self) -> None:
        """Start the parent; takes about a tenth of a second."""
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        self._zygote = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rollouts.embedded.pods.zygote",
            str(theirs.fileno()),
            str(writing),
            pass_fds=(theirs.fileno(), writing),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        os.close(writing)
        self._commands = ours
        self._events = asyncio.create_task(self._follow(await _reader(reading)))

    async def spawn(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: Path | None = None,
        standin: Mapping[str, Any] | None = None,
    ) -> Spawned:
        """Start a program, or with no `argv` the stand-in web server.

        Raises:
            Unavailable: the parent process has gone.
        """
        self._count += 1
        process = Spawned(self, self._count)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._processes[process.number], self._started[process.number] = process, started
        reading, writing = os.pipe()
        try:
            command = {
                "op": "spawn",
                "id": process.number,
                "argv": list(argv),
                "env": dict(env),
                "cwd": str(cwd or "/"),
                "standin": dict(standin or {}),
            }
            self.send(command, writing)
        finally:
            os.close(writing)
        task = asyncio.create_task(_collect(reading, process))
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)
        try:
            await asyncio.shield(started)
        except asyncio.CancelledError:
            # Nobody will ever end it but us; the parent reads this after the command to start it.
            with suppress(Unavailable):
                process.signal(signal.SIGKILL)
            raise
        return process

    def running(self) -> tuple[Spawned, ...]:
        """What was started and has not ended."""
        return tuple(self._processes.values())

    def send(self, command: Mapping[str, Any], *descriptors: int) -> None:
        """Give the parent a command."""
        if self._commands is None:
            raise Unavailable("the parent of the processes is not running")
        try:
            line = json.dumps(command).encode() + b"\n"
            sent = socket.send_fds(self._commands, [line], descriptors)
            self._commands.sendall(line[sent:])
        except OSError as error:
            raise Unavailable(f"the parent of the processes has gone: {error}") from error

    async def failed(self) -> None:
        """Wait until the parent of the processes ends, which it should not.

        Raises:
            Unavailable: it has.
        """
        if self._events is not None:
            await asyncio.wait([self._events])
        raise Unavailable("the parent of the processes has gone, and they with it")

    async def close(self) -> None:
        """End everything that was started, and the parent."""
        if self._commands is not None:
            self._commands.close()
            self._commands = None
        if self._zygote is not None:
            await self._zygote.wait()
        tasks = [*self._readers, *([self._events] if self._events else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, events: asyncio.StreamReader) -> None:
        while line := await events.readline():
            event = json.loads(line)
            if "pid" in event:
                self._processes[event["id"]].pid = event["pid"]
                self._started.pop(event["id"]).set_result(None)
                continue
            process = self._processes.pop(event["id"])
            process.code = event["exit"]
            process.exited.set()
        self._lose_all()

    def _lose_all(self) -> None:
        """The parent has gone, and its children with it; what those had started is left to us."""
        for future in self._started.values():
            if not future.done():
                future.set_exception(Unavailable("the parent of the processes has gone"))
        for process in self._processes.values():
            if process.pid:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.code = 128 + signal.SIGKILL
            process.exited.set()


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


async def _collect(descriptor: int, process: Spawned) -> None:
    output = await _reader(descriptor)
    while data := await output.read(65_536):
        process.write(data)
