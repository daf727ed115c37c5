"""What a pass has written, so that the next decision about the same key waits until the store shows it."""

from collections.abc import AsyncGenerator
from contextvars import ContextVar
from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.kube.transport import Request, Response, Transport

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Write:
    """An object as the server had it after a write."""

    api_version: str
    kind: str
    namespace: str
    version: str
    """metadata.resourceVersion"""


_current: ContextVar[list[Write] | None] = ContextVar("own_writes", default=None)


def begin() -> list[Write]:
    """Collect the writes of this task, and of those it starts, into a list."""
    writes: list[Write] = []
    _current.set(writes)
    return writes


class Tracking:
    """A transport that notes the writes that pass through it."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def request(self, request: Request) -> Response:
        answer = await self._inner.request(request)
        writes = _current.get()
        if writes is not None and request.method in _WRITES and answer.code < 300:
            _note(writes, answer.body)
        return answer

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()


def _note(writes: list[Write], body: object) -> None:
    """A deletion is often answered with a Status, which has no version: then nothing is waited for."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(metadata, dict):
        return
    if metadata.get("resourceVersion") and body.get("kind"):
        namespace = metadata.get("namespace", "")
        version = str(metadata["resourceVersion"])
        writes.append(Write(body.get("apiVersion", ""), body["kind"], namespace, version))
