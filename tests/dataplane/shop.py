"""A shop under load: what can be done to it, and until when it takes; whoever may answer is written down."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from rollouts.api.meta import Object
from rollouts.client import Client, RolloutView
from rollouts.kube.client import Client as Kube
from rollouts.kube.resources import PODS, ROLLOUTS
from tests.dataplane import envoy
from tests.dataplane.judge import Ledger, Share
from tests.e2e.live import until
from tests.e2e.shop import host

BAD = "bad"
"""How the names of the versions begin that fail one request in five."""

NAME = "shop"
"""Of every rollout; each has a namespace of its own."""

_LIMIT = 120.0
"""Seconds that anything may take while requests and other programs have the machine."""


@dataclass(slots=True)
class Shop:
    """One rollout and the host that leads to it."""

    kube: Kube
    cd: Client
    ledger: Ledger
    version: str = "v1"
    """What is stable."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(2))

    @property
    def host(self) -> str:
        """Where it is reached."""
        return host(self.cd.namespace)

    def next_version(self) -> str:
        """One that never was."""
        return f"v{next(self._numbers)}"

    def next_bad_version(self) -> str:
        """One that fails one request in five."""
        return f"{BAD}{next(self._numbers)}"

    def expect(self, *versions: str) -> None:
        """From now on these may answer."""
        self.ledger.allow(self.host, time.monotonic(), *versions)

    async def ship(self, version: str) -> None:
        """Give it another image; both may answer until it is told otherwise."""
        self.expect(self.version, version)
        await self.cd.rollouts.set_image(NAME, {"*": f"{NAME}:{version}"})

    async def preview(self, version: str) -> None:
        """Have another version ready that must not answer yet."""
        await self.cd.rollouts.set_image(NAME, {"*": f"{NAME}:{version}"})
        await self.at(lambda seen: seen.phase == "Paused")

    async def switch_to(self, version: str) -> None:
        """Promote what is ready."""
        self.expect(self.version, version)
        await self.cd.rollouts.promote(NAME)
        await self.all_of(version, "Healthy")

    async def switch_back(self, version: str) -> None:
        """Undo: at once while the old pods are still there, else by way of a preview."""
        self.expect(self.version, version)
        await self.cd.rollouts.undo(NAME)
        seen = await self.at(lambda seen: seen.phase in ("Paused", "Healthy"))
        if seen.phase == "Paused":
            await self.cd.rollouts.promote(NAME)
        await self.all_of(version, "Healthy")

    async def at(self, holds: Callable[[RolloutView], bool]) -> RolloutView:
        """Wait for a state of the rollout."""

        async def seen() -> RolloutView | None:
            view = await self.cd.rollouts.get(NAME)
            return view if holds(view) else None

        found: RolloutView = await until(seen, limit=_LIMIT, every=0.1)
        return found

    async def all_of(self, version: str, phase: str) -> None:
        """Wait until the rollout has arrived in a phase and Envoy sends everything to one version."""
        await self.at(lambda seen: seen.phase == phase)
        await self._sent({version: 100})
        self.version = version
        self.expect(version)

    async def paused_at(self, weight: int, version: str) -> None:
        """Wait for a pause at a weight that Envoy has, and have the share counted for a while."""
        await self.at(lambda seen: (seen.weight, seen.phase) == (weight, "Paused"))
        await self._sent({self.version: 100 - weight, version: weight})

    async def keep_share(self, weight: int, version: str, during: Awaitable[object]) -> None:
        """Have the share of a version counted while something else happens, and for a second at least."""
        since = time.monotonic()
        await asyncio.gather(during, asyncio.sleep(1))
        await self._sent({self.version: 100 - weight, version: weight})
        until_ = time.monotonic()
        self.ledger.shares.append(
            Share(host=self.host, version=version, percent=weight, since=since, until=until_)
        )

    async def scale(self, replicas: int) -> None:
        """Ask for another number of pods and wait for them."""
        await self.kube.patch(
            ROLLOUTS, NAME, {"spec": {"replicas": replicas}}, self.cd.namespace, subresource="scale"
        )
        await self.at(lambda seen: seen.status.get("availableReplicas", 0) >= replicas)

    async def change_steps(self, steps: Sequence[Object]) -> None:
        """Give the canary other steps in the middle of its update."""
        change = {"spec": {"strategy": {"canary": {"steps": list(steps)}}}}
        await self.kube.patch(ROLLOUTS, NAME, change, self.cd.namespace)

    async def restart(self) -> None:
        """Replace all pods."""
        await self.cd.rollouts.restart(NAME)
        asked = (await self.cd.rollouts.get(NAME)).spec["restartAt"]
        await self.at(lambda seen: (seen.status.get("restartedAt"), seen.phase) == (asked, "Healthy"))

    async def lose_pods(self, version: str) -> None:
        """One pod of a version is evicted, another one deleted once there is a replacement."""
        for remove in (self._evict, self._delete):
            ready = await self._ready(version, 2)
            await remove(ready[0]["metadata"]["name"])

    async def _evict(self, name: str) -> None:
        await self.kube.evict(name, self.cd.namespace)

    async def _delete(self, name: str) -> None:
        await self.kube.delete(PODS, name, self.cd.namespace)

    async def _ready(self, version: str, count: int) -> list[Object]:
        """Wait until so many pods of a version are ready: with the last one gone, requests may fail."""

        async def found() -> list[Object]:
            pods = (await self.kube.list(PODS, self.cd.namespace, label_selector=f"app={NAME}"))["items"]
            mine = [pod for pod in pods if pod["spec"]["containers"][0]["image"] == f"{NAME}:{version}"]
            ready = [pod for pod in mine if _is_ready(pod)]
            return ready if len(ready) >= count else []

        pods: list[Object] = await until(found, limit=_LIMIT, every=0.1)
        return pods

    async def _sent(self, shares: dict[str, int]) -> None:
        async def holds() -> bool:
            return await envoy.shares(self.kube, self.cd.namespace, self.host) == shares

        await until(holds, limit=_LIMIT, every=0.05)


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", ())
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]
