"""What runs pods, the pods themselves, and what scales them."""

import json

from rollouts.api.meta import Object
from rollouts.gitops.health.model import (
    Health,
    conditions,
    degraded,
    healthy,
    observed,
    progressing,
    suspended,
)

_FAILED_SCALE = ("FailedGetScale", "FailedUpdateScale")
_FAILED_METRIC = (
    "FailedGetResourceMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "InvalidSelector",
)


def deployment(obj: Object) -> Health:
    """A Deployment."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if spec.get("paused"):
        return suspended("Deployment is paused")
    if not observed(obj):
        return progressing("Waiting for rollout to finish: the new spec has not been observed yet")
    condition = conditions(status).get("Progressing", {})
    if condition.get("reason") == "ProgressDeadlineExceeded":
        return degraded(f'Deployment "{obj["metadata"]["name"]}" exceeded its progress deadline')
    updated, wanted = status.get("updatedReplicas", 0), spec.get("replicas", 1)
    if updated < wanted:
        return progressing(f"{updated} of {wanted} new replicas have been updated")
    if status.get("replicas", 0) > updated:
        return progressing(f"{status['replicas'] - updated} old replicas are pending termination")
    if status.get("availableReplicas", 0) < updated:
        return progressing(
            f"{status.get('availableReplicas', 0)} of {updated} updated replicas are available"
        )
    return healthy()


def replica_set(obj: Object) -> Health:
    """A ReplicaSet."""
    status, wanted = obj.get("status") or {}, (obj.get("spec") or {}).get("replicas", 1)
    if not observed(obj):
        return progressing("The new spec has not been observed yet")
    failure = conditions(status).get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return degraded(failure.get("message", ""))
    available = status.get("availableReplicas", 0)
    return (
        healthy() if available >= wanted else progressing(f"{available} of {wanted} replicas are available")
    )


def stateful_set(obj: Object) -> Health:
    """A StatefulSet."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    strategy, wanted = spec.get("updateStrategy") or {}, spec.get("replicas", 1)
    if not status.get("observedGeneration") or not observed(obj):
        return progressing("The new spec has not been observed yet")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready < wanted:
        return progressing(f"{ready} of {wanted} pods are ready")
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if strategy.get("type", "RollingUpdate") == "RollingUpdate" and partition:
        if updated < wanted - partition:
            return progressing(f"{updated} of {wanted - partition} new pods have been updated")
        return healthy(f"partitioned roll out complete: {updated} new pods have been updated")
    if strategy.get("type") == "OnDelete":
        return healthy(f"{ready} pods are ready")
    if status.get("updateRevision") != status.get("currentRevision"):
        return progressing(f"{updated} pods at revision {status.get('updateRevision')}")
    return healthy()


def daemon_set(obj: Object) -> Health:
    """A DaemonSet."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if not observed(obj):
        return progressing("The new spec has not been observed yet")
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return healthy()
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    if updated < wanted:
        return progressing(f"{updated} of {wanted} new pods have been updated")
    available = status.get("numberAvailable", 0)
    return healthy() if available >= wanted else progressing(f"{available} of {wanted} pods are available")


def job(obj: Object) -> Health:
    """A Job; that a condition of the type is there is enough for Failed and Complete."""
    found = conditions(obj.get("status") or {})
    if failed := found.get("Failed"):
        return degraded(failed.get("message", ""))
    if found.get("Suspended", {}).get("status") == "True":
        return suspended(found["Suspended"].get("message", ""))
    if complete := found.get("Complete") or found.get("Suspended"):
        return healthy(complete.get("message", ""))
    return progressing()


def pod(obj: Object) -> Health:
    """A Pod, by its restart policy and its phase."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    always = spec.get("restartPolicy", "Always") == "Always"
    if always and (waiting := _bad_wait(status)):
        return degraded(waiting)
    phase = status.get("phase", "")
    if phase == "Pending":
        return progressing(status.get("message", ""))
    if phase == "Succeeded":
        return healthy(status.get("message", ""))
    if phase == "Failed":
        return degraded(_why_failed(status))
    if phase != "Running":
        return Health("Unknown", status.get("message", ""))
    return _running(status) if always else progressing(status.get("message", ""))


def _running(status: Object) -> Health:
    if conditions(status).get("Ready", {}).get("status") == "True":
        return healthy(status.get("message", ""))
    for container in status.get("containerStatuses") or ():
        if (container.get("lastState") or {}).get("terminated"):
            return degraded(status.get("message", ""))
    return progressing(status.get("message", ""))


def _bad_wait(status: Object) -> str:
    containers = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    messages = []
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = str(waiting.get("reason") or "")
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            messages.append(str(waiting.get("message") or reason))
    return ", ".join(messages)


def _why_failed(status: Object) -> str:
    if status.get("message"):
        return str(status["message"])
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        terminated = (container.get("state") or {}).get("terminated") or {}
        if terminated.get("message"):
            return str(terminated["message"])
        if terminated.get("reason") == "OOMKilled":
            return "OOMKilled"
        if terminated.get("exitCode"):
            return f'container "{container["name"]}" failed with exit code {terminated["exitCode"]}'
    return ""


def autoscaler(obj: Object) -> Health:
    """A HorizontalPodAutoscaler; of the first version, the conditions stand in an annotation."""
    found = conditions(obj.get("status") or {})
    text = (obj["metadata"].get("annotations") or {}).get("autoscaling.alpha.kubernetes.io/conditions")
    if not found and text:
        try:
            found = conditions({"conditions": json.loads(text)})
        except (ValueError, TypeError, KeyError):
            return Health("Unknown", "the annotation with the conditions cannot be read")
    for type_, reasons in (("AbleToScale", _FAILED_SCALE), ("ScalingActive", _FAILED_METRIC)):
        condition = found.get(type_, {})
        if condition.get("reason") in reasons:
            return degraded(condition.get("message", ""))
    for type_ in ("AbleToScale", "ScalingLimited"):
        if found.get(type_, {}).get("status") == "True":
            return healthy(found[type_].get("message", ""))
    return progressing("Waiting to Autoscale")
