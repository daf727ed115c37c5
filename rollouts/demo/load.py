"""Steady HTTP traffic through the ingress, every answer counted by the version that gave it."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One host to ask, and how often."""

    app: str
    host: str
    per_second: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what came of it. Times are seconds of the monotonic clock."""

    app: str
    sent: float
    done: float
    version: str
    """What the answer's `x-version` says; empty where no pod answered."""
    failure: str
    """Empty for success; else the cause, such as `HTTP 500` or the name of a connection error."""


@dataclass(slots=True)
class Load:
    """Sends at a fixed rate and never retries: a reset connection counts as a failed request.

    A request that finds the previous ones unanswered is sent all the same, up to 256 at once.
    """

    address: str
    """`host:port` of the ingress."""
    samples: list[Sample] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    def start(self, targets: Iterable[Target]) -> None:
        """Begin to send to all targets."""
        self._task = asyncio.create_task(self._run(tuple(targets)))

    async def stop(self) -> None:
        """Stop sending, and wait for what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def count(self, app: str, since: float, until: float) -> Counter[str]:
        """Answers by version to the requests sent within a span of time, failed ones included."""
        mine = (s for s in self.samples if s.app == app)
        return Counter(s.version for s in mine if since <= s.sent and s.done <= until)

    async def _run(self, targets: tuple[Target, ...]) -> None:
        connector = aiohttp.TCPConnector(limit=256, keepalive_timeout=30)
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            requests: set[asyncio.Task[None]] = set()
            try:
                async with asyncio.TaskGroup() as group:
                    for target in targets:
                        group.create_task(self._send(session, target, requests))
            finally:
                if requests:
                    await asyncio.wait(requests, timeout=10)

    async def _send(
        self, session: aiohttp.ClientSession, target: Target, requests: set[asyncio.Task[None]]
    ) -> None:
        due = time.monotonic()
        while True:
            due += 1 / target.per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            request = asyncio.create_task(self._ask(session, target))
            requests.add(request)
            request.add_done_callback(requests.discard)

    async def _ask(self, session: aiohttp.ClientSession, target: Target) -> None:
        sent = time.monotonic()
        version = failure = ""
        try:
            async with session.get(f"http://{self.address}/", headers={"Host": target.host}) as answer:
                await answer.read()
                version = answer.headers.get("x-version", "")
                if answer.status >= 400:
                    failure = f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = type(error).__name__
        self.samples.append(Sample(target.app, sent, time.monotonic(), version, failure))
