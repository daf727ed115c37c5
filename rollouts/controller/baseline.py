"""The objects of baseline pods: a ReplicaSet that copies another, and a Service for its pods. Pure."""

from analysis.templates import owner_reference
from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import Object, dump
from rollouts.api.rollout import Rollout
from rollouts.controller.labels import POD_HASH, REVISION
from rollouts.kube.resources import REPLICA_SETS, SERVICES
from strategies import model

_OF_A_PORT = ("name", "protocol", "appProtocol", "port", "targetPort")
"""What is copied of a Service's port; a port on the nodes is the other Service's alone."""
_PUBLISHED = 3
"""Seconds. A Service that never had endpoints is sent requests as soon as its pods count as available, and a
cluster may publish them a second or two after they are ready."""


def replica_set(
    obj: Object, rollout: Rollout, action: model.CreateBaseline, copied: model.ReplicaSet
) -> Object:
    """Fresh pods of the template that `copied` holds, under a hash of their own."""
    metadata = copied.template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), POD_HASH: action.pod_hash}
    return {
        "apiVersion": REPLICA_SETS.api_version,
        "kind": REPLICA_SETS.kind,
        "metadata": {
            "name": action.name,
            "namespace": rollout.metadata.namespace,
            "labels": labels,
            "annotations": {BASELINE_OF: copied.pod_hash, REVISION: str(copied.revision)},
            "ownerReferences": [owner_reference(obj)],
        },
        "spec": {
            "replicas": action.replicas,
            "minReadySeconds": max(_PUBLISHED, rollout.spec.min_ready_seconds),
            "selector": selector(rollout, action.pod_hash),
            "template": {**copied.template, "metadata": {**metadata, "labels": labels}},
        },
    }


def service(obj: Object, action: model.CreateService, like: Object) -> Object:
    """A Service that listens as `like` does, for the pods of one hash."""
    chosen = {**(like["spec"].get("selector") or {}), POD_HASH: action.pod_hash}
    ports = like["spec"].get("ports") or ()
    return {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": {
            "name": action.name,
            "namespace": obj["metadata"].get("namespace", ""),
            "ownerReferences": [owner_reference(obj)],
        },
        "spec": {
            "selector": chosen,
            "ports": [{key: port[key] for key in _OF_A_PORT if key in port} for port in ports],
        },
    }


def selector(rollout: Rollout, pod_hash: str) -> Object:
    """The rollout's selector, narrowed to the pods of one hash."""
    asked = dump(rollout.spec.selector) if rollout.spec.selector is not None else {}
    return {**asked, "matchLabels": {**(asked.get("matchLabels") or {}), POD_HASH: pod_hash}}
