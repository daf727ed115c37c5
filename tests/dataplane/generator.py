"""A program that sends HTTP requests and writes down what came of each; standard library alone.

    python generator.py PORT RECORDS --host a.example.com --host b.example.com --per-second 500

Every connection has one request under way: nothing is pipelined, and nothing is sent twice, so that whatever
the proxy or a pod breaks is counted. Some requests go over a connection of their own, some have a body. It
ends at SIGTERM, once the requests under way are answered.
"""

import argparse
import asyncio
import random
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

RECORD = struct.Struct("<dfBBH8s12s")
"""One request: when it was sent (s, monotonic clock), how long it took (s), the index of its host, its kind,
the status (0 where there was no answer), the answer's `x-version` or else what went wrong, and the end of its
`x-pod`."""

FRESH, POST = 1, 2
"""Bits of the kind: on a connection of its own; with a body."""

REFUSED, RESET, TIMEOUT, CUT = b"refused", b"reset", b"timeout", b"cut"
"""What went wrong. `cut` is an answer that ended too early or was no HTTP."""

_FLUSH = 0.1
"""Seconds between two looks at what is late."""
_BODY = b"x" * 2000


@dataclass(slots=True, kw_only=True)
class Run:
    """What is sent, and where it is written down."""

    port: int
    hosts: list[str]
    out: BinaryIO
    connections: int
    """How many requests are under way at once."""
    per_second: float
    """0 for as many as are answered."""
    fresh: float
    """The share of requests on connections of their own."""
    post: float
    """The share of requests with a body."""
    patience: float
    """Seconds that an answer may take."""
    began: float = field(default_factory=time.monotonic)
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    stopping: bool = False
    open: "set[Connection]" = field(default_factory=set)

    async def lane(self, number: int) -> None:
        """One of the chains of requests: the next is sent once this one is answered."""
        kept: Connection | None = None
        while not self.stopping:
            await self._until_due(number)
            host = number % len(self.hosts)
            number += self.connections
            kind = FRESH * (self.dice.random() < self.fresh) | POST * (self.dice.random() < self.post)
            connection = kept
            if kind & FRESH or connection is None or connection.gone:
                began = time.monotonic()
                try:
                    connection = await self._connect()
                except (OSError, TimeoutError) as error:
                    cause = TIMEOUT if isinstance(error, TimeoutError) else REFUSED
                    self.write((began, kind, host), 0, cause)
                    await asyncio.sleep(0.01)
                    continue
                kept = kept if kind & FRESH else connection
            await connection.ask(kind, host)

    def request(self, kind: int, host: int) -> bytes:
        """The words of a request."""
        method, body = (b"POST", _BODY) if kind & POST else (b"GET", b"")
        close = b"connection: close\r\n" if kind & FRESH else b""
        length = b"content-length: %d\r\n" % len(body) if body else b""
        name = self.hosts[host].encode()
        return b"%s / HTTP/1.1\r\nhost: %s\r\n%s%s\r\n%s" % (method, name, close, length, body)

    def write(self, request: tuple[float, int, int], status: int, said: bytes, pod: bytes = b"") -> None:
        """Write a request down: when it was sent, its kind and its host, and what came of it."""
        sent, kind, host = request
        took = time.monotonic() - sent
        self.out.write(RECORD.pack(sent, took, host, kind, status, said[:8], pod[-12:]))

    async def _until_due(self, number: int) -> None:
        if self.per_second:
            due = self.began + number / self.per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _connect(self) -> "Connection":
        connection = Connection(self)
        async with asyncio.timeout(self.patience):
            await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self.port)
        return connection


class Connection(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self, run: Run) -> None:
        self.gone = False
        self._run = run
        self._asked: tuple[float, int, int] | None = None
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._run.open.add(self)

    async def ask(self, kind: int, host: int) -> None:
        """Send a request and see it to its end."""
        self._buffer = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._asked = (time.monotonic(), kind, host)
        if self.gone:
            self._end(0, RESET)
        else:
            self._transport.write(self._run.request(kind, host))
        await self._answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if self._asked is None or not found:
            return
        try:
            status, length = int(head[9:12]), int(_header(head, b"content-length"))
        except ValueError:
            self._transport.abort()
            return
        if len(body) < length:
            return
        if status >= 400 and not _header(head, b"x-version"):
            sys.stderr.write(f"{time.monotonic():.3f} {head + b' ' + body[:200]!r}\n")
        if _header(head, b"connection") == b"close":
            self.gone = True
            self._transport.close()
        self._end(status, _header(head, b"x-version"), _header(head, b"x-pod"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._run.open.discard(self)
        self._end(0, CUT if self._buffer else RESET)

    def give_up_if_late(self) -> None:
        """End a request that has waited for too long."""
        if self._asked is not None and time.monotonic() - self._asked[0] > self._run.patience:
            self._end(0, TIMEOUT)
            self._transport.abort()

    def _end(self, status: int, said: bytes, pod: bytes = b"") -> None:
        if self._asked is None:
            return
        self._run.write(self._asked, status, said, pod)
        self._asked = None
        if not self._answered.done():
            self._answered.set_result(None)


def _header(head: bytes, name: bytes) -> bytes:
    """A header as Envoy writes them: in lower case, one blank after the colon."""
    _, found, rest = head.partition(b"\r\n" + name + b": ")
    return rest.partition(b"\r\n")[0] if found else b""


async def send(run: Run) -> None:
    """Send until told to stop."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    lanes = [asyncio.create_task(run.lane(number)) for number in range(run.connections)]
    while pending := (await asyncio.wait(lanes, timeout=_FLUSH))[1]:
        run.stopping = told.is_set()
        run.out.flush()
        for connection in [*run.open]:
            connection.give_up_if_late()
        del pending
    for lane in lanes:
        lane.result()


def main() -> None:
    """Send as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("records", type=Path)
    parser.add_argument("--host", dest="hosts", action="append", required=True)
    parser.add_argument("--connections", type=int, default=24)
    parser.add_argument("--per-second", type=float, default=0)
    parser.add_argument("--fresh", type=float, default=0.05)
    parser.add_argument("--post", type=float, default=0.2)
    parser.add_argument("--patience", type=float, default=20)
    given = vars(parser.parse_args())
    with given.pop("records").open("wb", buffering=1 << 20) as out, suppress(KeyboardInterrupt):
        asyncio.run(send(Run(out=out, **given)))


if __name__ == "__main__":
    main()
