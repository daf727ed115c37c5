"""Says once that the API server is down, and once that it is back, however many requests fail in between."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from rollouts.api.meta import Object
from rollouts.kube.answers import refusal
from rollouts.kube.errors import ApiError, Unreachable, Unreadable
from rollouts.kube.transport import Request, Response, Transport

_CODES = frozenset({401, 429, 502, 503, 504})
"""Answers that are about the server, or about who asks it, and not about the object."""
_QUIET = 60.0
"""Seconds between two outages that are told; of one that comes and goes more often, not each time is."""

_log = logging.getLogger(__name__)


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the server does not serve, which this module tells once for all requests."""
    if isinstance(error, Unreachable):
        return not isinstance(error, Unreadable)
    return isinstance(error, ApiError) and error.code in _CODES


def is_worth_a_line(count: int) -> bool:
    """Whether what has happened so often in a row goes to the log: the 1st, the 10th, each 100th time."""
    return count in (1, 10) or count % 100 == 0


class Announced:
    """A transport that tells when its server goes and comes."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._since: float | None = None
        self._failed = 0
        self._is_told = False
        self._told_at = -_QUIET

    async def request(self, request: Request) -> Response:
        try:
            answer = await self._inner.request(request)
        except Unreachable as error:
            self._fails(error)
            raise
        if answer.code in _CODES and not _is_about_another(request):
            self._fails(refusal(answer.code, answer.body, answer.headers, f"{request.method} {request.path}"))
        else:
            self._serves()
        return answer

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        events = self._inner.stream(request)
        try:
            async for event in events:
                self._serves()
                yield event
        except (ApiError, Unreachable) as error:
            if is_outage(error):
                self._fails(error)
            raise
        finally:
            await events.aclose()

    async def close(self) -> None:
        await self._inner.close()

    def _fails(self, error: Exception) -> None:
        now = _now()
        if self._since is None:
            self._since, self._failed, self._is_told = now, 0, False
        self._failed += 1
        if not self._is_told and now >= self._told_at + _QUIET:
            self._is_told, self._told_at = True, now
            _log.warning("the API server does not serve; requests are repeated: %s", error)

    def _serves(self) -> None:
        if self._since is None:
            return
        if self._is_told:
            seconds = round(_now() - self._since, 1)
            _log.info("the API server serves again", extra={"seconds": seconds, "failed": self._failed})
        self._since = None


def _is_about_another(request: Request) -> bool:
    """Whether it is not the API server that answers: a disruption budget, or a service behind its proxy."""
    return request.path.endswith("/eviction") or "/proxy/" in request.path


def _now() -> float:
    return asyncio.get_running_loop().time()
