"""What the Kubernetes API answered, one class per answer that is handled differently.

ApiError
├── NotFound       404
├── AlreadyExists  409, reason AlreadyExists: with deterministic names this is success
├── Conflict       409: the object changed under us; read again
├── Gone           410: the watch or the page is too old; list again
├── Unauthorized   401: the credentials have expired; tried again with others
├── Forbidden      403
├── Terminating    403: nothing can be made in a namespace that is being deleted
├── Invalid        400, 415, 422: the object is refused as it is; no retry. Also the 500 with which a server
│                  refuses to apply a field that the schema lacks, or a value of another type
├── TooManyRequests 429: retry after what the server says
└── ServerError    5xx: retry with backoff

Unreachable        no answer, or half of one; a write may or may not have taken effect
└── Unreadable     an answer that no API server gives: a page of a proxy, an object without a name
"""

from math import isfinite
from typing import Any

from rollouts.api.errors import RolloutsError, Unavailable
from rollouts.api.meta import Object

_LONGEST_PUT_OFF = 300.0
"""Seconds; a server that asks for more is asked again all the same."""


class ApiError(RolloutsError):
    """An answer other than success, with the Status object that came with it.

    `retry_after`: seconds after which the server wants to see the request again, if it said so: 300 at most.
    """

    def __init__(self, code: int, status: Object, request: str = "") -> None:
        self.code = code
        self.status = status
        self.reason = str(status.get("reason", ""))
        details = status.get("details")
        self.retry_after = _seconds(details.get("retryAfterSeconds")) if isinstance(details, dict) else None
        message = str(status.get("message") or f"HTTP {code}")
        super().__init__(f"{request}: {message}" if request else message)


class NotFound(ApiError):
    """There is no such object, or no such kind."""


class AlreadyExists(ApiError):
    """An object of that name is there already."""


class Conflict(ApiError):
    """The object is not at the expected resourceVersion, or another manager owns the field."""


class Gone(ApiError):
    """The resourceVersion is older than what the server remembers."""


class Forbidden(ApiError):
    """The credentials do not allow this."""


class Terminating(ApiError):
    """The namespace is being deleted, and takes no new objects; those in it will be gone soon."""


class Unauthorized(ApiError):
    """The credentials are missing or expired; others may be there a moment later."""


class Invalid(ApiError):
    """The server refuses the object; details.causes name the fields."""


class TooManyRequests(ApiError):
    """The server, or a disruption budget, says: not now."""


class ServerError(ApiError):
    """The server failed."""


class Unreachable(Unavailable):
    """The server did not answer in time or the connection broke."""


class Unreadable(Unreachable):
    """What came is no answer of a Kubernetes API."""


_BY_CODE: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    415: Invalid,
    422: Invalid,
    429: TooManyRequests,
}


_NOT_TYPED = "failed to create typed patch object"
"""How the API server begins what it says of an applied object that does not fit its schema."""


def from_status(code: int, status: Object, request: str = "") -> ApiError:
    """Make the error that an answer stands for."""
    if code == 409 and status.get("reason") == "AlreadyExists":
        return AlreadyExists(code, status, request)
    if code == 403 and _has_cause(status, "NamespaceTerminating"):
        return Terminating(code, status, request)
    if code == 500 and str(status.get("message", "")).startswith(_NOT_TYPED):
        return Invalid(code, status, request)
    if code >= 500:
        return ServerError(code, status, request)
    return _BY_CODE.get(code, ApiError)(code, status, request)


def _seconds(value: Any) -> float | None:
    """A wait that the server asks for, unless it is nonsense."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        return None
    return min(float(value), _LONGEST_PUT_OFF)


def _has_cause(status: Object, reason: str) -> bool:
    causes = (status.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == reason for cause in causes)
