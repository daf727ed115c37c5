"""A whole world in virtual time: a cluster, the controllers, requests, and somebody who changes things.

    async with World() as world:
        await world.apply("examples/canary.yaml")
        await world.set_image("hello", "hello=hello:v2")
        world.degrade("v2", error_rate=0.2)
        await world.run(minutes=10)
        assert world.traffic("hello") == {"stable": 100}

To be run by `rollouts.embedded.virtual_time.run`. The same calls lead to the same world every time.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.crd import crds
from rollouts.api.meta import Object
from rollouts.controller.compose import Parts, compose
from rollouts.controller.labels import POD_HASH
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.api.storage import Change
from rollouts.embedded.pods import kubelet
from rollouts.embedded.pods.kubelet import Kubelet
from rollouts.embedded.pods.simulated import SimulatedPods
from rollouts.embedded.traffic import STATS, Behaviour, Traffic
from rollouts.embedded.virtual_time import START, VirtualClock
from rollouts.embedded.workloads import controllers
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.controllers import Controllers
from rollouts.kube import resources
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    EVENTS,
    GATEWAY_CLASSES,
    HTTP_ROUTES,
    INGRESS_CLASSES,
    INGRESSES,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from rollouts.kube.store import Writer
from rollouts.kube.transport import Request, Response, Transport

_TICK = 1.0
"""Seconds of virtual time between two looks at where the requests go."""
_INSTANT = 0.001
"""Seconds after a change in which all that it leads to at once has happened."""
_KINDS = {
    (each.api_version, each.kind): each for each in vars(resources).values() if isinstance(each, Resource)
}
_GATEWAY: Object = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "envoy", "namespace": "rollouts-system"},
    "spec": {
        "gatewayClassName": "envoy",
        "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
    },
}
"""The one that the embedded ingress serves."""
_SEEN = {
    (each.group, each.plural): each
    for each in (ROLLOUTS, REPLICA_SETS, PODS, SERVICES, INGRESSES, HTTP_ROUTES, ANALYSIS_RUNS, EVENTS)
}


class World:
    """An embedded cluster with its controllers, in virtual time.

    Args:
        namespace: in which objects without one are applied.
        per_second: requests into each entry.
        start: the instant at which the world begins.
        through: what lies between the controllers and the API server, such as faults; asked at each start of
            the controllers.
        start_controllers: false where the test runs controllers of its own.
    """

    def __init__(
        self,
        *,
        namespace: str = "default",
        per_second: float = 50.0,
        start: datetime = START,
        through: Callable[[Transport], Transport] = lambda inner: inner,
        start_controllers: bool = True,
    ) -> None:
        self.namespace = namespace
        self.clock = VirtualClock(start)
        self.server = ApiServer(self.clock, seed=0)
        self.client = Client(InProcess(self.server), field_manager="kubectl")
        self.writes: list[Request] = []
        """What the controllers wrote, oldest first."""
        self.samples: list[tuple[float, dict[str, int]]] = []
        """After `sample(name)`: second by second where the requests to that rollout went."""
        self._store = Writer()
        self.load = Traffic(self._store, per_second=per_second, now=_seconds)
        self._broken: set[str] = set()
        self.pods = SimulatedPods(self._broken.__contains__)
        self._engine: asyncio.Task[None] | None = None
        self._doom: int | None = None
        self._through = through
        self._start_controllers = start_controllers
        self._tasks: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> Self:
        self.server.objects.storage.listeners.append(self._see)
        self.server.proxies[STATS] = self.load.answer
        self.server.install_crds(_definitions())
        await self._ensure_namespace(self.namespace)
        for each in (
            _class(INGRESS_CLASSES, "nginx", "controller"),
            _class(GATEWAY_CLASSES, "envoy", "controllerName"),
            _GATEWAY,
        ):
            await self._apply(each)
        await self._start_cluster()
        if self._start_controllers:
            await self.restart()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.crash()
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome from error

    # --- What somebody does ------------------------------------------------------------------------------

    async def apply(self, *manifests: str | Path | Object) -> None:
        """Create or update objects, or all those of YAML files."""
        for manifest in manifests:
            for obj in _objects(manifest):
                await self._apply(obj)
        await asyncio.sleep(_INSTANT)

    async def set_image(self, name: str, container_image: str) -> None:
        """Give a container another image, as `name=image`; `*` means every container."""
        container, _, image = container_image.partition("=")
        rollout = await self.client.get(ROLLOUTS, name, self.namespace)
        containers = rollout["spec"]["template"]["spec"]["containers"]
        for each in containers:
            if container in ("*", each["name"]):
                each["image"] = image
        await self.patch(name, {"spec": {"template": {"spec": {"containers": containers}}}})

    async def patch(self, name: str, patch: Object, *, status: bool = False) -> Object:
        """Merge a patch into a rollout, or into its status: this is how every verb is made."""
        subresource = "status" if status else ""
        changed = await self.client.patch(ROLLOUTS, name, patch, self.namespace, subresource=subresource)
        await asyncio.sleep(_INSTANT)
        return changed

    def degrade(self, version: str, *, error_rate: float = 0.0, latency_ms: float = 8.0) -> None:
        """Let the pods of an image, or of a tag, answer badly from now on."""
        self.load.behave(version, Behaviour(error_rate=error_rate, latency_ms=latency_ms))

    def break_image(self, image: str) -> None:
        """Let the pods of an image start and never become ready."""
        self._broken.add(image)

    def mend_image(self, image: str) -> None:
        """Let the pods of an image work again, those that run already too."""
        self._broken.discard(image)
        for process in self.pods.running.values():
            if process.launch.image == image:
                process.answer(ready=True)

    async def annotate_ingress(self, name: str, key: str, value: str) -> None:
        """Change an Ingress behind the controllers' back."""
        patch = {"metadata": {"annotations": {key: value}}}
        await self.client.patch(INGRESSES, name, patch, self.namespace)

    async def run(self, *, minutes: float = 0.0, seconds: float = 0.0) -> None:
        """Let time go by."""
        await asyncio.sleep(minutes * 60 + seconds)

    async def run_until(self, done: Callable[[], bool], *, minutes: float = 60.0) -> None:
        """Let time go by until something is so.

        Raises:
            TimeoutError: it did not come to be.
        """
        async with asyncio.timeout(minutes * 60):
            while not done():  # noqa: ASYNC110 (a condition on the whole world has no event)
                await asyncio.sleep(_TICK)

    # --- What befalls the controllers --------------------------------------------------------------------

    async def crash(self) -> None:
        """Kill the controllers between any two lines: nothing is cleaned up."""
        self._doom = None
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.cancel()
            await asyncio.gather(engine, return_exceptions=True)

    def crash_at_write(self, number: int) -> None:
        """Kill the controllers as soon as the server has taken their nth write from now (1: the next)."""
        self._doom = number

    @property
    def crashed(self) -> bool:
        """Whether the controllers are down."""
        return self._engine is None or self._engine.done()

    async def restart(self) -> None:
        """Start the controllers, which know nothing but what the cluster holds."""
        await self.crash()
        transport = self._through(_Overseen(InProcess(self.server), self._on_write))
        parts: Parts = compose(Client(transport), self.clock)
        self._engine = asyncio.create_task(parts.run(), name="controllers")
        synced = asyncio.create_task(parts.manager.synced.wait())
        await asyncio.wait({self._engine, synced}, return_when=asyncio.FIRST_COMPLETED)
        if self._engine.done():
            synced.cancel()
            self._engine.result()

    # --- What can be seen --------------------------------------------------------------------------------

    def rollout(self, name: str) -> Object:
        """The rollout as it is now.

        Raises:
            KeyError: there is none.
        """
        found = self._store.get(ROLLOUTS, name, self.namespace)
        if found is None:
            raise KeyError(f"no Rollout {name} in namespace {self.namespace}")
        return found

    def status(self, name: str) -> Object:
        """The status of a rollout."""
        return dict(self.rollout(name).get("status") or {})

    def service(self, name: str) -> Object:
        """A Service as it is now.

        Raises:
            KeyError: there is none.
        """
        found = self._store.get(SERVICES, name, self.namespace)
        if found is None:
            raise KeyError(f"no Service {name} in namespace {self.namespace}")
        return found

    def phase(self, name: str) -> str:
        """The phase of a rollout."""
        return str(self.status(name).get("phase", ""))

    def traffic(self, name: str) -> dict[str, int]:
        """Percentages of the requests to a rollout: `stable`, `canary`, `baseline`, `other`, `unserved`."""
        status = self.status(name)
        current, stable = status.get("currentPodHash", ""), status.get("stableRS", "")
        sets = self._store.owned(REPLICA_SETS, self.rollout(name)["metadata"]["uid"])
        beside = {obj["metadata"]["labels"][POD_HASH]: "baseline" for obj in sets if _is_baseline(obj)}
        return self.load.split(self.namespace, {**beside, current: "canary", stable: "stable"})

    def replica_sets(self, name: str) -> dict[str, int]:
        """The sizes of a rollout's ReplicaSets by spec: by image of their first container, or `baseline`."""
        return {
            "baseline" if _is_baseline(obj) else _image(obj): obj["spec"].get("replicas", 1)
            for obj in self._store.owned(REPLICA_SETS, self.rollout(name)["metadata"]["uid"])
        }

    def events(self, name: str) -> list[str]:
        """The reasons of the events about an object, in order of their first occurrence."""
        found = [
            event
            for event in self._store.list(EVENTS, self.namespace)
            if event["involvedObject"]["name"] == name
        ]
        found.sort(key=lambda event: (event["firstTimestamp"], int(event["metadata"]["resourceVersion"])))
        return [event["reason"] for event in found]

    def objects(self, resource: Resource) -> tuple[Object, ...]:
        """The objects of one of the kinds that a world looks at."""
        return self._store.list(resource, self.namespace if resource.namespaced else "")

    def sample(self, name: str) -> None:
        """Begin to keep where the requests to a rollout go."""
        self._tasks.append(asyncio.ensure_future(self._sample(name)))

    # --- How it is made ----------------------------------------------------------------------------------

    async def _start_cluster(self) -> None:
        client = Client(InProcess(self.server), field_manager="kube-controller-manager")
        cache = Cache(client, dict.fromkeys((*controllers.RESOURCES, *kubelet.RESOURCES)))
        workloads = Controllers(cache, self.clock)
        nodes = Kubelet(cache, self.pods, self.clock)
        work: list[Awaitable[None]] = [cache.run(), workloads.run(), nodes.run()]
        self._tasks = [asyncio.ensure_future(each) for each in work]
        await cache.synced()

    def _see(self, key: tuple[str, str], change: Change) -> None:
        """What has changed shows at once; until then the requests went where they went."""
        resource = _SEEN.get(key)
        if resource is None:
            return
        self.load.catch_up()
        obj = {**change.object, "apiVersion": resource.api_version}
        if change.type == "DELETED":
            self._store.remove(resource, obj)
        else:
            self._store.put(resource, obj)

    async def _sample(self, name: str) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.samples.append((_seconds(), self.traffic(name)))

    async def _apply(self, obj: Object) -> None:
        resource = _KINDS[obj["apiVersion"], obj["kind"]]
        namespace = obj["metadata"].get("namespace") or (self.namespace if resource.namespaced else "")
        if namespace:
            await self._ensure_namespace(namespace)
            obj = {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}
        await self.client.patch(resource, obj["metadata"]["name"], obj, namespace, type="apply", force=True)

    async def _ensure_namespace(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            await self.client.create(NAMESPACES, body)
        except AlreadyExists:
            return

    async def _on_write(self, request: Request) -> None:
        self.writes.append(request)
        if self._doom is None:
            return
        self._doom -= 1
        if self._doom <= 0:
            self._doom = None
            if self._engine is not None:
                self._engine.cancel()
            await asyncio.sleep(3600)  # what made the write does not get to its next line


class _Overseen:
    """The controllers' transport, with somebody who is told of each write that was taken."""

    def __init__(self, inner: Transport, on_write: Callable[[Request], Awaitable[None]]) -> None:
        self._inner = inner
        self._on_write = on_write

    async def request(self, request: Request) -> Response:
        answer = await self._inner.request(request)
        if request.method != "GET" and answer.code < 300:
            await self._on_write(request)
        return answer

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()


_definitions = cache(crds)
"""Made once for all worlds of a process; the server copies them."""


def _is_baseline(replica_set: Object) -> bool:
    return BASELINE_OF in (replica_set["metadata"].get("annotations") or {})


def _image(replica_set: Object) -> str:
    return str(replica_set["spec"]["template"]["spec"]["containers"][0]["image"])


def _class(resource: Resource, name: str, field: str) -> Object:
    """A class of routes that the embedded ingress answers for."""
    metadata = {"name": name}
    spec = {field: "rollouts.io/envoy"}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


def _objects(manifest: str | Path | Object) -> Iterable[Object]:
    if isinstance(manifest, dict):
        return (manifest,)
    documents: Sequence[Any] = list(yaml.safe_load_all(Path(manifest).read_text(encoding="utf-8")))
    return [document for document in documents if document]


def _seconds() -> float:
    """Virtual time since the beginning."""
    return asyncio.get_running_loop().time()
