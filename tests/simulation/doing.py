"""Makes events happen: one arm for each."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import assert_never

from rollouts.api.meta import Object
from rollouts.client import intents
from rollouts.client.errors import Refused
from rollouts.client.intents import Patch
from rollouts.client.rollout_view import RolloutView
from rollouts.embedded.world import World
from rollouts.kube.errors import AlreadyExists, Invalid, NotFound, TooManyRequests
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    HTTP_ROUTES,
    INGRESSES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from tests.simulation import events as e
from tests.simulation.controllers import Controllers
from tests.simulation.faults import Lots, lateness
from tests.simulation.manifests import manifests
from tests.simulation.past import Past
from tests.simulation.program import Setup
from tests.simulation.view import HASH, NAME, Camera

_KINDS: dict[str, tuple[Resource, ...]] = {
    "Service": (SERVICES,),
    "AnalysisTemplate": (ANALYSIS_TEMPLATES,),
    "Route": (INGRESSES, HTTP_ROUTES),
}
_CANARY_WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


class Doing:
    """Acts on one world."""

    def __init__(
        self,
        world: World,
        setup: Setup,
        *,
        controllers: Controllers,
        lots: Lots,
        past: Past,
        camera: Camera,
    ) -> None:
        self._world = world
        self._setup = setup
        self._controllers = controllers
        self._lots = lots
        self._past = past
        self._camera = camera
        self._later: set[asyncio.Task[None]] = set()
        self._invalid = 0
        self._waits_for_validity = False
        """Whether somebody asked for something that begins only once the spec is valid again."""

    async def do(self, event: e.Event) -> None:
        """Make an event happen, unless what it is about is not there."""
        with suppress(NotFound):
            await self._do(event)

    async def _do(self, event: e.Event) -> None:  # noqa: C901, PLR0912 (one arm for each event)
        if isinstance(event, e.INTENTS):
            anew = isinstance(event, e.Ship | e.Command | e.EditSteps | e.ChangeStrategy)
            aside = isinstance(event, e.Command) and event.verb in ("pause", "restart", "abort")
            self._past.intent(self._now(), anew=anew and not aside)
            self._waits_for_validity |= anew and not aside and self._invalid > 0
        match event:
            case e.Ship(version):
                if version != self._camera.look(self._now()).version:
                    self._past.last_told = ""
                await self._world.set_image(NAME, f"{NAME}={NAME}:{version}")
            case e.Command():
                await self._command(event)
            case e.Scale(replicas):
                await self._patch({"spec": {"replicas": replicas}})
            case e.EditSteps(steps):
                self._past.last_told = ""
                await self._edit("canary", {"steps": list(steps)})
            case e.EditStrategy(field, value):
                await self._edit("blueGreen" if self._setup.kind == "blueGreen" else "canary", {field: value})
            case e.ChangeStrategy(strategy):
                self._past.last_told = ""
                await self._patch({"spec": {"strategy": {"canary": None, "blueGreen": None} | strategy}})
            case e.Invalidate(seconds):
                await self._patch({"spec": {"progressDeadlineSeconds": 0}})
                self._invalid += 1
                self._after(seconds, self._make_valid)
            case e.Remove(kind, place, seconds):
                await self._remove(kind, place, seconds)
            case e.Recreate(seconds):
                await self._recreate(seconds)
            case e.DeleteReplicaSet(role):
                await self._delete_replica_set(role)
            case e.DeleteRuns():
                for run in self._world.objects(ANALYSIS_RUNS):
                    await self._world.client.delete(ANALYSIS_RUNS, run["metadata"]["name"], "default")
            case e.EndRuns():
                for run in self._camera.look(self._now()).runs:
                    if run.live:
                        body = {"spec": {"terminate": True}}
                        await self._world.client.patch(ANALYSIS_RUNS, run.name, body, "default")
            case e.Drift(weight):
                await self._drift(weight)
            case e.PodsFail():
                await self._pods_fail(event)
            case e.Break(version):
                self._world.break_image(f"{NAME}:{version}")
            case e.Mend(version):
                self._world.mend_image(f"{NAME}:{version}")
            case e.Degrade(version, error_rate):
                self._world.degrade(version, error_rate=error_rate)
            case e.NoMetrics(seconds):
                self._lots.no_metrics_until = self._now() + seconds
            case e.Faults():
                self._faults(event)
            case e.Crash(seconds, at_write):
                self._controllers.crash(seconds, at_write)
            case e.HandOver():
                self._controllers.hand_over()
            case e.Jump(seconds):
                self._past.skew += seconds
                self._past.jumped = True
                self._controllers.jump(seconds)
            case e.Forget():
                self._world.server.objects.storage.compact()
                self._cut_watches()
            case _:
                assert_never(event)

    async def settle(self) -> None:
        """Nothing more befalls anybody, and what was taken away is back."""
        await asyncio.gather(*self._later)
        self._lots.end()
        self._controllers.spare()
        self._cut_watches()
        for process in self._world.pods.running.values():
            if not self._world.pods.is_broken(process.launch.image):
                process.answer(ready=True)

    # --- users --------------------------------------------------------------------------------------------

    async def _command(self, command: e.Command) -> None:
        seen = RolloutView(await self._world.client.get(ROLLOUTS, NAME, "default"))
        try:
            patches = tuple(self._patches(command, seen))
        except Refused:
            return
        for each in patches:
            await self._world.client.patch(
                ROLLOUTS, NAME, each.body, "default", type=each.type, subresource=each.subresource
            )
        view = self._camera.look(self._now())
        if not patches:
            return
        new = view.of(view.current)
        underway = view.observed and new is not None and new.version == view.version
        underway = underway and view.current != view.stable != ""
        match command.verb:
            case "abort" if seen.aborted:
                pass  # nothing is written, so whatever is yet to take the abort back still does
            case "abort":
                self._past.last_told = "abort" if underway else ""
            case "promote-full":
                self._past.last_told = "full" if underway else ""
            case "retry" | "undo" | "promote":
                self._past.last_told = ""

    def _patches(self, command: e.Command, seen: RolloutView) -> Iterable[Patch]:
        match command.verb:
            case "promote":
                return intents.promote(seen)
            case "promote-full":
                return intents.promote_full(seen)
            case "abort":
                return intents.abort(seen)
            case "retry":
                return intents.retry(seen)
            case "pause":
                return intents.pause(seen)
            case "restart":
                return intents.restart(seen, self._world.clock())
            case "undo":
                return self._undo(seen)

    def _undo(self, seen: RolloutView) -> Iterable[Patch]:
        """Back to the revision before, as `rollouts undo` does."""
        view = self._camera.look(self._now())
        older = sorted(
            (each for each in view.sets.values() if each.version != view.version), key=lambda s: s.revision
        )
        if not older:
            return ()
        obj = next(o for o in self._world.objects(REPLICA_SETS) if o["metadata"]["name"] == older[-1].name)
        template = copy.deepcopy(obj["spec"]["template"])
        del template["metadata"]["labels"][HASH]
        return intents.undo(seen, template)

    async def _patch(self, patch: Object) -> None:
        with suppress(Invalid, NotFound):  # what the API server refuses has not happened
            await self._world.client.patch(ROLLOUTS, NAME, patch, "default")

    async def _edit(self, chosen: str, fields: Object) -> None:
        """Change fields of the strategy, unless somebody has chosen another since."""
        if chosen in self._camera.look(self._now()).spec.get("strategy", {}):
            await self._patch({"spec": {"strategy": {chosen: fields}}})

    async def _make_valid(self) -> None:
        self._invalid -= 1
        if self._invalid:
            return
        self._past.intent(self._now(), anew=self._waits_for_validity)
        self._waits_for_validity = False
        seconds = self._setup.spec.get("progressDeadlineSeconds")
        await self._patch({"spec": {"progressDeadlineSeconds": seconds}})

    async def _remove(self, kind: str, place: int, seconds: float) -> None:
        resources = {each.kind: each for each in _KINDS[kind]}
        mine = [obj for obj in manifests(self._setup) if obj["kind"] in resources]
        body = mine[place % len(mine)]
        resource, name = resources[body["kind"]], body["metadata"]["name"]
        try:
            await self._world.client.delete(resource, name, "default")
        except NotFound:
            return

        async def again() -> None:
            self._past.intent(self._now(), anew=False)
            try:
                await self._world.client.create(resource, copy.deepcopy(body), "default")
            except AlreadyExists:
                return

        self._after(seconds, again)

    async def _recreate(self, seconds: float) -> None:
        rollout = await self._world.client.get(ROLLOUTS, NAME, "default")
        body = {key: rollout[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": NAME}}
        body["spec"].pop("progressDeadlineSeconds", None)
        body["spec"] |= {k: v for k, v in self._setup.spec.items() if k == "progressDeadlineSeconds"}
        await self._world.client.delete(ROLLOUTS, NAME, "default")

        async def again() -> None:
            self._past.intent(self._now(), anew=True)
            self._past.last_told = ""
            await self._world.client.create(ROLLOUTS, body, "default")

        self._after(seconds, again)

    async def _delete_replica_set(self, role: str) -> None:
        view = self._camera.look(self._now())
        wanted = {"new": view.current, "stable": view.stable}
        if role == "baseline":
            for each in view.baselines.values():
                await self._world.client.delete(REPLICA_SETS, each.name, "default")
            return
        others = [each for each in view.sets if each not in wanted.values()]
        pod_hash = wanted.get(role) or (others[0] if others else "")
        if pod_hash in view.sets:
            await self._world.client.delete(REPLICA_SETS, view.sets[pod_hash].name, "default")

    async def _drift(self, weight: int) -> None:
        try:
            if self._setup.kind == "nginx":
                await self._world.annotate_ingress(f"{NAME}-{NAME}-canary", _CANARY_WEIGHT, str(weight))
                return
            route = await self._world.client.get(HTTP_ROUTES, NAME, "default")
            stable, canary, *further = route["spec"]["rules"][0]["backendRefs"]
            for each in (canary, *further):
                each["weight"] = weight
            stable["weight"] = max(0, 100 - weight * (1 + len(further)))
            await self._world.client.replace(HTTP_ROUTES, route, "default")
        except NotFound:
            return

    # --- pods ---------------------------------------------------------------------------------------------

    async def _pods_fail(self, event: e.PodsFail) -> None:
        pods = [pod for pod in self._world.objects(PODS) if "deletionTimestamp" not in pod["metadata"]]
        image = f"{NAME}:{event.version}"
        mine = [pod for pod in pods if not event.version or pod["spec"]["containers"][0]["image"] == image]
        for pod in mine[: event.count]:
            await self._fail(event.how, pod["metadata"]["name"])

    async def _fail(self, how: str, name: str) -> None:
        process = self._world.pods.running.get(name)
        try:
            match how:
                case "crash" if process is not None:
                    process.crash()
                case "stop answering" if process is not None:
                    process.answer(ready=False)
                case "are evicted":
                    await self._world.client.evict(name, "default")
                case "are deleted":
                    await self._world.client.delete(PODS, name, "default")
        except (NotFound, TooManyRequests):
            return

    # --- the controllers' surroundings --------------------------------------------------------------------

    def _faults(self, faults: e.Faults) -> None:
        late = lateness(faults)
        if late:
            self._past.doubts.append((self._now(), self._now() + late))
        self._lots.begin(faults)
        if faults.on == "watches":
            self._cut_watches()
            self._after(faults.seconds, self._cut_again)

    async def _cut_again(self) -> None:
        self._cut_watches()

    def _cut_watches(self) -> None:
        """End all watches, so that they begin anew: within two seconds everything is known again."""
        self._past.doubts.append((self._now(), self._now() + 2.0))
        self._world.server.close()

    def _after(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            await do()

        task = asyncio.create_task(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
