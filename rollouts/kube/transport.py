"""The seam under the Kubernetes client: one request, one answer, or a stream of watch events.

Two things implement it: HTTP to a real or an embedded API server (`rollouts.kube.http`), and the embedded
cluster in process (`rollouts.embedded`), which is how controllers run in virtual time.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rollouts.api.meta import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call to the Kubernetes API."""

    method: str
    path: str
    """As a URL path, without the query."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: Any = None
    """A JSON value; a patch keeps its `content-type` in the headers."""
    before_sending: Callable[[], None] | None = field(default=None, compare=False, repr=False)
    """Called each time right before the request leaves this process, which it forbids by raising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the API answered."""

    code: int
    body: Any = None
    """A JSON value, or text for endpoints that are none (logs, a proxied service)."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """How requests reach an API server."""

    async def request(self, request: Request) -> Response:
        """Send and wait for the whole answer, whatever its code.

        Raises:
            Unreachable: no answer came.
        """
        ...

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        """Send a watch request and yield its events (`{"type": ..., "object": ...}`) until it ends.

        Raises:
            ApiError: the server refused the watch.
            Unreachable: the connection broke.
        """
        ...

    async def close(self) -> None:
        """Give back the connections."""
        ...
