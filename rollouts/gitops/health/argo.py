"""The kinds of argoproj.io."""

from typing import cast

from rollouts.api.meta import Object
from rollouts.gitops.health.model import (
    Health,
    Status,
    conditions,
    degraded,
    healthy,
    progressing,
    suspended,
)

_FAILED = ("InvalidSpec", "RolloutAborted", "ProgressDeadlineExceeded")
_KNOWN = ("Healthy", "Progressing", "Degraded", "Unknown")


def rollout(obj: Object) -> Health:
    """A Rollout: its own phase, once it is of this spec; without a phase, what conditions and pauses say."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if str(status.get("observedGeneration") or "") != str(obj["metadata"].get("generation") or ""):
        return progressing("Waiting for rollout spec update to be observed")
    if "workloadRef" in spec and not status.get("workloadObservedGeneration"):
        return progressing("Waiting for rollout spec update to be observed for the reference workload")
    phase, message = status.get("phase", ""), str(status.get("message") or "")
    if phase == "Paused":
        return suspended(message)
    if phase in _KNOWN:
        return Health(cast("Status", phase), message)
    return _without_phase(spec, status)


def _without_phase(spec: Object, status: Object) -> Health:
    for condition in conditions(status).values():
        if condition["type"] == "InvalidSpec" or condition.get("reason") in _FAILED:
            return degraded(condition.get("message", ""))
    if status.get("pauseConditions") or spec.get("paused"):
        return suspended("Rollout is paused")
    updated, wanted = status.get("updatedReplicas", 0), spec.get("replicas", 1)
    if updated < wanted:
        return progressing(f"{updated} of {wanted} new replicas have been updated")
    if status.get("replicas", 0) > updated:
        return progressing("old replicas are pending termination")
    if status.get("availableReplicas", 0) < updated:
        return progressing("updated replicas are still becoming available")
    if status.get("stableRS") != status.get("currentPodHash"):
        return progressing("waiting for all steps to complete")
    return healthy()


def analysis(obj: Object) -> Health:
    """An AnalysisRun or an Experiment."""
    status = obj.get("status") or {}
    message = str(status.get("message") or "")
    phase = status.get("phase", "")
    if phase in ("", "Pending", "Running"):
        return progressing(message)
    if phase == "Successful":
        return healthy(message)
    return Health("Unknown", message) if phase == "Inconclusive" else degraded(message)


def workflow(obj: Object) -> Health:
    """A Workflow."""
    status = obj.get("status") or {}
    phase, message = status.get("phase", ""), str(status.get("message") or "")
    if phase in ("", "Pending", "Running"):
        return progressing(message)
    if phase == "Succeeded":
        return healthy(message)
    return degraded(message) if phase in ("Failed", "Error") else Health("Unknown", message)


def application(obj: Object) -> Health | None:
    """A child Application; while it is Missing or Unknown it does not count."""
    found = (obj.get("status") or {}).get("health") or {}
    status = found.get("status") or ""
    if status in ("", "Missing", "Unknown"):
        return None
    return Health(cast("Status", status), str(found.get("message") or ""))
