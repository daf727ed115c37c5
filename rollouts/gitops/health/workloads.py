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

_IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"
_HOOK = "argocd.argoproj.io/hook"
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
        return _rolling("observed deployment generation less than desired generation")
    condition = conditions(status).get("Progressing", {})
    if condition.get("reason") == "ProgressDeadlineExceeded":
        return degraded(f'Deployment "{obj["metadata"]["name"]}" exceeded its progress deadline')
    updated, wanted = status.get("updatedReplicas", 0), spec.get("replicas", 1)
    old, available = status.get("replicas", 0) - updated, status.get("availableReplicas", 0)
    if updated < wanted:
        return _rolling(f"{updated} out of {wanted} new replicas have been updated...")
    if old > 0:
        return _rolling(f"{old} old replicas are pending termination...")
    if available < updated:
        return _rolling(f"{available} of {updated} updated replicas are available...")
    return healthy()


def replica_set(obj: Object) -> Health:
    """A ReplicaSet."""
    status, wanted = obj.get("status") or {}, (obj.get("spec") or {}).get("replicas", 1)
    if not observed(obj):
        return _rolling("observed replica set generation less than desired generation")
    failure = conditions(status).get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return degraded(failure.get("message", ""))
    available = status.get("availableReplicas", 0)
    if available < wanted:
        return _rolling(f"{available} out of {wanted} new replicas are available...")
    return healthy()


def stateful_set(obj: Object) -> Health:
    """A StatefulSet."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    strategy, wanted = spec.get("updateStrategy") or {}, spec.get("replicas", 1)
    if not status.get("observedGeneration") or not observed(obj):
        return progressing("Waiting for statefulset spec update to be observed...")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready < wanted:
        return progressing(f"Waiting for {wanted - ready} pods to be ready...")
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type", "RollingUpdate") == "RollingUpdate" and rolling is not None:
        new = wanted - rolling.get("partition", wanted)
        if updated < new:
            told = f"{updated} out of {new} new pods have been updated..."
            return progressing(f"Waiting for partitioned roll out to finish: {told}")
        return healthy(f"partitioned roll out complete: {updated} new pods have been updated...")
    if strategy.get("type") == "OnDelete":
        return healthy(f"statefulset has {ready} ready pods")
    current, wanted_revision = status.get("currentRevision", ""), status.get("updateRevision", "")
    if wanted_revision != current:
        told = f"{updated} pods at revision {wanted_revision}..."
        return progressing(f"waiting for statefulset rolling update to complete {told}")
    told = f"{status.get('currentReplicas', 0)} pods at revision {current}..."
    return healthy(f"statefulset rolling update complete {told}")


def daemon_set(obj: Object) -> Health:
    """A DaemonSet."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if not observed(obj):
        return _rolling("observed daemon set generation less than desired generation")
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    done = f"{updated} out of {wanted} new pods have been updated"
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return healthy(f"daemon set {done}")
    waiting = f'Waiting for daemon set "{obj["metadata"]["name"]}" rollout to finish: '
    available = status.get("numberAvailable", 0)
    if updated < wanted:
        return progressing(f"{waiting}{done}...")
    if available < wanted:
        return progressing(f"{waiting}{available} of {wanted} updated pods are available...")
    return healthy()


def _rolling(what: str) -> Health:
    return progressing(f"Waiting for rollout to finish: {what}")


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
    """A Pod, by its phase; one that is to end is not healthy before, unless it is annotated as a server."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    annotations = obj["metadata"].get("annotations") or {}
    is_server = _IGNORE_RESTART_POLICY in annotations and _HOOK not in annotations
    always = is_server or spec.get("restartPolicy", "Always") == "Always"
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
