"""A fleet of rollouts: one that the engine has settled, and copies of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists
from rollouts.kube.resources import INGRESSES, NAMESPACES, REPLICA_SETS, ROLLOUTS, SERVICES, Resource
from strategies.templates import pod_hash

NAMESPACE = "fleet"
STEPS = ({"setWeight": 10}, {"pause": {"duration": "2s"}}, {"setWeight": 50}, {"pause": {"duration": "2s"}})
PAUSES = 4.0
"""Seconds of the steps above."""
WEIGHTS = ({"setWeight": 20}, {"setWeight": 40}, {"setWeight": 60}, {"setWeight": 80})
"""Steps without a pause: what they take is the engine's, the API server's and the pods' own time."""
_AT_ONCE = 32


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
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
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
    with suppress(AlreadyExists):
        await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    for resource, body in manifests(0, pods):
        await _create(client, resource, body)


async def copy(client: Client, first: int, size: int, progress: Callable[[str], None]) -> None:
    """Copy the first rollout, with all that belongs to it and settled as it is, until there are `size`."""
    pattern = [
        (resource, obj)
        for resource in (SERVICES, INGRESSES, ROLLOUTS, REPLICA_SETS)
        for obj in await _listed(client, resource)
        if obj["metadata"]["name"].startswith(name(0))
    ]
    original = next(obj for resource, obj in pattern if resource is ROLLOUTS)
    old = (name(0), original["metadata"]["uid"], original["status"]["currentPodHash"])
    done = 0

    async def one(number: int) -> None:
        nonlocal done
        await _copy_one(client, pattern, old, number)
        done += 1
        if done % 500 == 0:
            progress(f"{done} copies")

    await at_once(one(number) for number in range(first, size))


async def _copy_one(
    client: Client, pattern: Sequence[tuple[Resource, Object]], old: tuple[str, str, str], number: int
) -> None:
    """The rollout goes before what it owns, and its status follows what is in it."""
    uid = old[1]
    hash_ = ""
    for resource, obj in sorted(pattern, key=lambda each: each[0] is not ROLLOUTS):
        renamed = json.loads(json.dumps(obj).replace(old[0], name(number)))
        if resource is ROLLOUTS:
            hash_ = pod_hash(renamed["spec"]["template"], None)
        body = json.loads(json.dumps(renamed).replace(old[1], uid).replace(old[2], hash_))
        metadata = {
            key: value
            for key, value in body["metadata"].items()
            if key in ("name", "namespace", "labels", "annotations", "ownerReferences")
        }
        spec = {key: value for key, value in body["spec"].items() if not key.startswith("clusterIP")}
        made = await _create(client, resource, {"metadata": metadata, "spec": spec})
        if resource is ROLLOUTS:
            uid = made["metadata"]["uid"]
            status = {**body["status"], "observedGeneration": str(made["metadata"]["generation"])}
            await client.patch(ROLLOUTS, name(number), {"status": status}, NAMESPACE, subresource="status")


async def grown(client: Client, size: int, pods: int, limit: float = 900.0) -> None:
    """Wait until every ReplicaSet of the fleet has its pods ready."""
    async with asyncio.timeout(limit):
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


async def _create(client: Client, resource: Resource, body: Object) -> Object:
    whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
    return await client.create(resource, whole, body["metadata"]["namespace"])


async def at_once(work: Iterable[Awaitable[Any]]) -> None:
    """Do many things, a few at a time."""
    waiting = iter(work)

    async def worker() -> None:
        for each in waiting:
            await each

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(worker())
