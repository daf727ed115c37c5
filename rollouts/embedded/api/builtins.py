"""The built-in kinds: names, subresources and the fields that selectors may name."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from rollouts.embedded.api.kinds import Kind, Scale

_REPLICAS = Scale(".spec.replicas", ".status.replicas", ".status.selector")
_POD_FIELDS = (
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase", "status.podIP", "status.nominatedNodeName",
)  # fmt: skip
_EVENT_FIELDS = (
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
    "reportingComponent", "source", "type",
)  # fmt: skip


def _kind(
    group: str,
    kind: str,
    plural: str,
    short: str = "",
    *,
    version: str = "v1",
    namespaced: bool = True,
    status: bool = False,
    generation: bool = False,
    scale: Scale | None = None,
    model: str = "",
    fields: tuple[str, ...] = (),
    subresources: tuple[str, ...] = (),
    listed_in_all: bool = False,
    orphan_by_default: bool = False,
) -> Kind:
    return Kind(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        namespaced=namespaced,
        short_names=tuple(short.split()),
        categories=("all",) if listed_in_all else (),
        status=status,
        scale=scale,
        generation=generation,
        schema={"$ref": model or f"V1{kind}"},
        fields=fields,
        subresources=subresources,
        orphan_by_default=orphan_by_default,
    )


def _workload(group: str, kind: str, plural: str, short: str = "", **more: Any) -> Kind:
    """A kind that runs pods."""
    return _kind(group, kind, plural, short, status=True, generation=True, listed_in_all=True, **more)


def _core() -> Iterator[Kind]:
    yield _kind(
        "",
        "Namespace",
        "namespaces",
        "ns",
        namespaced=False,
        status=True,
        fields=("status.phase",),
        subresources=("finalize",),
    )
    yield _kind(
        "", "Pod", "pods", "po", status=True, generation=True, fields=_POD_FIELDS,
        subresources=("log", "binding", "eviction"), listed_in_all=True,
    )  # fmt: skip
    yield _kind("", "Service", "services", "svc", status=True, subresources=("proxy",), listed_in_all=True)
    yield _kind("", "Secret", "secrets", fields=("type",))
    yield _kind("", "ConfigMap", "configmaps", "cm")
    yield _kind("", "Event", "events", "ev", model="CoreV1Event", fields=_EVENT_FIELDS)
    yield _kind("", "Endpoints", "endpoints", "ep")
    yield _kind("", "ServiceAccount", "serviceaccounts", "sa")
    yield _kind("", "Node", "nodes", "no", namespaced=False, status=True, fields=("spec.unschedulable",))
    yield _kind("", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", status=True)
    yield _kind("", "PersistentVolume", "persistentvolumes", "pv", namespaced=False, status=True)


def _workloads() -> Iterator[Kind]:
    yield _workload("apps", "Deployment", "deployments", "deploy", scale=_REPLICAS)
    yield _workload("apps", "ReplicaSet", "replicasets", "rs", scale=_REPLICAS, fields=("status.replicas",))
    yield _workload("apps", "StatefulSet", "statefulsets", "sts", scale=_REPLICAS)
    yield _workload("apps", "DaemonSet", "daemonsets", "ds")
    yield _kind("apps", "ControllerRevision", "controllerrevisions")
    yield _workload("batch", "Job", "jobs", fields=("status.successful",), orphan_by_default=True)
    yield _workload("batch", "CronJob", "cronjobs", "cj")
    yield _kind(
        "autoscaling",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        version="v2",
        model="V2HorizontalPodAutoscaler",
        status=True,
        listed_in_all=True,
    )


def _network() -> Iterator[Kind]:
    yield _kind("networking.k8s.io", "Ingress", "ingresses", "ing", status=True, generation=True)
    yield _kind("networking.k8s.io", "IngressClass", "ingressclasses", namespaced=False, generation=True)
    yield _kind("networking.k8s.io", "NetworkPolicy", "networkpolicies", "netpol", generation=True)
    yield _kind("discovery.k8s.io", "EndpointSlice", "endpointslices", generation=True)


def _rules() -> Iterator[Kind]:
    rbac = "rbac.authorization.k8s.io"
    yield _kind("policy", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", status=True, generation=True)
    yield _kind(rbac, "Role", "roles")
    yield _kind(rbac, "RoleBinding", "rolebindings")
    yield _kind(rbac, "ClusterRole", "clusterroles", namespaced=False)
    yield _kind(rbac, "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
    yield _kind("coordination.k8s.io", "Lease", "leases")
    yield _kind(
        "apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", "crd crds",
        namespaced=False, status=True, generation=True,
    )  # fmt: skip


def _gateway() -> Iterator[Kind]:
    """Kinds that a cluster has from the Gateway API's own definitions: nothing in them is checked here."""
    for kind, plural, version, namespaced, status, short in (
        ("GatewayClass", "gatewayclasses", "v1", False, True, ("gc",)),
        ("Gateway", "gateways", "v1", True, True, ("gtw",)),
        ("HTTPRoute", "httproutes", "v1", True, True, ()),
        ("ReferenceGrant", "referencegrants", "v1beta1", True, False, ("refgrant",)),
    ):
        yield Kind(
            group="gateway.networking.k8s.io",
            version=version,
            kind=kind,
            plural=plural,
            singular=kind.lower(),
            namespaced=namespaced,
            short_names=short,
            categories=("gateway-api",),
            status=status,
            generation=True,
            schema={
                "type": "object",
                "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            },
            custom=True,
            conditional_update=True,
        )


@cache
def builtins() -> tuple[Kind, ...]:
    """Every kind that is served without a definition; all servers of a process share them."""
    return (*_core(), *_workloads(), *_network(), *_rules(), *_gateway())
