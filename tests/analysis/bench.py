"""A cluster in this process with one AnalysisRun in it, and its reconciler, looked after by hand."""

import base64
from typing import Any

from analysis.providers.static import StaticProvider
from rollouts.api.crd import crds
from rollouts.api.meta import Object
from rollouts.controller.analysisrun import AnalysisRunReconciler
from rollouts.controller.reconciler import Key
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import ANALYSIS_RUNS, NAMESPACES, SECRETS
from rollouts.kube.store import Writer

NAMESPACE = "shop"
KEY = Key(NAMESPACE, "run")


class Said:
    """Takes the place of the event recorder."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def record(self, obj: Object, reason: str, message: str, type: str = "Normal") -> None:
        self.events.append((reason, message, type))

    @property
    def reasons(self) -> list[str]:
        return [reason for reason, _, _ in self.events]


class Bench:
    """Made inside of a running virtual loop."""

    def __init__(self, values: dict[str, list[Any]] | None = None, *, instance_id: str = "") -> None:
        self.clock = VirtualClock()
        self.api = ApiServer(self.clock, seed=0)
        self.api.install_crds(crds())
        self.client = Client(InProcess(self.api))
        self.store = Writer()
        self.said = Said()
        self.reconciler = AnalysisRunReconciler(
            self.client,
            self.store,
            self.said,  # type: ignore[arg-type]
            self.clock,
            providers={"web": StaticProvider(values or {}, self.clock)},
            instance_id=instance_id,
        )

    async def start(self, *metrics: Object, labels: dict[str, str] | None = None, **spec: Any) -> None:
        """Create the run; a metric without a provider gets the one with the given values."""
        await self.client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        provider = {"web": {"url": "http://metrics.test/"}}
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {"name": KEY.name, "namespace": NAMESPACE, "labels": labels or {}},
            "spec": {"metrics": [{"provider": provider, **metric} for metric in metrics], **spec},
        }
        await self.client.create(ANALYSIS_RUNS, body, NAMESPACE)

    async def secret(self, name: str, **data: str) -> None:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
        await self.client.create(SECRETS, body, NAMESPACE)

    async def look(self) -> float | None:
        """One pass; the seconds until the next, or None."""
        try:
            self.store.put(ANALYSIS_RUNS, await self.client.get(ANALYSIS_RUNS, KEY.name, NAMESPACE))
        except NotFound:
            self.store.replace(ANALYSIS_RUNS, ())
        after = await self.reconciler.reconcile(KEY)
        return None if after is None else after.total_seconds()

    async def run(self) -> Object:
        return await self.client.get(ANALYSIS_RUNS, KEY.name, NAMESPACE)

    async def status(self) -> Object:
        return (await self.run()).get("status") or {}

    async def metric(self, name: str = "m") -> Object:
        results = (await self.status())["metricResults"]
        return next(result for result in results if result["name"] == name)

    async def change(self, patch: Object) -> None:
        await self.client.patch(ANALYSIS_RUNS, KEY.name, patch, NAMESPACE)
