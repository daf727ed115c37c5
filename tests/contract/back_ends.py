"""The back ends of the contract suite, and how a test speaks to one of them."""

import asyncio
import io
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.http import HttpTransport, connect
from rollouts.kube.resources import Resource
from rollouts.kube.transport import Request, Response
from tests.embedded.api.served import served

REAL = os.environ.get("ROLLOUTS_TEST_KUBECONFIG", "")
"""A kubeconfig of a real cluster to run the same cases on."""
BACK_ENDS = ("in process", "over https", *(("real",) if REAL else ()))
over_the_wire = pytest.mark.parametrize("server", BACK_ENDS[1:], indirect=True, scope="module")
"""For what in process cannot be: bodies that are no JSON, and headers of HTTP."""
WIDGETS = yaml.safe_load((Path(__file__).parent / "widgets.yaml").read_text())
"""The definition of a custom kind in which every keyword of a schema occurs."""
PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass
class BackEnd:
    """A server that is up."""

    name: str
    kubeconfig: str = ""
    server: ApiServer | None = None
    """If it is ours."""

    async def connect(self) -> Client:
        """A client for the running event loop."""
        return await connect(self.kubeconfig) if self.kubeconfig else Client(InProcess(self.server))

    def forget(self) -> None:
        """Make an embedded server forget what has changed so far; a real one forgets by itself."""
        if self.server is not None:
            self.server.objects.storage.compact()


@contextmanager
def back_end(name: str, folder: Path, *crds: Any) -> Iterator[BackEnd]:
    """One of the embedded back ends, or the real one, which is up already and keeps its definitions."""
    if name == "real":
        yield BackEnd(name, REAL)
    elif name == "in process":
        server = ApiServer(lambda: datetime.now(UTC))
        server.install_crds(crds)
        yield BackEnd(name, server=server)
    else:
        server = ApiServer(lambda: datetime.now(UTC))
        with served(folder / "kubeconfig", *crds, server=server):
            yield BackEnd(name, str(folder / "kubeconfig"), server)


async def _again_and_again(ask: Any) -> AsyncGenerator[Any, None]:
    while True:
        yield await ask()
        await asyncio.sleep(0.05)


@dataclass
class Cluster:
    """A back end and the namespace that a test has to itself."""

    client: Client
    namespace: str
    back_end: str
    widgets: Resource
    """The custom kind."""
    forget: Callable[[], None]
    """Make an embedded server forget what has changed so far; a real one forgets by itself."""

    @property
    def is_real(self) -> bool:
        return self.back_end == "real"

    def path(self, resource: Resource, name: str = "", subresource: str = "") -> str:
        """Where an object of the test's namespace is."""
        return resource.path(self.namespace, name, subresource)

    async def send(
        self, method: str, path: str, body: Any = None, *, content: str = "", accept: str = "", **query: str
    ) -> Response:
        """Ask, and take whatever is answered."""
        headers = {"content-type": content or "application/json", "accept": accept or "application/json"}
        return await self.client.transport.request(
            Request(method=method, path=path, query=query, headers=headers, body=body)
        )

    async def send_raw(self, method: str, path: str, raw: bytes, **headers: str) -> Response:
        """Ask with a body as it is, whatever it is; not in process, where there is no wire."""
        transport = self.client.transport
        assert isinstance(transport, HttpTransport)
        endpoint = transport.endpoint
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization := await endpoint.credentials():
            headers["authorization"] = authorization
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method,
                endpoint.server + path,
                data=io.BytesIO(raw),
                headers=headers,
                ssl=endpoint.tls or True,
            ) as answer,
        ):
            data = await answer.read()
            told = {name.lower(): value for name, value in answer.headers.items()}
            is_json = answer.content_type == "application/json"
            return Response(
                code=answer.status, body=orjson.loads(data) if is_json else data.decode(), headers=told
            )

    async def create(self, resource: Resource, body: Any, **query: str) -> Any:
        """Create, and insist."""
        return self._good(await self.send("POST", self.path(resource), body, **query))

    async def get(self, resource: Resource, name: str, **query: str) -> Any:
        """Read, and insist."""
        return self._good(await self.send("GET", self.path(resource, name), **query))

    async def listed(self, resource: Resource, **query: str) -> Any:
        """List, and insist; `continue_` stands for `continue`."""
        query = {name.rstrip("_"): value for name, value in query.items()}
        return self._good(await self.send("GET", self.path(resource), **query))

    async def names(self, resource: Resource, **query: str) -> list[str]:
        """The names in a list."""
        return [item["metadata"]["name"] for item in (await self.listed(resource, **query))["items"]]

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        type: str = "merge",
        subresource: str = "",
        **query: str,
    ) -> Response:
        """Change, and take whatever is answered."""
        path = self.path(resource, name, subresource)
        return await self.send("PATCH", path, body, content=PATCHES[type], **query)

    async def patched(self, *words: Any, **query: Any) -> Any:
        """Change, and insist."""
        return self._good(await self.patch(*words, **query))

    async def apply(self, resource: Resource, body: Any, manager: str, **query: Any) -> Response:
        """Apply as a manager, and take whatever is answered."""
        name = body["metadata"]["name"]
        return await self.patch(resource, name, body, "apply", fieldManager=manager, **query)

    async def applied(self, *words: Any, **query: Any) -> Any:
        """Apply, and insist."""
        return self._good(await self.apply(*words, **query))

    async def stream(self, path: str, *, accept: str = "application/json", **query: str) -> list[Any]:
        """All events of a watch that ends."""
        request = Request(method="GET", path=path, query=query, headers={"accept": accept})
        events = self.client.transport.stream(request)
        return [event async for event in events]

    def watch(self, resource: Resource, **query: str) -> AsyncGenerator[Any, None]:
        """Follow changes."""
        return self.client.watch(resource, self.namespace, **query)

    async def gone(self, resource: Resource, name: str) -> None:
        """Wait until there is no such object: on a real cluster a controller has a hand in it."""
        path = self.path(resource, name)
        await self.until(lambda: self.send("GET", path), lambda answer: answer.code == 404)

    async def until(self, ask: Any, is_so: Any) -> Any:
        """Ask until an answer is as wanted."""
        async with asyncio.timeout(60):
            async for answer in _again_and_again(ask):
                if is_so(answer):
                    return answer
        raise AssertionError

    @staticmethod
    def _good(answer: Response) -> Any:
        assert answer.code < 300, answer.body
        return answer.body
