"""Keeps a controller that is no longer the leader from writing.

A Lease has no token that the API server would check, so the writer itself must stop in time. With the time in
the leader's own monotonic clock, which goes on while a process is stopped (SIGSTOP):

- R is the instant right before the last renewal was sent that the server has answered. Nobody else sees that
  renewal before R, and nobody else begins to write before R + lease duration.
- A write leaves this process only before R + renew deadline. That is asked right before its bytes go to the
  socket, again for each repetition (Retry-After, a new credential, a connection that was stale), and not when
  the write was decided on or put into a queue.
- The kernel gives up what the server has not acknowledged after lease duration - renew deadline
  (TCP_USER_TIMEOUT), so nothing is delivered after R + lease duration, however long the network was down. An
  answer is waited for until R + renew deadline, with the R of the newest renewal; then the connection is
  closed, and the server drops what it has not begun.
- A leader that gives the lease back on purpose first waits for the answers to its writes, and does not give
  it back while one may still be under way.

What is assumed: a process is not stopped, for longer than the rest of the lease, in the microseconds between
the last look at the clock and the system call that sends; the clock does not stop, as it does in a virtual
machine that is suspended; nothing between here and the server holds a request back that it has acknowledged;
and clocks of two machines run equally fast, though they need not show the same time.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object
from rollouts.kube.errors import Unreachable
from rollouts.kube.transport import Request, Response, Transport

_NEVER = float("-inf")


class LeadershipLost(RolloutsError):
    """Another may lead by now; the work was stopped and the process must end."""


class Fence:
    """Until when this process may write, by the clock of the event loop."""

    def __init__(self) -> None:
        self.hit = asyncio.Event()
        """Set once a write was kept back."""
        self.under_way = 0
        """Writes that have been sent, perhaps, and not answered."""
        self._until = _NEVER
        self._doubt = _NEVER

    @property
    def left(self) -> float:
        """Seconds for which writes may still leave; negative once it is over."""
        return self._until - _now()

    def open(self, until: float) -> None:
        """Let writes pass until then."""
        self._until = max(self._until, until)

    def close(self) -> None:
        """Let no write pass from now on."""
        self._until = _NEVER

    def check(self) -> None:
        """Ask for leave to write.

        Raises:
            LeadershipLost: it is too late.
        """
        if self.left <= 0:
            self.hit.set()
            raise LeadershipLost("this controller does not hold the lease any more; nothing was written")

    def doubt(self) -> None:
        """A write ended, and whether the server has seen it is not known."""
        self._doubt = _now()

    def is_quiet(self, seconds: float) -> bool:
        """Whether none of our writes can still reach the server, if they take so long at most."""
        return not self.under_way and _now() >= self._doubt + seconds


class Fenced:
    """A transport whose writes pass only while the fence is open. Reads always pass."""

    def __init__(self, inner: Transport, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    async def request(self, request: Request) -> Response:
        """As the protocol says. A write that is under way when the caller is cancelled is waited for.

        Raises:
            LeadershipLost: the fence is shut, or was before the request could leave.
            Unreachable: no answer came, or none while the fence was open.
        """
        if request.method == "GET":
            return await self._inner.request(request)
        self._fence.check()
        guarded = replace(request, before_sending=self._fence.check)
        sending = asyncio.ensure_future(self._inner.request(guarded))
        waiting = asyncio.ensure_future(self._answer(sending))
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            await asyncio.gather(waiting, return_exceptions=True)  # whatever it came to: nobody asks any more
            raise

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()

    async def _answer(self, sending: "asyncio.Future[Response]") -> Response:
        """Wait for the answer for as long as the fence is open, and is opened anew."""
        fence = self._fence
        fence.under_way += 1
        try:
            while not sending.done() and fence.left > 0:
                await asyncio.wait({sending}, timeout=fence.left)
            if not sending.done():
                fence.doubt()
                raise Unreachable("no answer from the API server while the lease was held")
            return sending.result()
        except Unreachable:
            fence.doubt()
            raise
        finally:
            sending.cancel()
            fence.under_way -= 1


def _now() -> float:
    return asyncio.get_running_loop().time()
