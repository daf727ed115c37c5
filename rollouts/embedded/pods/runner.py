"""The seam between the kubelet and what really runs a container."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object


class StartFailed(RolloutsError):
    """The container could not be started; the message says why. Tried again with backoff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a pod is reached: its own ip, or, where there is only one to share, ports of its own."""

    ip: str
    ports: Mapping[int, int] = field(default_factory=dict)
    """Container port to the port that is really used; those not named are used as they are."""

    def port(self, container_port: int) -> int:
        """The port to connect to."""
        return self.ports.get(container_port, container_port)


Drain = Callable[[Address, Sequence[int]], Awaitable[None]]
"""Returns once no request comes any more to a pod with this address and these container ports. It is called
when the pod leaves the endpoints."""


async def wait_a_moment(_: Address, __: Sequence[int]) -> None:
    """The drain where nobody can be asked who sends requests."""
    await asyncio.sleep(0.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything a container needs to start."""

    namespace: str
    pod: str
    container: str
    app: str
    """What the stand-in calls itself."""
    image: str
    command: tuple[str, ...]
    """Empty for the stand-in web server."""
    env: Mapping[str, str]
    cwd: str
    """Where the command runs."""
    address: Address
    ports: tuple[int, ...]
    """Container ports."""
    port_names: Mapping[str, int]
    """Container ports by name, for probes."""
    completes: bool
    """The pod is one that comes to an end (restartPolicy OnFailure or Never)."""
    broken: bool
    """The image starts and never answers."""
    probe: Object | None
    """The readinessProbe; without one, a container is ready once its ports accept connections."""
    lifecycle: Object | None = None
    """What is to run after the start and before the end."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the pod."""


class Process(Protocol):
    """A container that runs."""

    async def wait(self) -> int:
        """Wait for its end; the exit status, or 128 plus the signal."""
        ...

    def readiness(self) -> AsyncGenerator[bool, None]:
        """Yield each change of readiness; it begins as not ready."""
        ...

    async def stop(self, grace: float) -> None:
        """Ask it to end, and after `grace` seconds make it; returns once it has."""
        ...

    def log(self) -> bytes:
        """The latest part of what it wrote, bounded."""
        ...


class PodRunner(Protocol):
    """Runs containers."""

    async def assign(self, ports: Sequence[int]) -> Address:
        """Find an address for a pod with these container ports."""
        ...

    def release(self, address: Address) -> None:
        """Give an address back."""
        ...

    async def start(self, launch: Launch) -> Process:
        """Start a container.

        Raises:
            StartFailed: the command is not there, or this runner cannot run it.
        """
        ...
