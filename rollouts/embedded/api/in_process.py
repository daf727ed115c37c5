"""The transport from a client to a server in the same process: no wire, but copies all the same."""

from collections.abc import AsyncGenerator

import orjson

from rollouts.api.meta import Object
from rollouts.embedded.api.server import ApiServer
from rollouts.kube.transport import Request, Response


class InProcess:
    """A Transport. What goes in and what comes out is copied, so that neither side can change the other's."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    async def request(self, request: Request) -> Response:
        """Ask the server."""
        body = orjson.loads(orjson.dumps(request.body)) if request.body is not None else None
        answer = await self._server.handle(
            Request(
                method=request.method,
                path=request.path,
                query=request.query,
                headers=request.headers,
                body=body,
            )
        )
        if isinstance(answer.body, str | bytes):
            return answer
        return Response(
            code=answer.code, body=orjson.loads(orjson.dumps(answer.body)), headers=answer.headers
        )

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        """Follow a watch.

        Raises:
            ApiError: the server refused it.
        """
        events = self._server.stream(request)
        try:
            async for event in events:
                yield orjson.loads(orjson.dumps(event))
        finally:
            await events.aclose()

    async def close(self) -> None:
        """Nothing is held."""
