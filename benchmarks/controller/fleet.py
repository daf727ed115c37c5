"""A fleet of rollouts: one that the engine has settled, and copies of it."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, Unreachable
from rollouts.kube.resources import (
    INGRESSES,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from strategies.templates import pod_hash

NAMESPACE = "fleet"
NODE = "node"
"""Of all pods: there is no scheduler."""
STEPS = ({"setWeight": 10}, {"pause": {"duration": "2s"}}, {"setWeight": 50}, {"pause": {"duration": "2s"}})
PAUSES = 4.0
"""Seconds of the steps above."""
WEIGHTS = ({"setWeight": 20}, {"setWeight": 40}, {"setWeight": 60}, {"setWeight": 80})
"""Steps without a pause: what they take is the engine's, the API server's and the pods' own time."""
_AT_ONCE = 32
_TRIES = 5
_PATIENCE_PER_POD = 0.1
"""Seconds."""
_KEPT = ("name", "namespace", "labels", "annotations", "ownerReferences")
"""Of the metadata of a copy; the rest is the API server's."""


def name(number: int) -> str:
    """Of a rollout; all are of one length, so that a copy is the original with another name."""
    return f"shop-{number:05}"


def manifests(number: int, pods: int) -> tuple[tuple[Resource, Object], ...]:
    """What a user applies: a canary between two Services, with weights on an Ingress of ingress-nginx."""
    app = name(number)
    labels = {"app": app}
    container = {
        "name": "web",
        "image": f"registry.example.com/shop/{app}:1.0.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"SETTING_{each}", "value": f"value-{each}"} for each in range(8)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 10},
    }
    canary = {
        "stableService": f"{app}-stable",
        "canaryService": f"{app}-canary",
        "trafficRouting": {"nginx": {"stableIngress": app}},
        "scaleDownDelaySeconds": 1,
        "steps": [*STEPS],
    }
    spec = {
        "replicas": pods,
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": {"prometheus.io/scrape": "true"}},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, "nodeName": NODE},
        },
        "strategy": {"canary": canary},
    }
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    backend = {"service": {"name": f"{app}-stable", "port": {"number": 80}}}
    rule = {
        "host": f"{app}.example.com",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return (
        (SERVICES, {"metadata": _meta(f"{app}-stable"), "spec": {"selector": labels, "ports": ports}}),
        (SERVICES, {"metadata": _meta(f"{app}-canary"), "spec": {"selector": labels, "ports": ports}}),
        (INGRESSES, {"metadata": _meta(app), "spec": {"ingressClassName": "nginx", "rules": [rule]}}),
        (ROLLOUTS, {"metadata": _meta(app), "spec": spec}),
    )


def _meta(name_: str) -> Object:
    return {"name": name_, "namespace": NAMESPACE}


async def plant(client: Client, pods: int) -> None:
    """Apply the first rollout, for the engine to settle."""
    for resource, name_ in ((NAMESPACES, NAMESPACE), (NODES, NODE)):
        with suppress(AlreadyExists):
            await client.create(resource, {"metadata": {"name": name_}})
    for resource, body in manifests(0, pods):
        await create(client, resource, body)


@dataclass(frozen=True, slots=True)
class Original:
    """The first rollout and all that belongs to it, the owner before the owned, as the engine left them."""

    objects: tuple[tuple[Resource, Object], ...]

    @classmethod
    async def read(cls, client: Client) -> "Original":
        """As it is now."""
        found: list[tuple[Resource, Object]] = []
        for resource in (ROLLOUTS, REPLICA_SETS, PODS, SERVICES, INGRESSES):
            for obj in await _listed(client, resource):
                if obj["metadata"]["name"].startswith(name(0)):
                    whole = {**obj, "apiVersion": resource.api_version, "kind": resource.kind}
                    found.append((resource, whole))
        return cls(tuple(found))

    def copy(self, number: int) -> list[tuple[Resource, Object]]:
        """The same under the name of another rollout, with uids of their own."""
        rollout = self.objects[0][1]
        text = json.dumps([obj for _, obj in self.objects]).replace(name(0), name(number))
        (renamed, *_) = json.loads(text)
        text = text.replace(rollout["status"]["currentPodHash"], pod_hash(renamed["spec"]["template"]))
        for _, obj in self.objects:
            text = text.replace(obj["metadata"]["uid"], str(uuid.uuid4()))
        return list(zip((resource for resource, _ in self.objects), json.loads(text), strict=True))


async def copy(client: Client, first: int, size: int) -> None:
    """Create copies of the first rollout until there are `size`; who makes pods makes theirs."""
    original = await Original.read(client)

    async def one(number: int) -> None:
        uids: dict[str, str] = {}
        for resource, obj in original.copy(number):
            if resource is PODS:
                continue
            for owner in obj["metadata"].get("ownerReferences") or ():
                owner["uid"] = uids[owner["name"]]
            made = await create(client, resource, obj)
            if resource is ROLLOUTS:
                uids[name(number)] = made["metadata"]["uid"]
                status = {**obj["status"], "observedGeneration": str(made["metadata"]["generation"])}
                patch = {"status": status}
                await client.patch(ROLLOUTS, name(number), patch, NAMESPACE, subresource="status")

    await at_once(one(number) for number in range(first, size))


async def grown(client: Client, size: int, pods: int) -> None:
    """Wait until every ReplicaSet of the fleet has its pods ready."""
    async with asyncio.timeout(60 + _PATIENCE_PER_POD * size * pods):
        while True:
            found = await _listed(client, REPLICA_SETS)
            ready = sum((obj.get("status") or {}).get("availableReplicas", 0) for obj in found)
            if ready >= size * pods:
                return
            await asyncio.sleep(max(0.2, size / 1000))


async def _listed(client: Client, resource: Resource) -> list[Object]:
    items: list[Object] = []
    token = ""
    while True:
        page = await client.list(resource, NAMESPACE, limit=500, continue_token=token)
        items += page.get("items") or ()
        token = page["metadata"].get("continue", "")
        if not token:
            return items


async def create(client: Client, resource: Resource, obj: Object) -> Object:
    """Create an object, or a copy of one without what the API server had put into it."""
    metadata = {key: value for key, value in obj["metadata"].items() if key in _KEPT}
    spec = {key: value for key, value in obj["spec"].items() if not key.startswith("clusterIP")}
    head = {"apiVersion": resource.api_version, "kind": resource.kind}
    body, namespace = {**head, "metadata": metadata, "spec": spec}, metadata["namespace"]
    for attempt in range(_TRIES):
        try:
            return await client.create(resource, body, namespace)
        except Unreachable:  # of a server that makes fifty thousand pods, some requests get no answer in time
            await asyncio.sleep(attempt)
        except AlreadyExists:
            if not attempt:
                raise
            return await client.get(resource, metadata["name"], namespace)
    return await client.create(resource, body, namespace)


async def at_once(work: Iterable[Awaitable[Any]]) -> None:
    """Do many things, a few at a time."""
    waiting = iter(work)

    async def worker() -> None:
        for each in waiting:
            await each

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(worker())
