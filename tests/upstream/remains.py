"""What is left of a walk, without times and ids: to be laid beside what another controller left."""

import json
import re
from typing import Any

import yaml

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    EVENTS,
    INGRESSES,
    JOBS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
)
from tests.upstream.walk import HASH, REVISION

_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UIDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DROPPED = (
    *("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "namespace"),
    *("kubectl.kubernetes.io/last-applied-configuration", "update", "clusterIP", "clusterIPs"),
)
_KINDS = (ROLLOUTS, REPLICA_SETS, SERVICES, INGRESSES, ANALYSIS_RUNS, JOBS)


async def of(kube: Client, namespace: str) -> str:
    """As YAML: the objects of the controller by kind and name, and the events in order.

    The hash of a revision is called by its number, for a walk's own changes give another one every time.
    """
    text = json.dumps(await _found(kube, namespace)).replace(namespace, "NAMESPACE")
    for each in (await kube.list(REPLICA_SETS, namespace))["items"]:
        labels, annotations = each["metadata"].get("labels") or {}, each["metadata"].get("annotations") or {}
        if labels.get(HASH) and annotations.get(REVISION):
            text = text.replace(labels[HASH], f"HASH-{annotations[REVISION]}")
    return yaml.safe_dump(json.loads(text), width=200)


async def _found(kube: Client, namespace: str) -> Object:
    found: Object = {}
    for resource in _KINDS:
        for each in (await kube.list(resource, namespace))["items"]:
            bare = _bare(each)
            if resource not in (ANALYSIS_RUNS, ROLLOUTS):
                bare.pop("status", None)
            if resource is REPLICA_SETS:
                bare["spec"].pop("template")
            found[f"{resource.kind}/{bare['metadata']['name']}"] = bare
    events = (await kube.list(EVENTS, namespace))["items"]
    events.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
    found["events"] = [
        " ".join((each["type"], each["reason"], _text(each["message"])))
        for each in events
        if each["involvedObject"]["kind"] in ("Rollout", "AnalysisRun", "Experiment")
    ]
    return found


def _bare(value: Any) -> Any:
    match value:
        case dict():
            return {name: _bare(each) for name, each in value.items() if name not in _DROPPED}
        case list():
            return [_bare(each) for each in value]
        case str():
            return _text(value)
        case _:
            return value


def _text(text: str) -> str:
    return _UIDS.sub("UID", _TIMES.sub("TIME", text))
