"""A shop in Git, its Application, and the push that a Git server announces."""

from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import yaml

from rollouts.api.meta import Object
from rollouts.client import ApplicationView, Client
from tests.e2e.live import Live, until
from tests.gitops.repos import Repo


class Shop:
    """An Application `shop`, and the repository that it follows."""

    def __init__(self, live: Live, cd: Client, folder: Path) -> None:
        self.live, self.cd, self.ns = live, cd, cd.namespace
        self.repo = Repo(folder / "repository")

    async def create(
        self,
        *objects: Object,
        annotations: Object | None = None,
        namespace: str = "",
        options: Sequence[str] = (),
    ) -> str:
        """Commit the objects, make the Application, and return the commit.

        They are for `namespace`, by default the test's own, and synced with `options`.
        """
        revision = self.write(*objects)
        application = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop", "annotations": annotations or {}},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.repo.url, "path": ".", "targetRevision": "main"},
                "destination": {
                    "server": "https://kubernetes.default.svc",
                    "namespace": namespace or self.ns,
                },
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": list(options),
                },
            },
        }
        await self.live.apply(self.ns, application)
        return revision

    def write(self, *objects: Object) -> str:
        """Commit all objects of the shop."""
        return self.repo.commit({"all.yaml": yaml.safe_dump_all(objects)})

    async def push(self, *objects: Object) -> str:
        """Commit these objects in place of those before, and announce it."""
        revision = self.write(*objects)
        answer = await self.announce()
        assert answer.status_code == 200, answer.text
        return revision

    def set_version(self, old: str, new: str) -> str:
        """Commit another tag, as a CI job does."""
        self.repo.pull()
        text = (self.repo.clone / "all.yaml").read_text()
        assert f"shop:{old}" in text
        return self.repo.commit({"all.yaml": text.replace(f"shop:{old}", f"shop:{new}")})

    async def announce(self, **headers: str) -> httpx.Response:
        """Tell the controller of a push, as a Git server would."""
        async with httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{self.live.webhook_port}/api/webhook"
            body = {"repoURL": self.repo.url, "ref": "refs/heads/main"}
            return await http.post(url, json=body, headers=headers)

    async def ship(self, old: str, new: str) -> str:
        """Commit another tag and announce it."""
        revision = self.set_version(old, new)
        answer = await self.announce()
        assert answer.status_code == 200, answer.text
        return revision

    async def until(self, holds: Callable[[ApplicationView], object]) -> ApplicationView:
        """Wait for a state of the Application, and return it."""

        async def seen() -> ApplicationView | None:
            application = await self.cd.applications.get("shop")
            return application if holds(application) else None

        found: ApplicationView = await until(seen)
        return found

    async def synced(self, revision: str) -> ApplicationView:
        """Wait until a commit is in the cluster, and healthy."""
        return await self.until(
            lambda a: a.revision == revision and (a.sync, a.health) == ("Synced", "Healthy")
        )
