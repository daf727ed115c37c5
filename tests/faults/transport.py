"""Faults in process: a transport around another one. It only ever sleeps, so it lives in virtual time too."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from rollouts.api.meta import Object
from rollouts.kube.errors import Unreachable, from_status
from rollouts.kube.transport import Request, Response, Transport
from tests.faults.model import (
    Answer,
    Choose,
    Fault,
    Page,
    ResetAfter,
    ResetBefore,
    Slow,
    SlowAnswer,
    Truncated,
    WatchCut,
    WatchGone,
    WatchLate,
    WatchStalls,
    status,
)

_FOREVER = 1e9
"""Seconds."""
_PATIENCE = 30.0
"""Seconds after which the client gives a request up, as `rollouts.kube.http` does."""


class Faulty:
    """Passes requests on to `inner`, and lets befall each what `choose` says.

    The answers are those that `rollouts.kube.http` would give: a broken connection is Unreachable, a refused
    watch an ApiError.
    """

    def __init__(self, inner: Transport, choose: Choose) -> None:
        self.met: list[tuple[Request, Fault]] = []
        """What befell which request, oldest first."""
        self._inner = inner
        self._choose = choose

    async def request(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._answer(request)
        except TimeoutError as error:
            raise Unreachable("no answer in time") from error

    async def _answer(self, request: Request) -> Response:
        match self._befalls(request):
            case Answer() as fault:
                return Response(code=fault.code, body=status(fault), headers=_retry_after(fault))
            case Page() as fault:
                return Response(code=fault.code, body=fault.text, headers=_retry_after(fault))
            case ResetBefore():
                raise Unreachable("the connection broke before the request was read")
            case ResetAfter():
                await self._inner.request(request)
                raise Unreachable("the connection broke before the answer")
            case Truncated():
                answer = await self._inner.request(request)
                text = orjson.dumps(answer.body).decode()
                return Response(code=answer.code, body=text[: len(text) // 2], headers=answer.headers)
            case Slow(seconds):
                await asyncio.sleep(seconds)
                return await self._inner.request(request)
            case SlowAnswer(seconds):
                answer = await self._inner.request(request)
                await asyncio.sleep(seconds)
                return answer
            case _:
                return await self._inner.request(request)

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        fault = self._befalls(request)
        match fault:
            case Answer():
                raise from_status(fault.code, status(fault), f"watch {request.path}")
            case Page() if fault.code >= 400:
                raise from_status(fault.code, {"message": fault.text}, f"watch {request.path}")
            case Page():
                raise Unreachable("the server sent a watch event that is no JSON")
            case ResetBefore() | ResetAfter() | Truncated():
                raise Unreachable("the connection of the watch broke")
            case Slow(seconds) | SlowAnswer(seconds):
                await asyncio.sleep(seconds)
            case _:
                pass
        events = self._inner.stream(request)
        if isinstance(fault, WatchLate):
            events = late(events, fault.seconds)
        async with aclosing(events), aclosing(_until(events, fault)) as shown:
            async for event in shown:
                yield event

    async def close(self) -> None:
        await self._inner.close()

    def _befalls(self, request: Request) -> Fault | None:
        fault = self._choose(request)
        if fault is not None:
            self.met.append((request, fault))
        return fault


async def _until(events: AsyncGenerator[Object, None], fault: Fault | None) -> AsyncGenerator[Object, None]:
    """The events up to the one at which a watch ends, breaks or falls silent."""
    left = fault.after if isinstance(fault, WatchGone | WatchCut | WatchStalls) else -1
    if left != 0:
        async for event in events:
            yield event
            left -= 1
            if left == 0:
                break
    if left < 0:
        return
    match fault:
        case WatchGone():
            yield {"type": "ERROR", "object": status(Answer(code=410))}
        case WatchCut():
            raise Unreachable("the connection of the watch broke")
        case _:
            await asyncio.sleep(_FOREVER)


async def late(events: AsyncGenerator[Object, None], seconds: float) -> AsyncGenerator[Object, None]:
    """Each event so many seconds after it happened; several may be under way at once."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, Object | None]] = asyncio.Queue()

    async def read() -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    queue.put_nowait((loop.time() + seconds, event))
        finally:
            queue.put_nowait((loop.time() + seconds, None))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, event = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if event is None:
                break
            yield event
        await reading  # with whatever it ended
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _retry_after(fault: Answer | Page) -> dict[str, str]:
    return {"retry-after": fault.retry_after} if fault.retry_after else {}
