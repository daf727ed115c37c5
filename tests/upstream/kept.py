"""What a change of controllers must leave as it is, at every moment."""

from collections.abc import Collection, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    DEPLOYMENTS,
    INGRESSES,
    JOBS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)

_KINDS = (ROLLOUTS, REPLICA_SETS, DEPLOYMENTS, PODS, SERVICES, INGRESSES, ANALYSIS_RUNS, JOBS)
_SIDES = ("canary", "stable")
_OWN = ("progressReplicas",)
"""Fields of ours that upstream's controller does not know; they stay as they are."""


class Kept:
    """Everything in a namespace as it was at one moment."""

    def __init__(self, versions: Mapping[Resource, str], seen: Mapping[Resource, Mapping[str, Any]]) -> None:
        self._versions = versions
        self._seen = seen

    @staticmethod
    async def now(kube: Client, namespace: str) -> "Kept":
        """Look at it."""
        versions, seen = {}, {}
        for resource in _KINDS:
            found = await kube.list(resource, namespace)
            versions[resource] = found["metadata"]["resourceVersion"]
            seen[resource] = {each["metadata"]["uid"]: _kept(resource, each) for each in found["items"]}
        return Kept(versions, seen)

    async def broken(self, kube: Client, namespace: str, *, but: Collection[str] = ()) -> list[str]:
        """What has changed since, were it for a moment, but for some objects; the API server knows it all."""
        found = []
        for resource in _KINDS:
            async for event in kube.watch(
                resource, namespace, resourceVersion=self._versions[resource], timeoutSeconds="1"
            ):
                if event["type"] == "BOOKMARK":
                    continue
                each = event["object"]
                if each["metadata"]["name"] in but:
                    continue
                before = self._seen[resource].get(each["metadata"]["uid"], {})
                after = {} if event["type"] == "DELETED" else _kept(resource, each)
                found += [
                    f"{resource.kind} {each['metadata']['name']} {change}"
                    for change in _differences(before, after)
                ]
        return found


def _kept(resource: Resource, obj: Object) -> Object:
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    kept: Object = {
        "labels": metadata.get("labels") or {},
        "annotations": metadata.get("annotations") or {},
        "deletion": metadata.get("deletionTimestamp", ""),
    }
    match resource.kind:
        case "Rollout":
            kept["spec"] = spec
            kept["status"] = {name: value for name, value in status.items() if name not in _OWN}
            kept["status"]["conditions"] = {
                each["type"]: {name: each[name] for name in ("status", "reason", "lastTransitionTime")}
                for each in status.get("conditions") or ()
            }
            _forget_what_is_told_otherwise(kept["status"])
        case "ReplicaSet" | "Deployment":
            kept["replicas"] = spec.get("replicas")
            kept["template"] = spec.get("template")
        case "AnalysisRun":
            kept["spec"] = spec
            kept["phase"] = status.get("phase")
            kept["measurements"] = {
                each["name"]: each.get("count", 0) for each in status.get("metricResults") or ()
            }
        case "Service" | "Ingress":
            kept["spec"] = spec
    return kept


def _forget_what_is_told_otherwise(status: Object) -> None:
    """docs/upstream.md has each, and why."""
    if "InvalidSpec" in status["conditions"]:
        status.pop("message")
        status["conditions"]["InvalidSpec"] = "told"
    # Of all pods in v1.10, of stable's alone in later versions and here, where traffic is routed.
    status.pop("HPAReplicas", None)
    if blue_green := status.get("blueGreen"):
        status["blueGreen"] = {**blue_green, "scaleUpPreviewCheckPoint": None}
    if status.get("abort"):
        status["conditions"].pop("Paused", None)
        canary = status.get("canary") or {}
        if weights := canary.get("weights"):
            status["canary"] = {**canary, "weights": {side: weights[side]["weight"] for side in _SIDES}}


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    if isinstance(before or {}, dict) and isinstance(after or {}, dict):
        return [
            difference
            for name in sorted({*(before or {}), *(after or {})})
            for difference in _differences(
                (before or {}).get(name), (after or {}).get(name), f"{path}.{name}"
            )
        ]
    # Go writes what is empty out, or leaves it out.
    is_same = before == after or not (before or after)
    return [] if is_same else [f"{path}: {before!r} -> {after!r}"]
