"""The Application controller beside an in-memory API and a real repository, a pass at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rollouts.api.crd import crds
from rollouts.controller.application import ApplicationReconciler
from rollouts.controller.reconciler import Key
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.gitops.desired import Desired
from rollouts.gitops.repository import Repositories
from rollouts.kube import resources as kinds
from rollouts.kube.client import Client
from rollouts.kube.events import Recorder
from rollouts.kube.store import Writer

Object = dict[str, Any]
NAMESPACE = "rollouts-system"
SHOP = "shop"


class Bench:
    """One cluster, one repository, one controller."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.server = ApiServer(self.clock)
        self.server.install_crds(crds())
        self.client = Client(InProcess(self.server))
        self.store = Writer()
        self.said: list[tuple[str, str]] = []
        self.recorder = Recorder(self.client, self.clock, on_record=lambda o, t, r: self.said.append((t, r)))
        self.folder = folder
        self.restart()

    def restart(self) -> None:
        """As if the process had been killed and started again."""
        self.desired = Desired(Repositories(self.folder / "cache"), self.client, NAMESPACE)
        self.reconciler = ApplicationReconciler(
            self.client, self.store, self.recorder, self.clock, desired=self.desired
        )

    def clock(self) -> datetime:
        return self.now

    async def start(self, *applications: Object, namespace: str = SHOP) -> None:
        await self.client.create(kinds.NAMESPACES, {"metadata": {"name": namespace}})
        for application in applications:
            await self.client.create(kinds.APPLICATIONS, application, application["metadata"]["namespace"])

    async def look(self) -> None:
        """What the informers would have shown by now."""
        watched = {self.reconciler.resource, *self.reconciler.watches()}
        for resource in watched:
            listing = await self.client.list(resource)
            items = [
                {"apiVersion": resource.api_version, "kind": resource.kind, **item}
                for item in listing.get("items") or ()
            ]
            self.store.replace(resource, items)

    async def step(self, name: str = "shop") -> timedelta | None:
        await self.look()
        return await self.reconciler.reconcile(Key(NAMESPACE, name))

    async def settle(self, name: str = "shop", *, most: int = 10) -> Object:
        """Make passes until one changes nothing."""
        for _ in range(most):
            before = (await self.app(name))["metadata"]["resourceVersion"]
            await self.step(name)
            if (await self.app(name))["metadata"]["resourceVersion"] == before:
                return await self.app(name)
        raise AssertionError(f"{name} has not settled: {(await self.app(name)).get('status')}")

    async def poll(self, name: str = "shop") -> Object:
        """Let the polling interval pass, then settle."""
        self.now += timedelta(seconds=200)
        return await self.settle(name)

    async def app(self, name: str = "shop") -> Object:
        return await self.client.get(kinds.APPLICATIONS, name, NAMESPACE)

    async def change(
        self, resource: kinds.Resource, name: str, change: Callable[[Object], None], namespace: str = SHOP
    ) -> Object:
        """Somebody edits an object."""
        obj = await self.client.get(resource, name, namespace)
        change(obj)
        return await self.client.replace(resource, obj, namespace)

    async def patch_app(self, patch: Object, name: str = "shop") -> None:
        await self.client.patch(kinds.APPLICATIONS, name, patch, NAMESPACE)

    async def rollout_status(self, name: str, status: Object) -> None:
        """What the rollout loop reports."""
        live = await self.client.get(kinds.ROLLOUTS, name, SHOP)
        whole = {"observedGeneration": str(live["metadata"]["generation"]), **status}
        patch = {"status": {**dict.fromkeys(live.get("status") or {}), **whole}}
        await self.client.patch(kinds.ROLLOUTS, name, patch, SHOP, subresource="status")


def application(url: str, *, name: str = "shop", path: str = "shop", **spec: Any) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": path, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": SHOP},
            **spec,
        },
    }


AUTOMATED: Object = {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}


def condition(app: Object, type: str) -> str:
    found = [c["message"] for c in app["status"].get("conditions", ()) if c["type"] == type]
    return found[0] if found else ""


def resource(app: Object, kind: str, name: str = "") -> Object:
    found = [r for r in app["status"]["resources"] if r["kind"] == kind and name in ("", r["name"])]
    assert len(found) == 1, app["status"]["resources"]
    return found[0]


CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  colour: blue
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
  - port: 80
    targetPort: 8080
"""


def rollout(tag: str) -> str:
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: web:{tag}
        ports:
        - containerPort: 8080
  strategy:
    canary:
      steps:
      - setWeight: 50
      - pause: {{}}
"""
