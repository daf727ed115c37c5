"""From the store to one frozen look at a rollout. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

from rollouts.api.baseline import service_name
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object, parse_time
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Destination, Weights
from rollouts.controller import references, routes
from rollouts.controller.labels import (
    DESIRED_REPLICAS,
    MANAGED_BY,
    POD_HASH,
    REVISION,
    ROLLOUT_TYPE,
    SCALE_DOWN_DEADLINE,
    STEP_INDEX,
)
from rollouts.kube.resources import ANALYSIS_RUNS, PODS, REPLICA_SETS, SERVICES
from rollouts.kube.store import Store
from rollouts.routers import Router
from strategies.authored import authored
from strategies.model import AnalysisRun, Milestone, Observed, Pod, ReplicaSet, RunType, Service, Workload
from strategies.revisions import current_hash

_RUN_TYPES: Mapping[str, RunType] = {name: name for name in get_args(RunType)}


def observe(
    store: Store,
    rollout: Rollout,
    now: datetime,
    problems: tuple[str, ...] = (),
    workload: Workload | None = None,
) -> Observed:
    """Collect what a decision about `rollout` needs.

    Args:
        store: what the cluster holds.
        rollout: the rollout, parsed.
        now: decides which ready pods have been so for minReadySeconds.
        problems: what is wrong with the rollout, and with what it refers to.
        workload: whose template the rollout was given.

    Raises:
        InvalidSpec: a router cannot make sense of the rollout.
    """
    uid = rollout.metadata.uid
    owned = [obj for obj in store.owned(REPLICA_SETS, uid) if _controlled_by(obj, uid)]
    replica_sets = tuple(_replica_set(obj) for obj in owned)
    return Observed(
        rollout=rollout,
        pod_hash=current_hash(
            rollout.spec.template,
            rollout.status.collision_count,
            replica_sets,
            recorded=rollout.status.current_pod_hash,
        ),
        replica_sets=replica_sets,
        pods=tuple(_pods(store, owned, rollout.spec.min_ready_seconds, now)),
        services=_services(store, rollout),
        runs=tuple(
            run
            for obj in store.owned(ANALYSIS_RUNS, uid)
            if _controlled_by(obj, uid) and (run := _run(obj)) is not None
        ),
        weights=_weights(store, rollout),
        workload=workload,
        problems=problems,
    )


def _replica_set(obj: Object) -> ReplicaSet:
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    status = obj.get("status") or {}
    template = obj["spec"].get("template") or {}
    return ReplicaSet(
        name=metadata["name"],
        uid=metadata["uid"],
        pod_hash=(metadata.get("labels") or {}).get(POD_HASH, ""),
        revision=_whole(annotations.get(REVISION)) or 0,
        template=authored(template, annotations),
        created=parse_time(metadata["creationTimestamp"]),
        desired=obj["spec"].get("replicas", 1),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        desired_annotation=_whole(annotations.get(DESIRED_REPLICAS)),
        scale_down_deadline=_time(annotations.get(SCALE_DOWN_DEADLINE)),
        failure=_failure(status),
        min_ready_seconds=obj["spec"].get("minReadySeconds", 0),
        affinity=(template.get("spec") or {}).get("affinity") or {},
        annotations=annotations,
    )


def _failure(status: Object) -> str:
    for condition in status.get("conditions") or ():
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition.get("message") or condition.get("reason") or "pods cannot be made")
    return ""


def _pods(store: Store, owners: Iterable[Object], min_ready: int, now: datetime) -> Iterable[Pod]:
    for owner in owners:
        pod_hash = (owner["metadata"].get("labels") or {}).get(POD_HASH, "")
        for obj in store.owned(PODS, owner["metadata"]["uid"]):
            metadata, ready = obj["metadata"], _ready(obj)
            yield Pod(
                name=metadata["name"],
                pod_hash=pod_hash,
                created=parse_time(metadata["creationTimestamp"]),
                available=ready is not None and _lasts(ready, min_ready, now),
                ready=ready is not None,
                deleting="deletionTimestamp" in metadata,
            )


def kept_of_pod(pod: Object) -> Object:
    """What is read here of a pod, a tenth of the whole: there are many of them."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    ready = [each for each in status.get("conditions") or () if each["type"] == "Ready"]
    return {
        "metadata": {name: metadata[name] for name in _READ_OF_METADATA if name in metadata},
        "status": {"conditions": ready},
    }


_READ_OF_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "ownerReferences",
)


def _ready(pod: Object) -> Object | None:
    """The condition that says so, if it does."""
    conditions: Iterable[Object] = (pod.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == "Ready" and each["status"] == "True"), None)


def _lasts(condition: Object, seconds: int, now: datetime) -> bool:
    since = _time(condition.get("lastTransitionTime"))
    return seconds == 0 or (since is not None and since + timedelta(seconds=seconds) <= now)


def _services(store: Store, rollout: Rollout) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for name in (*references.service_names(rollout), service_name(rollout.metadata.name)):
        obj = store.get(SERVICES, name, rollout.metadata.namespace)
        if obj is not None:
            found[name] = Service(
                name=name,
                pod_hash=(obj["spec"].get("selector") or {}).get(POD_HASH, ""),
                managed_by=(obj["metadata"].get("annotations") or {}).get(MANAGED_BY, ""),
                owned=_controlled_by(obj, rollout.metadata.uid),
            )
    return found


def _run(obj: Object) -> AnalysisRun | None:
    """None for a run that no step of the rollout asked for, such as one of an experiment."""
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    run_type = _RUN_TYPES.get(labels.get(ROLLOUT_TYPE, ""))
    if run_type is None:
        return None
    status = obj.get("status") or {}
    return AnalysisRun(
        name=metadata["name"],
        type=run_type,
        pod_hash=labels.get(POD_HASH, ""),
        revision=_whole((metadata.get("annotations") or {}).get(REVISION)) or 0,
        step_index=_whole(labels.get(STEP_INDEX)),
        phase=status.get("phase", ""),
        message=status.get("message", ""),
        terminated=bool((obj.get("spec") or {}).get("terminate")),
        cut_short=bool(status.get("terminated")),
        proven=bool(status.get("proven")),
        started=_time(status.get("startedAt")),
        awaits=_awaits(obj.get("spec") or {}),
        baseline=((obj.get("spec") or {}).get("baseline") or {}).get("podTemplateHash", ""),
        created=parse_time(metadata["creationTimestamp"]),
    )


def _awaits(spec: Object) -> frozenset[Milestone]:
    """What the metrics of a run wait for, as far as nobody has told them yet."""
    told = spec.get("milestones") or {}
    asked = (
        metric.get("startOn") or ("firstTraffic" if "sequential" in (metric.get("judge") or {}) else "")
        for metric in spec.get("metrics") or ()
    )
    wanted = frozenset(asked)
    return frozenset(each for each in _MILESTONES if each in wanted and not told.get(each))


_MILESTONES: tuple[Milestone, ...] = get_args(Milestone)


def _weights(store: Store, rollout: Rollout) -> Weights | None:
    """The highest split of all routers: pods are kept for as long as any of them sends traffic.

    Where they differ, none of it is verified, so that it is written again.
    """
    split = [_carried(store, rollout, router) for router in routes.of(rollout)]
    known = [each for each in split if each is not None]
    if not known or len(known) < len(split):
        return None
    highest = max(known, key=lambda each: each.canary / each.total)
    further = sorted({each.service for weights in known for each in weights.additional})
    highest = replace(
        highest,
        additional=tuple(
            Destination(service=name, weight=max(weights.share_of(name) for weights in known))
            for name in further
        ),
    )
    verdicts = {each.verified for each in known}
    if False in verdicts or any(replace(each, verified=highest.verified) != highest for each in known):
        return replace(highest, verified=False)
    return replace(highest, verified=None if None in verdicts else True)


def _carried(store: Store, rollout: Rollout, router: Router) -> Weights | None:
    """The split that one router carries, not verified where its objects have drifted.

    A canary Ingress follows new rules of the stable one, and what somebody changed by hand is put right.
    """
    objects = routes.objects(store, rollout, router)
    carried = router.read(rollout, objects)
    if carried is None:
        return None
    try:
        drifted = router.render(rollout, objects, carried)
    except InvalidSpec:  # told as a problem of the reference
        return carried
    return replace(carried, verified=False) if drifted else carried


def _controlled_by(obj: Object, uid: str) -> bool:
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == uid and owner.get("controller") for owner in owners)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _time(text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError:  # an annotation that somebody wrote by hand
        return None
