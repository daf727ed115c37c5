"""Which request of the controllers meets which fault: drawn by lot, from a generator of its own."""

import random
from collections.abc import Callable

from rollouts.kube.transport import Request
from tests.faults.model import Fault, SlowAnswer, WatchLate, WatchStalls, is_watch, is_write
from tests.faults.model import Slow as SlowRequest
from tests.simulation.events import Faults

STATS = "/proxy/stats"


class Lots:
    """The faults that are in effect now.

    Args:
        seed: of the program.
        now: seconds of virtual time.
    """

    def __init__(self, seed: int, now: Callable[[], float]) -> None:
        self.no_metrics_until = 0.0
        self._lot = random.Random(seed)
        self._now = now
        self._active: list[tuple[float, Faults]] = []

    def begin(self, faults: Faults) -> None:
        """Let faults befall requests from now on, for their time."""
        self._active.append((self._now() + faults.seconds, faults))

    def end(self) -> None:
        """Let nothing befall any request any more."""
        self._active.clear()
        self.no_metrics_until = 0.0

    def choose(self, request: Request) -> Fault | None:
        """What befalls a request."""
        now = self._now()
        for until, faults in self._active:
            if until > now and _meant(faults, request) and self._lot.randrange(faults.every) == 0:
                return faults.fault
        return None


def lateness(faults: Faults) -> float:
    """For how many seconds after its start it leaves the controllers with outdated beliefs; 0 for none.

    Who gets no answer tries again with growing delays, 10 s at most; a silent watch is given up after 120.
    """
    match faults.fault:
        case WatchStalls():
            return faults.seconds + 135
        case WatchLate(seconds) | SlowAnswer(seconds) | SlowRequest(seconds):
            return faults.seconds + seconds + 15
        case _:
            return faults.seconds + 15 if faults.on != "writes" else 0.0


def _meant(faults: Faults, request: Request) -> bool:
    if STATS in request.path:
        return False
    match faults.on:
        case "writes":
            return is_write(request)
        case "watches":
            return is_watch(request)
        case _:
            return not is_write(request) and not is_watch(request)
