"""What the API server fills in for its own kinds, and which of their fields it allocates."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.api.pod_defaults import fill, pod_spec


def _template(spec: dict[str, Any]) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    pod_spec(template.setdefault("spec", {}))


def _pod(obj: Object) -> None:
    pod_spec(obj.setdefault("spec", {}))
    fill(obj["spec"], {"enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority", "priority": 0})
    status = obj.setdefault("status", {})
    fill(status, {"phase": "Pending"})
    if "qosClass" not in status:
        status["qosClass"] = _quality(obj["spec"])


def _quality(spec: dict[str, Any]) -> str:
    """The pod's quality of service: Guaranteed when limits equal requests for cpu and memory everywhere."""
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(each.get("limits") or each.get("requests") for each in resources):
        return "BestEffort"
    for each in resources:
        limits, requests = each.get("limits") or {}, each.get("requests") or {}
        if any(
            name not in limits or requests.get(name, limits[name]) != limits[name]
            for name in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"


def _deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = spec.setdefault("strategy", {})
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(strategy.setdefault("rollingUpdate", {}), {"maxUnavailable": "25%", "maxSurge": "25%"})
    _template(spec)
    obj.setdefault("status", {})


def _replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, {"replicas": 1})
    _template(spec)
    obj.setdefault("status", {}).setdefault("replicas", 0)


def _stateful_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady"})
    _strategy(spec, partition=0)
    retained = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    fill(retained, {"whenDeleted": "Retain", "whenScaled": "Retain"})
    _template(spec)
    fill(obj.setdefault("status", {}), {"replicas": 0, "availableReplicas": 0})


def _strategy(spec: dict[str, Any], **limits: int) -> None:
    strategy = spec.setdefault("updateStrategy", {})
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(strategy.setdefault("rollingUpdate", {}), limits)


def _daemon_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, {"revisionHistoryLimit": 10})
    _strategy(spec, maxUnavailable=1, maxSurge=0)
    _template(spec)
    counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")
    fill(obj.setdefault("status", {}), dict.fromkeys(counts, 0))
    annotations = obj["metadata"].setdefault("annotations", {})
    fill(annotations, {"deprecated.daemonset.template.generation": str(obj["metadata"].get("generation", 1))})


def _job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, {"backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False, "manualSelector": False})
    if "completions" not in spec and "parallelism" not in spec:
        fill(spec, {"completions": 1})
    fill(spec, {"parallelism": 1, "podReplacementPolicy": "TerminatingOrFailed"})
    _template(spec)
    obj.setdefault("status", {})
    uid = obj["metadata"].get("uid")
    if uid and not spec["manualSelector"]:
        labels = spec["template"]["metadata"].setdefault("labels", {})
        name = obj["metadata"]["name"]
        own = {"controller-uid": uid, "job-name": name}
        own |= {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
        labels.update(own)
        # A job without labels has those of its pods.
        obj["metadata"].setdefault("labels", dict(labels))
        fill(spec, {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}})


def _cron_job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(
        spec,
        {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
    )
    job = spec.setdefault("jobTemplate", {})
    job.setdefault("metadata", {})
    _template(job.setdefault("spec", {}))
    obj.setdefault("status", {})


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports") or ():
        fill(port, {"protocol": "TCP", "targetPort": port.get("port")})
    if spec["type"] != "ExternalName":
        families: Object = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
        if spec.get("clusterIP") == "None" and not spec.get("selector"):
            # Whoever writes its endpoints may give it addresses of both families.
            families = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
        fill(spec, {"internalTrafficPolicy": "Cluster", **families})
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _namespace(obj: Object) -> None:
    fill(obj.setdefault("spec", {}), {"finalizers": ["kubernetes"]})
    fill(obj.setdefault("status", {}), {"phase": "Active"})
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")


def _secret(obj: Object) -> None:
    fill(obj, {"type": "Opaque"})
    plain = obj.pop("stringData", None) or {}
    if plain:
        data = obj.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in plain.items()})


def _ingress(obj: Object) -> None:
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        fill(port, {"protocol": "TCP", "name": ""})
    for endpoint in obj.get("endpoints") or ():
        endpoint.setdefault("conditions", {})


def _horizontal_pod_autoscaler(obj: Object) -> None:
    usage = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    metrics = [{"type": "Resource", "resource": usage}]
    fill(obj.setdefault("spec", {}), {"minReplicas": 1, "metrics": metrics})
    fill(obj.setdefault("status", {}), {"desiredReplicas": 0})
    obj["status"].setdefault("currentMetrics", None)


def _budget(obj: Object) -> None:
    counts = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
    fill(obj.setdefault("status", {}), dict.fromkeys(counts, 0))


def _event(obj: Object) -> None:
    obj.setdefault("eventTime", None)
    fill(obj, {"source": {}, "reportingComponent": "", "reportingInstance": ""})


def _claim(obj: Object) -> None:
    fill(obj.setdefault("spec", {}), {"volumeMode": "Filesystem"})
    fill(obj.setdefault("status", {}), {"phase": "Pending"})


_BY_KIND: Mapping[tuple[str, str], Callable[[Object], None]] = {
    ("", "pods"): _pod,
    ("", "services"): _service,
    ("", "namespaces"): _namespace,
    ("", "secrets"): _secret,
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _replica_set,
    ("apps", "statefulsets"): _stateful_set,
    ("apps", "daemonsets"): _daemon_set,
    ("batch", "jobs"): _job,
    ("batch", "cronjobs"): _cron_job,
    ("networking.k8s.io", "ingresses"): _ingress,
    ("discovery.k8s.io", "endpointslices"): _endpoint_slice,
    ("autoscaling", "horizontalpodautoscalers"): _horizontal_pod_autoscaler,
    ("policy", "poddisruptionbudgets"): _budget,
    ("", "events"): _event,
    ("", "persistentvolumeclaims"): _claim,
}


def apply_defaults(key: tuple[str, str], obj: Object) -> None:
    """Fill in what the author left to the server; the object is changed in place."""
    default = _BY_KIND.get(key)
    if default is not None:
        default(obj)
