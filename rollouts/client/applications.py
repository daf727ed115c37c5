"""The verbs of an application."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Literal

from rollouts.api.application import Application
from rollouts.api.meta import Object
from rollouts.api.validation import parse, validate_application
from rollouts.client import application_intents as intents
from rollouts.client.application_intents import NewApplication, SyncRequest
from rollouts.client.application_view import ApplicationView
from rollouts.client.errors import NotThere, OperationFailed, RevisionRejected
from rollouts.client.follow import follow
from rollouts.client.verbs import Duration, command, read, read_all, until
from rollouts.gitops.repository import check_revision, check_url
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import APPLICATIONS

if TYPE_CHECKING:
    from rollouts.client.difference import ObjectDifference

OnChange = Callable[[ApplicationView], None]


class Applications:
    """Reads and commands. A `namespace` left out is the client's own.

    All raise NotThere where there is no such application, and Refused where the verb makes no sense.
    """

    def __init__(self, kube: Client, namespace: str, user: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._user = user

    async def create(self, new: NewApplication, *, namespace: str = "") -> ApplicationView:
        """Create an application.

        Raises:
            InvalidSpec: the engine would refuse it; the first of the reasons.
        """
        where = namespace or self._namespace
        body = intents.create(new, where)
        # Before it is written: a password in a URL must not come to lie in the object.
        check_url(new.repo)
        check_revision(new.revision)
        for problem in validate_application(parse(Application, body)):
            raise problem
        return ApplicationView(await self._kube.create(APPLICATIONS, body, where))

    async def get(self, name: str, *, namespace: str = "") -> ApplicationView:
        """Read one application."""
        return ApplicationView(await read(self._kube, APPLICATIONS, name, namespace or self._namespace))

    async def list(self, *, namespace: str = "", everywhere: bool = False) -> tuple[ApplicationView, ...]:
        """Read the applications of the namespace, or of all."""
        where = "" if everywhere else namespace or self._namespace
        return tuple(ApplicationView(o) for o in await read_all(self._kube, APPLICATIONS, where))

    async def watch(self, name: str, *, namespace: str = "") -> AsyncGenerator[ApplicationView, None]:
        """Follow one application: as it is now, then after each change, through broken connections."""
        where = (await self.get(name, namespace=namespace)).namespace
        async with aclosing(follow(self._kube, APPLICATIONS, name, where)) as states:
            async for state in states:
                yield ApplicationView(state)

    async def history(self, name: str, *, namespace: str = "") -> tuple[Object, ...]:
        """Past deployments, oldest first; `id` is what rollback takes."""
        return (await self.get(name, namespace=namespace)).history

    async def diff(
        self, name: str, *, revision: str = "", namespace: str = ""
    ) -> "tuple[ObjectDifference, ...]":
        """Compare the cluster with Git, in this process and with the user's own access to both.

        Raises:
            InvalidSpec: the source does not render.
            Unavailable: the repository does not answer.
        """
        # Imported here: the reading of Git trees takes longer to load than most commands take to run.
        from rollouts.client.difference import difference  # noqa: PLC0415

        return await difference(self._kube, await self.get(name, namespace=namespace), revision)

    async def refresh(
        self, name: str, *, kind: Literal["normal", "hard"] = "normal", namespace: str = ""
    ) -> None:
        """Ask for a comparison with Git now; `hard` forgets what is cached."""
        where = namespace or self._namespace
        await command(self._kube, APPLICATIONS, name, where, lambda _: intents.refresh(kind))

    async def sync(
        self,
        name: str,
        *,
        revision: str = "",
        prune: bool = False,
        dry_run: bool = False,
        resources: tuple[str, ...] = (),
        namespace: str = "",
        wait: bool = True,
        timeout: Duration = None,
        on_change: OnChange | None = None,
    ) -> ApplicationView:
        """Make the cluster what Git says, and wait until that is done (not until it is healthy).

        Raises:
            OperationFailed: the sync failed.
            WaitTimeout: it did not end in time; it goes on.
        """
        request = SyncRequest(
            revision=revision, prune=prune, dry_run=dry_run, resources=resources, user=self._user
        )
        where = namespace or self._namespace
        await command(
            self._kube, APPLICATIONS, name, where, lambda o: intents.sync(ApplicationView(o), request)
        )
        if not wait:
            return await self.get(name, namespace=where)
        return await self._operated(name, where, timeout, on_change)

    async def rollback(
        self,
        name: str,
        id: int | None = None,
        *,
        prune: bool = False,
        namespace: str = "",
        wait: bool = True,
        timeout: Duration = None,
        on_change: OnChange | None = None,
    ) -> ApplicationView:
        """Go back to a deployment of the history; without an id, to the one before the last.

        Raises:
            OperationFailed: the sync to that revision failed.
            WaitTimeout: it did not end in time; it goes on.
        """
        where = namespace or self._namespace
        await command(
            self._kube,
            APPLICATIONS,
            name,
            where,
            lambda o: intents.rollback(ApplicationView(o), id, prune=prune, user=self._user),
        )
        if not wait:
            return await self.get(name, namespace=where)
        return await self._operated(name, where, timeout, on_change)

    async def delete(
        self,
        name: str,
        *,
        cascade: bool = True,
        namespace: str = "",
        wait: bool = True,
        timeout: Duration = None,
        on_change: OnChange | None = None,
    ) -> None:
        """Delete an application; with `cascade`, its resources too. Waits until it is gone.

        Raises:
            WaitTimeout: it is not gone in time; the deletion goes on.
        """
        where = namespace or self._namespace
        await command(
            self._kube,
            APPLICATIONS,
            name,
            where,
            lambda o: intents.before_delete(ApplicationView(o), cascade=cascade),
        )
        await self._kube.delete(APPLICATIONS, name, where)
        if not wait:
            return
        with suppress(NotFound, NotThere):
            await until(
                self.watch(name, namespace=where),
                lambda _: False,
                waited_for="gone",
                timeout=timeout,
                on_change=on_change,
            )

    async def wait(
        self,
        name: str,
        *,
        sync: bool = True,
        health: bool = True,
        operation: bool = True,
        namespace: str = "",
        timeout: Duration = None,
        on_change: OnChange | None = None,
    ) -> ApplicationView:
        """Wait until the application is Synced, Healthy and no sync is under way, or those asked for.

        Raises:
            RevisionRejected: the newest revision is held back, so that it will not become Synced.
            WaitTimeout: it was not so in time.
        """
        names = {"Synced": sync, "Healthy": health, "done with its sync": operation}

        def reached(state: ApplicationView) -> bool:
            if state.refreshing:
                return False
            if sync and state.rejection:
                raise RevisionRejected(state, state.rejection)
            return (
                (not sync or state.sync == "Synced")
                and (not health or state.health == "Healthy")
                and (not operation or not state.operating)
            )

        return await until(
            self.watch(name, namespace=namespace),
            reached,
            waited_for=" and ".join(text for text, asked in names.items() if asked),
            timeout=timeout,
            on_change=on_change,
        )

    async def _operated(
        self, name: str, namespace: str, timeout: Duration, on_change: OnChange | None
    ) -> ApplicationView:
        def done(state: ApplicationView) -> bool:
            if state.operating:
                return False
            if state.operation is not None and state.operation.phase in ("Failed", "Error"):
                raise OperationFailed(state)
            return True

        return await until(
            self.watch(name, namespace=namespace),
            done,
            waited_for="done with its sync",
            timeout=timeout,
            on_change=on_change,
        )
