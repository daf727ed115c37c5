"""Three Services behind an ingress, whose counts a run compares look by look."""

import asyncio
import json
from collections import Counter

from analysis.providers.traffic import TrafficProvider
from analysis.run import record
from rollouts.api.analysis import RunBaseline
from rollouts.api.crd import crds
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.resources import INGRESS_CLASSES, INGRESSES, NAMESPACES
from rollouts.kube.transport import Response
from tests.analysis.providers.requests import run_with

SIDES = {"canary": "web-canary", "stable": "web-stable", "baseline": "web-baseline"}


class Envoy:
    """The counters of three Services, as its statistics show them."""

    def __init__(self):
        self.good, self.bad, self.slow = Counter(), Counter(), Counter()
        self.code, self.text = 200, ...

    async def answer(self, path, query):
        text = "".join(f"{line}\n" for side in SIDES for line in self.lines(side))
        body = text if self.text is ... else self.text
        return Response(code=self.code, body=body, headers={"content-type": "text/plain"})

    def lines(self, side):
        label = f'envoy_cluster_name="shop/{SIDES[side]}/80"'
        good, bad, slow = self.good[side], self.bad[side], self.slow[side]
        if good:
            yield f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="2",{label}}} {good}'
        if bad:
            yield f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="5",{label}}} {bad}'
        if good + bad:
            for le, count in (("10", good + bad - slow), ("1000", good + bad), ("+Inf", good + bad)):
                yield f'envoy_cluster_upstream_rq_time_bucket{{{label},le="{le}"}} {count}'

    def forget(self, side):
        for counts in (self.good, self.bad, self.slow):
            counts[side] = 0


class World:
    """Three Services behind one ingress, and a run that is measured look by look."""

    def __init__(self, *, baseline=False, **traffic):
        self.clock, self.envoy = VirtualClock(), Envoy()
        api = ApiServer(self.clock, seed=0)
        api.install_crds(crds())
        api.proxies["rollouts-system", "envoy", "admin"] = self.envoy.answer
        self.client = Client(InProcess(api))
        spec = {"metric": "success-rate", "service": "web-canary", "stableService": "web-stable"}
        self.run, self.metric = run_with({"traffic": {**spec, "window": "10s", **traffic}})
        if baseline:
            self.add_baseline()
        self.previous, self.environ = None, {}

    def add_baseline(self):
        pods = RunBaseline(service="web-baseline", pod_template_hash="abc")
        spec = self.run.spec.model_copy(update={"baseline": pods})
        self.run = self.run.model_copy(update={"spec": spec})

    async def routed(self, *sides, by="rollouts.io/envoy", stable_by=""):
        await self.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        for name, controller in (("nginx", by), ("other", stable_by or by)):
            ingress_class = {"metadata": {"name": name}, "spec": {"controller": controller}}
            await self.client.create(INGRESS_CLASSES, ingress_class)
        for side in sides or SIDES:
            backend = {"service": {"name": SIDES[side], "port": {"number": 80}}}
            path = {"path": "/", "pathType": "Prefix", "backend": backend}
            name = "other" if side == "stable" else "nginx"
            spec = {"ingressClassName": name, "rules": [{"host": "x.test", "http": {"paths": [path]}}]}
            annotations = {"nginx.ingress.kubernetes.io/canary": "true"} if side == "canary" else {}
            head = {"name": side, "annotations": annotations}
            await self.client.create(INGRESSES, {"metadata": head, "spec": spec}, "shop")

    async def look(self, after=0.0):
        """One pass of the controller, a new one each time: measure, and write down what came of it."""
        await asyncio.sleep(after)
        provider = TrafficProvider(self.client, self.clock, self.environ)
        taken = await provider.measure(self.run, self.metric, self.previous)
        written = type(taken).model_validate_json(taken.model_dump_json(by_alias=True))
        judged = written if written.phase else written.model_copy(update={"phase": "Successful"})
        self.run = record(self.run, "m", judged)
        self.previous = written if written.phase == "Running" else None
        return taken


def values(measurement):
    return json.loads(measurement.value) if measurement.value else None


def errors(canary, stable):
    return {
        side: dict(zip(("requests", "errors"), of, strict=True))
        for side, of in (("canary", canary), ("stable", stable))
    }
