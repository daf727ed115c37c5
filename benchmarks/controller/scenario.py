"""What is measured with one fleet, in the order in which it happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.controller import fleet
from benchmarks.controller.process import Controller, Scrape
from benchmarks.controller.servers import Grow
from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.resources import REPLICA_SETS, ROLLOUTS, Resource

Figures = dict[str, Any]
_PATIENCE = 600.0
"""Seconds that a fleet may take to settle."""
_GLANCE = 0.25
"""Seconds."""
_QUIET = 1.5
"""Seconds without a write after which an update is over; the old version is scaled down after one."""


@dataclass(slots=True, kw_only=True)
class Scenario:
    """One fleet on one API server."""

    client: Client
    grow: Grow
    session: aiohttp.ClientSession
    kubeconfig: Path
    log: Path
    pods: int
    """Of each rollout."""
    sample: int
    """How many rollouts are updated at the same time."""
    window: float
    """Seconds in which an idle controller is watched."""
    say: Callable[[str], None]
    _planted: int = field(default=0)
    _versions: int = field(default=1)

    async def measure(self, size: int) -> Figures:
        """Grow the fleet to a size, and measure."""
        await self._grow(size)
        figures: Figures = {"rollouts": size, "pods": size * self.pods}
        async with self._controller() as controller:
            self.say("start-up, with one rollout that was changed meanwhile")
            figures |= await self._start_up(controller, size)
            self.say(f"idle for {self.window:.0f} s")
            figures |= await self._idle(controller)
            self.say("one rollout is updated")
            figures["one"] = await self._update(controller, 1, fleet.STEPS, fleet.PAUSES)
            count = min(self.sample, size)
            self.say(f"{count} rollouts are updated at the same time")
            figures["many"] = await self._update(controller, count, fleet.STEPS, fleet.PAUSES)
            self.say(f"{count} rollouts are updated by steps without pauses")
            controller.longest = 0.0
            async with controller.probed():
                figures["weights"] = await self._update(controller, count, fleet.WEIGHTS, 0.0)
            figures["weights"]["longest_stall_ms"] = controller.longest * 1000
            figures["rss_mb"] = controller.process.memory()
        period = max(3.0, size / 100)
        async with self._controller("--rollout-resync", f"{period:.0f}s") as controller:
            self.say(f"everything is looked at again, within {period:.0f} s")
            await controller.ready()
            await self._settled(controller, size)
            figures["resync"] = await self._resync(controller, period)
        return figures

    async def _grow(self, size: int) -> None:
        if not self._planted:
            self.say("the engine settles the first rollout")
            await fleet.plant(self.client, self.pods)
            async with self._controller() as controller:
                await controller.ready()
                await self._healthy({fleet.name(0)})
                await asyncio.sleep(1)
            self._planted = 1
        self.say(f"{size - self._planted} copies of it are made")
        await self.grow(self.client, self._planted, size)
        self._planted = size
        await fleet.grown(self.client, size, self.pods)

    async def _start_up(self, controller: Controller, size: int) -> Figures:
        """With a change that nobody has seen yet: its ReplicaSet is the first decision."""
        changed = fleet.name(size // 2)
        version = await self._label({changed})
        began = controller.process.began
        decision = asyncio.ensure_future(self._first_decision(changed, version))
        async with controller.probed():
            listed = await controller.ready()
            decided = await decision - began
            done = await self._settled(controller, size)
        settled = time.monotonic() - began
        await self._healthy({changed}, version)
        return {
            "start": {
                "listed_s": listed,
                "first_decision_s": decided,
                "all_looked_at_s": settled,
                "cpu_s": done.cpu,
                "received_mb": done.received / 1e6,
                "peak_rss_mb": controller.process.memory("VmHWM"),
                "rss_mb": controller.process.memory(),
                "longest_stall_ms": controller.longest * 1000,
                "writes": done.writes,
            }
        }

    async def _idle(self, controller: Controller) -> Figures:
        await self._quiet(controller)
        before, began = await controller.scrape(), time.monotonic()
        await asyncio.sleep(self.window)
        spent = await controller.scrape() - before
        seconds = time.monotonic() - began
        return {
            "idle": {
                "seconds": seconds,
                "cpu_percent": 100 * spent.cpu / seconds,
                "requests": sum(spent.requests.values()),
                "writes": spent.writes,
                "received_kb_s": spent.received / 1e3 / seconds,
            }
        }

    async def _update(
        self, controller: Controller, count: int, steps: tuple[Object, ...], pauses: float
    ) -> Figures:
        names = {fleet.name(number) for number in range(count)}
        strategy = {"canary": {"steps": [*steps]}}
        await fleet.at_once(
            self.client.patch(ROLLOUTS, name, {"spec": {"strategy": strategy}}, fleet.NAMESPACE)
            for name in sorted(names)
        )
        await self._quiet(controller)
        before, began = await controller.scrape(), time.monotonic()
        version = await self._label(names)
        taken = await self._healthy(names, version, began)
        seconds = time.monotonic() - began
        spent = await controller.scrape() - before
        beyond = sorted(each - pauses for each in taken)
        result = {
            "rollouts": count,
            "seconds": seconds,
            "per_step_beyond_pauses_s": beyond[len(beyond) // 2] / len(steps),
            "longest_per_step_beyond_pauses_s": beyond[-1] / len(steps),
            "passes_per_rollout": spent.passes["rollout"] / count,
            "requests_per_rollout": sum(spent.requests.values()) / count,
            "event_requests_per_rollout": spent.events / count,
            "writes_per_rollout": spent.writes / count,
            "by_call": {call: times / count for call, times in sorted(spent.requests.items())},
            "sent_kb_per_rollout": spent.sent / 1e3 / count,
            "received_kb_per_rollout": spent.received / 1e3 / count,
            "cpu_ms_per_rollout": 1000 * spent.cpu / count,
            "cpu_percent": 100 * spent.cpu / seconds,
            "passes_per_cpu_second": spent.passes["rollout"] / max(spent.cpu, 0.01),
        }
        await self._quiet(controller)
        return result

    async def _resync(self, controller: Controller, period: float) -> Figures:
        await self._quiet(controller)
        before, began = await controller.scrape(), time.monotonic()
        # A period has one look at everything, wherever in it we begin.
        await asyncio.sleep(period + 1)
        spent, seconds = await controller.scrape() - before, time.monotonic() - began
        # The stalls in a period of their own: to ask after them has a price.
        async with controller.probed():
            await asyncio.sleep(period + 1)
        return {
            "seconds": seconds,
            "passes": spent.passes["rollout"],
            "writes": spent.writes,
            "cpu_percent": 100 * spent.cpu / seconds,
            "passes_per_cpu_second": spent.passes["rollout"] / max(spent.cpu, 0.01),
            "longest_stall_ms": controller.longest * 1000,
        }

    @asynccontextmanager
    async def _controller(self, *options: str) -> AsyncGenerator[Controller, None]:
        controller = Controller.start(self.session, self.kubeconfig, self.log, *options)
        try:
            yield controller
        finally:
            controller.process.stop()

    async def _settled(self, controller: Controller, size: int) -> Scrape:
        """Wait until every rollout has been looked at and nothing is left to do."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                before = controller.process.cpu
                await asyncio.sleep(_GLANCE)
                # The metrics are asked only then: of thousands of rollouts they have a price.
                if controller.process.cpu - before < _GLANCE / 3:
                    found = await controller.scrape()
                    if found.passes["rollout"] >= size:
                        return found

    async def _quiet(self, controller: Controller) -> None:
        """Wait until nothing is written any more."""
        async with asyncio.timeout(_PATIENCE):
            before = await controller.scrape()
            while True:
                await asyncio.sleep(_QUIET)
                after = await controller.scrape()
                if (after - before).writes == 0:
                    return
                before = after

    async def _label(self, names: set[str]) -> str:
        """Give rollouts a new template; what to look for in their pods."""
        self._versions += 1
        version = str(self._versions)
        metadata = {"annotations": {"version": version}}
        template = {"spec": {"template": {"metadata": metadata}}, "metadata": {"labels": {"sample": version}}}
        await fleet.at_once(
            self.client.patch(ROLLOUTS, each, template, fleet.NAMESPACE) for each in sorted(names)
        )
        return version

    async def _first_decision(self, name: str, version: str) -> float:
        async with asyncio.timeout(_PATIENCE):
            while True:
                async with aclosing(self._watch(REPLICA_SETS, labelSelector=f"app={name}")) as events:
                    async for obj in events:
                        metadata = obj["spec"]["template"]["metadata"]
                        if (metadata.get("annotations") or {}).get("version") == version:
                            return time.monotonic()

    async def _healthy(self, names: set[str], version: str = "", began: float = 0.0) -> list[float]:
        """Wait until rollouts are promoted; for each the seconds since `began`."""
        taken: dict[str, float] = {}
        selector = {"labelSelector": f"sample={version}"} if version else {}
        async with asyncio.timeout(_PATIENCE):
            while len(taken) < len(names):
                async with aclosing(self._watch(ROLLOUTS, **selector)) as events:
                    async for obj in events:
                        name = obj["metadata"]["name"]
                        if name in names and name not in taken and _promoted(obj):
                            taken[name] = time.monotonic() - began
                        if len(taken) == len(names):
                            break
        return [*taken.values()]

    async def _watch(self, resource: Resource, **query: str) -> AsyncGenerator[Object, None]:
        """The objects of a kind as they are, and whenever they change."""
        events = self.client.watch(resource, fleet.NAMESPACE, timeoutSeconds="60", **query)
        async with aclosing(events):
            async for event in events:
                yield event["object"]


def _promoted(rollout: Object) -> bool:
    status = rollout.get("status") or {}
    seen = str(status.get("observedGeneration")) == str(rollout["metadata"]["generation"])
    stable = status.get("stableRS", "")
    return seen and stable == status.get("currentPodHash") != "" and status.get("phase") == "Healthy"
