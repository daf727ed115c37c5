"""A rollout to act on, and an API in process that holds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rollouts.api.crd import crds
from rollouts.client import Client
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube import client as kube
from rollouts.kube import resources
from rollouts.kube.resources import CRDS

STEPS = [
    {"setWeight": 10},
    {"pause": {}},
    {"analysis": {"templates": [{"templateName": "rate"}]}},
    {"setWeight": 60},
]


def rollout(*, spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> dict[str, Any]:
    """A canary at revision 2, observed as it is."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": "shop",
            "namespace": "default",
            "generation": 1,
            "annotations": {"rollout.argoproj.io/revision": "2"},
        },
        "spec": {
            "replicas": 5,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {
                    "containers": [{"name": "web", "image": "shop:2"}, {"name": "log", "image": "log:1"}]
                },
            },
            "strategy": {"canary": {"steps": STEPS}},
            **(spec or {}),
        },
        "status": {
            "observedGeneration": "1",
            "currentPodHash": "new",
            "stableRS": "old",
            "currentStepIndex": 1,
            "phase": "Progressing",
            **(status or {}),
        },
    }


@asynccontextmanager
async def api(*objects: dict[str, Any]) -> AsyncIterator[Client]:
    """A client of an API that holds these objects, to be used within `virtual_time.run`."""
    clock = VirtualClock()
    client = kube.Client(InProcess(ApiServer(clock, seed=0)))
    for definition in crds():
        await client.create(CRDS, definition)
    cd = Client(client, namespace="default", user="ann", clock=clock)
    for item in objects:
        await put(cd, item)
    yield cd


async def put(cd: Client, item: dict[str, Any]) -> dict[str, Any]:
    """Create an object with its status, as a controller would have left it."""
    resource = resource_of(item)
    made = await cd.kube.create(resource, item, item["metadata"].get("namespace", ""))
    if "status" not in item or resource.kind not in ("Rollout", "ReplicaSet", "Pod"):
        return made
    return await set_status(cd, item, item["status"])


async def set_status(cd: Client, item: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Write the status of an object."""
    metadata = item["metadata"]
    resource = resource_of(item)
    sub = "status" if resource.kind in ("Rollout", "ReplicaSet", "Pod") else ""
    return await cd.kube.patch(
        resource, metadata["name"], {"status": status}, metadata["namespace"], subresource=sub
    )


def resource_of(item: dict[str, Any]) -> resources.Resource:
    """How the API serves the kind of an object."""
    return next(
        r for r in vars(resources).values() if isinstance(r, resources.Resource) and r.kind == item["kind"]
    )
