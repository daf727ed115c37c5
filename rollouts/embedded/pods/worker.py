"""One pod from its assignment to its end."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.embedded.pods.backoff import FIRST, Backoff
from rollouts.embedded.pods.environment import Source, expand, resolve, sources
from rollouts.embedded.pods.images import Image
from rollouts.embedded.pods.limits import without_effect
from rollouts.embedded.pods.runner import Address, Drain, Launch, PodRunner, Process, StartFailed
from rollouts.embedded.pods.status import ContainerState, met_gates, pod_status
from rollouts.embedded.workloads.cache import Cache, key_of
from rollouts.embedded.workloads.endpointslices import PORTS_ANNOTATION
from rollouts.embedded.workloads.events import warning
from rollouts.embedded.workloads.pods import Clock
from rollouts.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Unreachable
from rollouts.kube.resources import CONFIG_MAPS, EVENTS, PODS, SECRETS

NODE = "embedded"
"""The name of the only node."""

Images = Callable[[], Mapping[str, Image]]

log = logging.getLogger(__name__)


class Worker:
    """Runs the containers of one pod and says in its status what they do."""

    def __init__(
        self, cache: Cache, runner: PodRunner, clock: Clock, images: Images, pod: Object, *, drain: Drain
    ) -> None:
        self._cache = cache
        self._runner = runner
        self._clock = clock
        self._drain = drain
        self._images = images
        self._pod = pod
        self._key = key_of(pod)
        self._init: dict[str, ContainerState] = {}
        self._main: dict[str, ContainerState] = {}
        self._processes: dict[str, Process] = {}
        self._address = Address(ip="")
        self._writing = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._gates_changed = asyncio.Event()
        self.images_changed = asyncio.Event()

    def see(self, pod: Object | None) -> None:
        """Take notice of the pod as it is now; None once it is gone from the API."""
        if pod is None:
            self._leaving.set()
            return
        if met_gates(pod) != met_gates(self._pod):
            self._gates_changed.set()
        self._pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._leaving.set()

    def log_of(self, container: str = "") -> bytes | None:
        """What a container wrote; None while there is no such container. By default the first one."""
        name = container or self._pod["spec"]["containers"][0]["name"]
        process = self._processes.get(name)
        return process.log() if process is not None else None

    async def run(self) -> None:
        """Live the pod's life."""
        spec = self._pod["spec"]
        for states, containers in (
            (self._init, spec.get("initContainers") or ()),
            (self._main, spec["containers"]),
        ):
            states.update({c["name"]: ContainerState(name=c["name"], image=c["image"]) for c in containers})
        self._address = await self._runner.assign(self._ports())
        life = asyncio.create_task(self._life())
        leaving = asyncio.create_task(self._leaving.wait())
        gates = asyncio.create_task(self._follow_gates())
        try:
            deadline = spec.get("activeDeadlineSeconds")
            await asyncio.wait((life, leaving), timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()
            elif not leaving.done():
                await self._fail_late(life)
            await self._leaving.wait()
            await self._leave(life)
        finally:
            life.cancel()
            leaving.cancel()
            gates.cancel()
            await asyncio.gather(*(p.stop(0) for p in self._processes.values()))
            self._runner.release(self._address)

    async def _leave(self, life: asyncio.Task[None]) -> None:
        metadata = self._pod["metadata"]
        grace = metadata.get("deletionGracePeriodSeconds")
        if grace is None:
            grace = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        if self._running() and grace > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._drain(self._address, self._ports())
        life.cancel()
        await asyncio.gather(*(p.stop(grace) for p in self._processes.values()))
        if self._cache.get(PODS, self._key) is not None:
            with suppress(NotFound):
                await self._cache.delete(PODS, self._pod, grace_period=0)

    async def _fail_late(self, life: asyncio.Task[None]) -> None:
        life.cancel()
        await asyncio.gather(*(p.stop(0) for p in self._processes.values()))
        now = self._clock()
        for name, state in self._main.items():
            if state.state != "terminated":
                ended = {
                    "state": "terminated",
                    "reason": "DeadlineExceeded",
                    "exit_code": 137,
                    "ready": False,
                }
                self._main[name] = replace(state, finished=now, **ended)  # type: ignore[arg-type]
        await self._publish()

    def _ports(self) -> list[int]:
        containers = self._pod["spec"]["containers"]
        return [int(p["containerPort"]) for c in containers for p in c.get("ports") or ()]

    def _running(self) -> bool:
        return any(state.state == "running" for state in self._main.values())

    async def _life(self) -> None:
        await self._bind()
        await self._tell_limits()
        spec = self._pod["spec"]
        policy = spec.get("restartPolicy", "Always")
        for container in spec.get("initContainers") or ():
            await self._container(container, self._init, "Never" if policy == "Never" else "OnFailure")
            if self._init[container["name"]].exit_code:
                return
        async with asyncio.TaskGroup() as group:
            for container in spec["containers"]:
                group.create_task(self._container(container, self._main, policy))

    async def _bind(self) -> None:
        """Be the scheduler of the only node."""
        annotations = {}
        if self._address.ports:
            numbers = {str(ours): real for ours, real in sorted(self._address.ports.items())}
            annotations[PORTS_ANNOTATION] = json.dumps(numbers)
        namespace, name = self._key
        if not self._pod["spec"].get("nodeName"):
            await self._cache.client.bind(name, namespace, NODE, annotations)

    async def _tell_limits(self) -> None:
        if not (fields := [*without_effect(self._pod)]):
            return
        message = f"{', '.join(fields)}: without effect in the embedded cluster"
        event = warning(
            self._pod, PODS, reason="Unsupported", message=message, component="kubelet", now=self._clock()
        )
        with suppress(AlreadyExists):
            await self._cache.client.create(EVENTS, event, self._key[0])

    async def _container(self, container: Object, states: dict[str, ContainerState], policy: str) -> None:
        name, backoff = container["name"], Backoff()
        while True:
            process = await self._start(container, states, completes=policy != "Always")
            code = await self._follow(process, name, states) if process else states[name].exit_code
            state = states[name]
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                return
            if backoff.wait:
                message = f"back-off {backoff.wait:g}s restarting failed container={name}"
                await self._set(states, name, state="waiting", reason="CrashLoopBackOff", message=message)
                await asyncio.sleep(backoff.wait)
            backoff = backoff.after_run(_lasted(state))
            states[name] = replace(states[name], restarts=state.restarts + 1, last=state.terminated())

    async def _start(
        self, container: Object, states: dict[str, ContainerState], *, completes: bool
    ) -> Process | None:
        """Start a container, however long its image takes to come; None if it could not be started."""
        name = container["name"]
        image = await self._pull(container, states)
        try:
            launch = await self._launch(container, image, completes=completes)
            process = await self._runner.start(launch)
        except (InvalidSpec, StartFailed) as error:
            now = self._clock()
            await self._set(
                states, name, state="terminated", reason="StartError", message=str(error), exit_code=128,
                started=now, finished=now,
            )  # fmt: skip
            return None
        self._processes[name] = process
        await self._set(states, name, state="running", reason="", message="", started=self._clock())
        return process

    async def _pull(self, container: Object, states: dict[str, ContainerState]) -> Image:
        reference, wait = container["image"], FIRST
        reason = "ErrImagePull"
        while (image := self._images().get(reference, Image())).missing:
            message = f'image "{reference}" is marked missing in ConfigMap kube-system/images'
            await self._set(states, container["name"], state="waiting", reason=reason, message=message)
            self.images_changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.images_changed.wait()
            reason, wait = "ImagePullBackOff", min(wait * 2, 300.0)
        return image

    async def _launch(self, container: Object, image: Image, *, completes: bool) -> Launch:
        namespace, name = self._key
        env = resolve(container, self._pod, self._address, await self._sources(container), image.env)
        own = container.get("command") or ()
        words: Sequence[str] = [*(own or image.command), *(container.get("args") or ())]
        labels = self._pod["metadata"].get("labels") or {}
        return Launch(
            namespace=namespace,
            pod=name,
            container=container["name"],
            app=labels.get("app.kubernetes.io/name") or labels.get("app") or container["name"],
            image=container["image"],
            command=tuple(expand(word, env) for word in words) if own or image.command else (),
            env=env,
            cwd=container.get("workingDir") or "/",
            address=self._address,
            ports=tuple(int(port["containerPort"]) for port in container.get("ports") or ()),
            port_names={
                p["name"]: int(p["containerPort"]) for p in container.get("ports") or () if "name" in p
            },
            completes=completes,
            broken=image.broken,
            probe=container.get("readinessProbe"),
            lifecycle=container.get("lifecycle"),
            annotations=self._pod["metadata"].get("annotations") or {},
        )

    async def _sources(self, container: Object) -> dict[Source, Object]:
        found = {}
        for kind, name in sources(container):
            resource = CONFIG_MAPS if kind == "ConfigMap" else SECRETS
            with suppress(NotFound):
                found[kind, name] = await self._cache.client.get(resource, name, self._key[0])
        return found

    async def _follow(self, process: Process, name: str, states: dict[str, ContainerState]) -> int:
        async def follow_readiness() -> None:
            async for ready in process.readiness():
                await self._set(states, name, ready=ready)

        watching = asyncio.create_task(follow_readiness())
        try:
            code = await process.wait()
        finally:
            watching.cancel()
        await self._set(
            states, name, state="terminated", reason="Completed" if code == 0 else "Error", exit_code=code,
            finished=self._clock(), ready=False,
        )  # fmt: skip
        return code

    async def _set(self, states: dict[str, ContainerState], name: str, **changes: object) -> None:
        if changes.get("state") in ("waiting", "terminated"):
            changes["ready"] = False
        states[name] = replace(states[name], **changes)  # type: ignore[arg-type]
        await self._publish()

    async def _follow_gates(self) -> None:
        """A readiness gate that is met makes the pod ready, whatever its containers do meanwhile."""
        while True:
            await self._gates_changed.wait()
            self._gates_changed.clear()
            await self._publish()

    async def _publish(self) -> None:
        async with self._writing:
            pod = self._cache.get(PODS, self._key)
            if pod is None or pod["metadata"]["uid"] != self._pod["metadata"]["uid"]:
                return
            try:
                await self._write_status(pod)
            except (ApiError, Unreachable) as error:
                # The next change writes everything again; what is gone needs no status.
                log.debug("status of pod %s/%s: %s", *self._key, error)

    async def _write_status(self, pod: Object) -> None:
        """Where others have conditions, against the pod as it was seen: theirs must not be taken out."""
        if not pod["spec"].get("readinessGates"):
            await self._cache.patch(PODS, pod, {"status": self._status(pod)}, subresource="status")
            return
        try:
            await self._cache.write_status(PODS, pod, self._status(pod))
        except Conflict:
            pod = await self._cache.client.get(PODS, self._key[1], self._key[0])
            await self._cache.write_status(PODS, pod, self._status(pod))

    def _status(self, pod: Object) -> Object:
        return pod_status(pod, [*self._init.values()], [*self._main.values()], self._address, self._clock())


def _lasted(state: ContainerState) -> float:
    if state.started is None or state.finished is None:
        return 0.0
    return (state.finished - state.started).total_seconds()
