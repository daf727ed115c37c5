"""The API server in memory: a request goes in, a response or a stream of events comes out."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import authorization, discovery, openapi, table, watching
from rollouts.embedded.api.builtins import builtins
from rollouts.embedded.api.crds import Definitions
from rollouts.embedded.api.gc import GarbageCollector
from rollouts.embedded.api.kinds import Registry
from rollouts.embedded.api.objects import Objects, Options, copy
from rollouts.embedded.api.query import watch_options
from rollouts.embedded.api.routes import Route, find
from rollouts.embedded.api.selectors import selector
from rollouts.embedded.api.status import (
    Refusal,
    method_not_allowed,
)
from rollouts.embedded.api.verbs import perform
from rollouts.kube.errors import from_status
from rollouts.kube.resources import CRDS, NAMESPACES
from rollouts.kube.transport import Request, Response

Proxy = Callable[[str, "dict[str, str]"], Awaitable[Response]]
LogReader = Callable[[str, str, "dict[str, str]"], Awaitable[str]]
NAMESPACES_AT_START = ("default", "kube-system", "kube-public", "rollouts-system")


async def _no_logs(namespace: str, name: str, query: dict[str, str]) -> str:
    message = f'no node of this server runs the pod "{name}" in the namespace "{namespace}": it has no log'
    raise Refusal(501, "NotImplemented", message)


class ApiServer:
    """A Kubernetes API over objects in memory.

    Bodies of responses are shared with the store and must not be changed; `InProcess` gives out copies. A
    body of a request belongs to the server afterwards.
    """

    def __init__(
        self, clock: Callable[[], datetime], *, seed: int | None = None, first_version: int = 1
    ) -> None:
        """Begin with the usual namespaces alone.

        `seed` makes uids and generated names repeatable. Of resourceVersions before `first_version` nothing
        is known (410): a server that starts anew must begin after the last one of its life before.
        """
        self.registry = Registry(builtins())
        self.objects = Objects(self.registry, clock, seed, first_version)
        self.proxies: dict[tuple[str, str, int | str], Proxy] = {}
        """Who answers for a port of a service, by (namespace, service, port)."""
        self.logs: LogReader = _no_logs
        """Who reads a pod's log: async (namespace, pod, query) -> text. It may raise Refusal."""
        self._definitions = Definitions(self.objects)
        self.objects.settle = GarbageCollector(self.objects).settle
        self.objects.storage.listeners.append(self._release_address)
        for name in NAMESPACES_AT_START:
            self._create(NAMESPACES.path(), {"metadata": {"name": name}})

    def install_crds(self, crds: Iterable[Object]) -> None:
        """Serve custom kinds, or serve them as they are defined now.

        Raises:
            ApiError: a definition is refused.
        """
        for crd in crds:
            try:
                self._install(copy(crd))
            except Refusal as refusal:
                raise from_status(refusal.code, refusal.status, "install_crds") from refusal

    def _install(self, crd: Object) -> None:
        kind = find(self.registry, CRDS.path()).kind
        old = self.objects.storage.get(kind.key, "", crd["metadata"]["name"])
        if old is None:
            self.objects.create(kind, "", crd, Options())
        else:
            self.objects.replace(kind, old, crd, Options())

    def _create(self, path: str, body: Object) -> None:
        self.objects.create(find(self.registry, path).kind, "", body, Options())

    def _release_address(self, key: tuple[str, str], change: Any) -> None:
        if key == ("", "services") and change.type == "DELETED":
            self.objects.addresses.release(change.object)

    def close(self) -> None:
        """End every watch, in good order."""
        self.objects.storage.close()

    async def handle(self, request: Request) -> Response:
        """Answer a request that is no watch."""
        try:
            return await self._answer(request)
        except Refusal as refusal:
            headers = {}
            if seconds := refusal.status.get("details", {}).get("retryAfterSeconds"):
                headers["retry-after"] = str(seconds)
            return Response(code=refusal.code, body=refusal.body, headers=headers)

    def is_watch(self, request: Request) -> bool:
        """Whether a request begins a watch: one object is read, whatever else is asked.

        Raises:
            Refusal: there is no such place.
        """
        if request.method != "GET" or request.query.get("watch", "").lower() not in {"1", "true"}:
            return False
        return not find(self.registry, request.path).name

    def watch(self, request: Request) -> AsyncGenerator[Object, None]:
        """Begin a watch; whatever happens from now on will be told.

        Raises:
            Refusal: it cannot begin.
        """
        route = find(self.registry, request.path)
        if request.method != "GET" or route.name:
            raise method_not_allowed()
        query = dict(request.query)
        predicate = selector(query.get("labelSelector", ""), query.get("fieldSelector", ""), route.kind)
        options = watch_options(query, route.namespace)
        events = watching.start(self.objects.storage, route.kind, predicate, options)
        return table.watched(route.kind, events, request, self.objects.clock)

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        """Follow a watch.

        Raises:
            ApiError: it cannot begin.
        """
        try:
            events = self.watch(request)
        except Refusal as refusal:
            raise from_status(refusal.code, refusal.status, f"GET {request.path}") from refusal
        async with aclosing(events):
            async for event in events:
                yield event

    async def _answer(self, request: Request) -> Response:
        if (found := self._fixed(request)) is not None:
            return found
        route = find(self.registry, request.path)
        if route.subresource == "proxy":
            return await self._proxy(route, request)
        if route.subresource == "log":
            return await self._log(route, request)
        warnings: list[str] = []
        code, body = perform(self.objects, route, request, warnings)
        headers = {"warning": ", ".join(f'299 - "{_quoted(text)}"' for text in warnings)} if warnings else {}
        body = table.shaped(route.kind, body, request, self.objects.clock)
        return Response(code=code, body=body, headers=headers)

    def _fixed(self, request: Request) -> Response | None:
        """The places that are no resources; None for the others."""
        path = "/" + request.path.strip("/")
        if request.method == "POST":
            review = authorization.review(path, request)
            return None if review is None else Response(code=201, body=review)
        if request.method != "GET":
            return None
        if path in {"/healthz", "/livez", "/readyz"}:
            return Response(code=200, body="ok")
        if path.startswith("/openapi/"):
            return openapi.answer(self.registry, path)
        return discovery.answer(self.registry, path, request.headers.get("accept", ""))

    async def _log(self, route: Route, request: Request) -> Response:
        if request.method != "GET":
            raise method_not_allowed()
        self.objects.get(route.kind, route.namespace, route.name)
        return Response(code=200, body=await self.logs(route.namespace, route.name, dict(request.query)))

    async def _proxy(self, route: Route, request: Request) -> Response:
        if request.method != "GET":
            raise method_not_allowed()
        name, _, port = route.name.removeprefix("http:").partition(":")
        number: int | str = int(port) if port.isdigit() else port
        proxy = self.proxies.get((route.namespace, name, number))
        if proxy is None:
            message = f'no endpoints available for service "{name}", port "{port}"'
            raise Refusal(503, "ServiceUnavailable", message, name=name)
        return await proxy("/" + route.rest, dict(request.query))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
