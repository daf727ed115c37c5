"""What can go wrong between a controller and an API server: the nouns of the fault layer.

The same nouns are acted out in process and in virtual time (`tests.faults.transport`) and on the wire
(`tests.faults.proxy`). A fault of watches that is chosen for another request changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rollouts.kube.transport import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The server answers with a Status, and does nothing. A watch is refused with it."""

    code: int
    reason: str = ""
    """The API's own word; by default the one that belongs to the code."""
    retry_after: str = ""
    """The header Retry-After as it is sent, nonsense included; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Something on the way answers with text that is no Status, and the server never hears of the request."""

    code: int = 200
    text: str = "<html><body>Please log in</body></html>"
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class ResetBefore:
    """The connection breaks before the server has read the request."""


@dataclass(frozen=True, slots=True)
class ResetAfter:
    """The server does what it was asked, and the connection breaks before the answer. A watch breaks now."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The server does what it was asked; half of the answer arrives, as if it were all."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The server does what it was asked after so many seconds, and answers."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SlowAnswer:
    """The server does what it was asked at once, and the answer takes so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchGone:
    """A watch ends with 410 after so many events."""

    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchCut:
    """The connection of a watch breaks after so many events."""

    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStalls:
    """After so many events a watch says nothing more, and does not end."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class WatchLate:
    """Each event of a watch arrives so many seconds after it happened, and the cache is stale for as long."""

    seconds: float


Fault = (
    Answer
    | Page
    | ResetBefore
    | ResetAfter
    | Truncated
    | Slow
    | SlowAnswer
    | WatchGone
    | WatchCut
    | WatchStalls
    | WatchLate
)

Choose = Callable[[Request], Fault | None]
"""What befalls a request; None for nothing. Asked once for each request, before it is sent."""

CONFLICT = Answer(code=409)
GONE = Answer(code=410)
TOO_MANY_REQUESTS = Answer(code=429, retry_after="1")
INTERNAL_ERROR = Answer(code=500)
UNAVAILABLE = Answer(code=503)

REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def is_write(request: Request) -> bool:
    """Whether a request may change something."""
    return request.method != "GET"


def is_watch(request: Request) -> bool:
    """Whether a request opens a stream of events."""
    return request.method == "GET" and request.query.get("watch") in ("true", "1")


def status(fault: Answer) -> dict[str, object]:
    """The Status object that an answer carries."""
    reason = fault.reason or REASONS.get(fault.code, "")
    found: dict[str, object] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"the test says {fault.code} {reason}",
        "reason": reason,
        "code": fault.code,
    }
    if fault.retry_after.isdigit():
        found["details"] = {"retryAfterSeconds": int(fault.retry_after)}
    return found
