"""The web server that stands in for images which the embedded cluster does not have.

Answers on each container port with `{"app", "version", "pod"}` and the header `x-version`. From its
environment: ERROR_RATE (0..1) is the share of 500s: with 0.1 exactly every tenth request fails; LATENCY_MS
delays each answer; WARM_UP says that both hold only for so many seconds from the first request on;
START_DELAY is how many seconds it takes to begin. `/healthz` is always well and always quick.

Standard library only: it is forked in large numbers and must be small.
"""

import asyncio
import json
import math
import signal
import sys
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

_LARGEST_HEAD = 65_536
_PHRASES = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What this one is."""

    ip: str
    ports: tuple[int, ...]
    app: str
    version: str
    pod: str
    broken: bool
    error_rate: float
    latency: float
    """Seconds."""
    start_delay: float
    """Seconds."""
    warm_up: float
    """Seconds; infinite where it never gets better."""

    @classmethod
    def of(cls, what: Mapping[str, object], env: Mapping[str, str]) -> "Settings":
        """From the message that asks for it and its environment.

        Raises:
            ValueError: a variable is no number.
        """
        return cls(
            ip=str(what["ip"]),
            ports=tuple(what["ports"]),  # type: ignore[arg-type]
            app=str(what["app"]),
            version=str(what["version"]),
            pod=str(what["pod"]),
            broken=bool(what["broken"]),
            error_rate=float(env.get("ERROR_RATE", "0")),
            latency=float(env.get("LATENCY_MS", "0")) / 1000,
            start_delay=float(env.get("START_DELAY", "0")),
            warm_up=float(env.get("WARM_UP", math.inf)),
        )


@dataclass(slots=True)
class StandIn:
    """The server's state."""

    settings: Settings
    owed: float = 0.0
    """How much of an error has accrued; at 1 the next answer is one."""
    stopping: bool = False
    first: float | None = None
    """When it got its first request, by the monotonic clock."""
    connections: dict[asyncio.StreamWriter, bool] = field(default_factory=dict)
    """Open connections, and whether a request is being answered on each."""

    async def serve(self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Answer requests on one connection until either side has had enough."""
        reader, writer = connection
        self.connections[writer] = False
        try:
            while not self.stopping:
                head = await reader.readuntil(b"\r\n\r\n")
                self.connections[writer] = True
                keep = await self._answer(head.decode("latin-1"), reader, writer)
                self.connections[writer] = False
                if not keep:
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # the client left or spoke no HTTP: nothing is owed to it
        finally:
            del self.connections[writer]
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request, *lines = head.split("\r\n")
        method, target, protocol = request.split(" ")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
        await _skip_body(reader, headers)
        code = 200
        path = target.partition("?")[0]
        if path != "/healthz":
            cold = self._is_cold()
            code = self._outcome() if cold else 200
            if self.settings.latency and cold:
                await asyncio.sleep(self.settings.latency)
        keep = protocol == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        keep = keep and not self.stopping
        writer.write(self._response(code, path, keep=keep, body=method != "HEAD"))
        await writer.drain()
        return keep

    def _is_cold(self) -> bool:
        now = time.monotonic()
        self.first = now if self.first is None else self.first
        return now - self.first < self.settings.warm_up

    def _outcome(self) -> int:
        self.owed += self.settings.error_rate
        if self.owed < 1 - 1e-9:
            return 200
        self.owed -= 1
        return 500

    def _response(self, code: int, path: str, *, keep: bool, body: bool) -> bytes:
        s = self.settings
        content = {"app": s.app, "version": s.version, "pod": s.pod, "path": path}
        if code == 500:
            content["error"] = f"failing on purpose: ERROR_RATE is {s.error_rate:g}"
        text = json.dumps(content).encode() + b"\n"
        head = (
            f"HTTP/1.1 {code} {_PHRASES[code]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(text)}\r\nx-version: {s.version}\r\nx-pod: {s.pod}\r\n"
            f"connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        )
        return head.encode("latin-1") + (text if body else b"")

    async def drain(self) -> None:
        """Close what is idle, and wait for the answers that are under way."""
        self.stopping = True
        while self.connections:
            for writer, busy in self.connections.items():
                if not busy:
                    writer.close()
            await asyncio.sleep(0.01)


async def _skip_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> None:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await _skip(reader, size + 2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return
    await _skip(reader, int(headers.get("content-length", "0")))


async def _skip(reader: asyncio.StreamReader, size: int) -> None:
    while size > 0:
        size -= len(await reader.readexactly(min(size, 65_536)))


async def run(settings: Settings, life: int) -> None:
    """Serve until SIGTERM, or until nobody holds the other end of the pipe `life` any more."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(life, stop.set)
    server = StandIn(settings)
    # Pods of one version do not fail in step.
    server.owed = (zlib.crc32(settings.pod.encode()) % 1000) / 1000 if settings.error_rate else 0.0
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.serve((reader, writer)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with suppress(TimeoutError):
        async with asyncio.timeout(settings.start_delay or 1e-3):
            await stop.wait()
    listeners = []
    if not settings.broken:
        listeners = [
            await asyncio.start_server(accept, settings.ip, port, limit=_LARGEST_HEAD, backlog=1024)
            for port in settings.ports
        ]
    sys.stderr.write(f"{settings.app} {settings.version} serves {settings.ip} on {settings.ports}\n")
    sys.stderr.flush()
    await stop.wait()
    for listener in listeners:
        listener.close()
    await server.drain()


def main(what: Mapping[str, object], env: Mapping[str, str], life: int) -> int:
    """Run in a process of its own; the exit status."""
    try:
        settings = Settings.of(what, env)
    except ValueError as error:
        sys.stderr.write(f"ERROR_RATE, LATENCY_MS, WARM_UP and START_DELAY are numbers: {error}\n")
        return 2
    asyncio.run(run(settings, life))
    return 0
