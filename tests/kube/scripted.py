"""A transport that plays a script: for each request the next answer of its kind."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.errors import from_status
from rollouts.kube.transport import Request, Response

HANG = {"type": "HANG"}
"""In a stream: silence from here on."""


@dataclass
class Scripted:
    """Streams and answers in the order in which they are asked for."""

    streams: list[list[Any]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def request(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Response(code=200, body=answer)

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        self.requests.append(request)
        for event in self.streams.pop(0) if self.streams else [HANG]:
            if isinstance(event, Exception):
                raise event
            if event is HANG:
                await asyncio.sleep(1e9)
            yield event

    async def close(self) -> None:
        return


def refusal(code: int, reason: str = "") -> Exception:
    return from_status(code, {"reason": reason, "message": reason or str(code)})


def pod(name: str, version: int, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "a", "resourceVersion": str(version), **metadata},
    }


def added(name: str, version: int, **metadata: Any) -> Object:
    return {"type": "ADDED", "object": pod(name, version, **metadata)}


def changed(name: str, version: int) -> Object:
    return {"type": "MODIFIED", "object": pod(name, version)}


def deleted(name: str, version: int) -> Object:
    return {"type": "DELETED", "object": pod(name, version)}


def bookmark(version: int, *, end: bool = False) -> Object:
    metadata: Object = {"resourceVersion": str(version)}
    if end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}


def page(*pods: Object, version: int, token: str = "") -> Object:
    metadata: Object = {"resourceVersion": str(version)}
    if token:
        metadata["continue"] = token
    return {"kind": "PodList", "metadata": metadata, "items": list(pods)}
