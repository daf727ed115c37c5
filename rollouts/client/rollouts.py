"""The verbs of a rollout."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta

from rollouts.api.meta import Object
from rollouts.client import intents, revisions
from rollouts.client.errors import Refused, RevisionChanged, RolloutAborted, RolloutDegraded, WaitTimeout
from rollouts.client.family import follow_family
from rollouts.client.follow import follow
from rollouts.client.intents import Patch
from rollouts.client.phase import DEGRADED, is_observed
from rollouts.client.revisions import POD_HASH
from rollouts.client.rollout_view import RolloutView
from rollouts.client.verbs import Duration, command, read, read_all, until
from rollouts.kube.client import Client
from rollouts.kube.resources import ANALYSIS_RUNS, DEPLOYMENTS, PODS, REPLICA_SETS, ROLLOUTS, Resource

_PATIENCE = 10.0
"""Seconds that the controller gets to take notice of a change before a command looks at the status."""

Decide = Callable[[RolloutView], Iterable[Patch]]


class Rollouts:
    """Reads and commands; every command tells whether it had to change anything.

    A `namespace` left out is the client's own. `expect_revision` makes a command refuse to act on another
    revision than the one the caller has seen. All raise NotThere where there is no such rollout.
    """

    def __init__(self, kube: Client, namespace: str, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._clock = clock

    async def get(self, name: str, *, namespace: str = "") -> RolloutView:
        """Read one rollout."""
        return RolloutView(await read(self._kube, ROLLOUTS, name, namespace or self._namespace))

    async def list(self, *, namespace: str = "", everywhere: bool = False) -> tuple[RolloutView, ...]:
        """Read the rollouts of the namespace, or of all."""
        where = "" if everywhere else namespace or self._namespace
        return tuple(RolloutView(o) for o in await read_all(self._kube, ROLLOUTS, where))

    async def watch(self, name: str, *, namespace: str = "") -> AsyncGenerator[RolloutView, None]:
        """Follow one rollout: as it is now, then after each change, through broken connections."""
        where = (await self.get(name, namespace=namespace)).namespace
        async with aclosing(follow(self._kube, ROLLOUTS, name, where)) as states:
            async for state in states:
                yield RolloutView(state)

    async def family(self, name: str, *, namespace: str = "") -> tuple[Object, ...]:
        """Read a rollout with its ReplicaSets, pods and analysis runs."""
        rollout = await self.get(name, namespace=namespace)
        sets = await self._owned(REPLICA_SETS, rollout, {rollout.uid})
        pods = await self._owned(PODS, rollout, {rs["metadata"]["uid"] for rs in sets})
        runs = await self._owned(ANALYSIS_RUNS, rollout, {rollout.uid})
        return (rollout.raw, *sets, *pods, *runs)

    async def watch_family(
        self, name: str, *, namespace: str = "", every: float = 1.0
    ) -> AsyncGenerator[tuple[Object, ...], None]:
        """Follow a rollout with all that belongs to it: after changes, and at least `every` seconds."""
        where = (await self.get(name, namespace=namespace)).namespace
        async with aclosing(follow_family(self._kube, name, where, every)) as states:
            async for state in states:
                yield state

    async def promote(
        self, name: str, *, full: bool = False, namespace: str = "", expect_revision: int | None = None
    ) -> bool:
        """Go past the pause or the running step; with `full`, to the end at once.

        After a change of the spec this waits until the controller has seen it, since what was written before
        that would be meant for the old version, and forgotten.

        Raises:
            Refused: the rollout is aborted, or the controller takes no notice.
        """
        if not await self._observed(name, namespace):
            raise Refused(
                f"rollout {name} was changed and no controller has taken notice within {_PATIENCE:g} s; "
                "is one running?"
            )
        verb = intents.promote_full if full else intents.promote
        return await self._command(name, namespace, expect_revision, verb)

    async def abort(self, name: str, *, namespace: str = "", expect_revision: int | None = None) -> bool:
        """Take the update back: all traffic to the stable version.

        Waits for the controller as `promote` does, but writes the intent even where none takes notice.

        Raises:
            Refused: there is no update to abort.
        """
        await self._observed(name, namespace)
        return await self._command(name, namespace, expect_revision, intents.abort)

    async def retry(self, name: str, *, namespace: str = "", expect_revision: int | None = None) -> bool:
        """Start an aborted update again."""
        return await self._command(name, namespace, expect_revision, intents.retry)

    async def pause(self, name: str, *, namespace: str = "", expect_revision: int | None = None) -> bool:
        """Stop where it is, until promoted."""
        return await self._command(name, namespace, expect_revision, intents.pause)

    async def restart(
        self,
        name: str,
        *,
        after: timedelta = timedelta(),
        namespace: str = "",
        expect_revision: int | None = None,
    ) -> bool:
        """Replace all pods, now or after a while."""
        at = self._clock() + after
        return await self._command(name, namespace, expect_revision, lambda seen: intents.restart(seen, at))

    async def set_image(
        self,
        name: str,
        images: Mapping[str, str],
        *,
        namespace: str = "",
        expect_revision: int | None = None,
    ) -> bool:
        """Give containers (by name, `*` for all) other images."""
        template = await self._template(name, namespace)
        return await self._command(
            name,
            namespace,
            expect_revision,
            lambda seen: intents.set_image(seen, dict(images), template or seen.spec.get("template") or {}),
        )

    async def undo(
        self,
        name: str,
        *,
        to_revision: int = 0,
        namespace: str = "",
        expect_revision: int | None = None,
    ) -> bool:
        """Make an older revision the wanted one again; 0 means the one before the newest."""
        rollout = await self.get(name, namespace=namespace)
        sets = await self._owned(REPLICA_SETS, rollout, {rollout.uid})
        template = revisions.template_of(revisions.find(rollout, sets, to_revision))
        return await self._command(
            name, namespace, expect_revision, lambda seen: intents.undo(seen, template)
        )

    async def wait_for(
        self,
        name: str,
        *phases: str,
        namespace: str = "",
        timeout: Duration = None,
        on_change: Callable[[RolloutView], None] | None = None,
    ) -> RolloutView:
        """Wait until the rollout is in one of the phases (`Healthy` by default) and return it.

        Raises:
            WaitTimeout: it was not in time.
            RolloutAborted: the update was aborted meanwhile, and `Degraded` is not waited for.
            RolloutDegraded: it is Degraded for another reason.
        """
        wanted = phases or ("Healthy",)

        def reached(state: RolloutView) -> bool:
            if state.phase in wanted:
                return True
            if state.phase == DEGRADED:
                raise RolloutAborted(state) if state.aborted else RolloutDegraded(state)
            return False

        return await until(
            self.watch(name, namespace=namespace),
            reached,
            waited_for=" or ".join(wanted),
            timeout=timeout,
            on_change=on_change,
        )

    async def _command(self, name: str, namespace: str, expect_revision: int | None, decide: Decide) -> bool:
        def checked(seen: Object) -> Iterable[Patch]:
            rollout = RolloutView(seen)
            _check_revision(rollout, expect_revision)
            return decide(rollout)

        return await command(self._kube, ROLLOUTS, name, namespace or self._namespace, checked)

    async def _observed(self, name: str, namespace: str) -> bool:
        try:
            await until(
                self.watch(name, namespace=namespace),
                lambda seen: is_observed(seen.raw),
                waited_for="observed",
                timeout=_PATIENCE,
            )
        except WaitTimeout:
            return False
        return True

    async def _owned(self, resource: Resource, rollout: RolloutView, owners: set[str]) -> tuple[Object, ...]:
        selector = "" if resource is ANALYSIS_RUNS else POD_HASH
        objects = await read_all(self._kube, resource, rollout.namespace, selector)
        return tuple(
            item
            for item in objects
            if owners & {o["uid"] for o in item["metadata"].get("ownerReferences") or ()}
        )

    async def _template(self, name: str, namespace: str) -> Object | None:
        """The template of the workload that the rollout refers to, if it does."""
        rollout = await self.get(name, namespace=namespace)
        target = intents.workload(rollout)
        if target is None or target[0] != DEPLOYMENTS.kind:
            return None
        deployment = await read(self._kube, DEPLOYMENTS, target[1], rollout.namespace)
        template: Object = deployment["spec"]["template"]
        return template


def _check_revision(rollout: RolloutView, expected: int | None) -> None:
    if expected is None:
        return
    if not is_observed(rollout.raw):
        raise RevisionChanged(
            f"rollout {rollout.name} has just been changed and the controller has not seen it yet; "
            f"look again before acting on revision {expected}"
        )
    if rollout.revision != expected:
        raise RevisionChanged(f"rollout {rollout.name} is at revision {rollout.revision}, not {expected}")
