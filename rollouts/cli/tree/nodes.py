"""The rollout's family as nodes: revisions, their ReplicaSets with pods, and their runs with metrics."""

from datetime import datetime

from rollouts.api.meta import Object, parse_time
from rollouts.cli.tree import icons
from rollouts.cli.tree.age import age, short
from rollouts.cli.tree.draw import Node
from rollouts.cli.tree.family import Family
from rollouts.client.revisions import revision_of

_DEADLINE = "scale-down-deadline"
_BROKEN = ("BackOff", "Error", "Err", "Invalid", "OOMKilled", "Evicted", "Failed")


def root(family: Family, now: datetime) -> Node:
    """The whole tree."""
    rollout = family.rollout
    return Node(
        name=f"⟳ {rollout.name}",
        kind="Rollout",
        status=icons.state(rollout.phase),
        age=age(rollout.raw, now),
        children=tuple(_revision(family, number, now) for number in family.revisions()),
    )


def _revision(family: Family, number: int, now: datetime) -> Node:
    sets = [rs for rs in family.replica_sets if revision_of(rs) == number]
    runs = [run for run in family.runs if family.revision_of_run(run) == number]
    return Node(
        name=f"# revision:{number}",
        children=(
            *(_replica_set(family, rs, now) for rs in (*sets, *family.compared_at(number))),
            *(run_node(run, now) for run in sorted(runs, key=_created)),
        ),
    )


def _created(item: Object) -> tuple[str, str]:
    return str(item["metadata"].get("creationTimestamp", "")), str(item["metadata"]["name"])


def _replica_set(family: Family, replica_set: Object, now: datetime) -> Node:
    desired = int(replica_set["spec"].get("replicas") or 0)
    available = int((replica_set.get("status") or {}).get("availableReplicas") or 0)
    current = int((replica_set.get("status") or {}).get("replicas") or 0)
    status = "Progressing"
    if desired == current == 0:
        status = "ScaledDown"
    elif available == desired == current:
        status = "Healthy"
    info = [*family.roles(replica_set)]
    deadline = (replica_set["metadata"].get("annotations") or {}).get(_DEADLINE)
    if deadline and desired:
        left = parse_time(deadline) - now
        info.append(f"delay:{short(left)}" if left.total_seconds() > 0 else "delay:passed")
    return Node(
        name=f"⧉ {replica_set['metadata']['name']}",
        kind="ReplicaSet",
        status=icons.state(status),
        age=age(replica_set, now),
        info=",".join(info),
        children=tuple(_pod(pod, now) for pod in sorted(family.pods_of(replica_set), key=_created)),
    )


def _pod(pod: Object, now: datetime) -> Node:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    ready = sum(bool(c.get("ready")) for c in containers)
    restarts = sum(int(c.get("restartCount") or 0) for c in containers)
    info = f"ready:{ready}/{len(pod['spec'].get('containers') or containers)}"
    word = _pod_state(pod)
    sign = icons.STATES.get(word, icons.GOING)
    if any(word.startswith(b) or word.endswith(b) for b in _BROKEN):
        sign = icons.BAD
    elif word == "Running" and ready < len(containers):
        sign = icons.GOING
    return Node(
        name=f"□ {pod['metadata']['name']}",
        kind="Pod",
        status=f"{sign} {word}",
        age=age(pod, now),
        info=info + (f",restarts:{restarts}" if restarts else ""),
    )


def _pod_state(pod: Object) -> str:
    """The phase, or what a container says more exactly, as `kubectl get pods` shows it."""
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            told = container.get("state") or {}
            waiting = (told.get("waiting") or {}).get("reason")
            ended = told.get("terminated") or {}
            if waiting and waiting != "PodInitializing":
                return str(waiting)
            if ended.get("exitCode"):
                return str(ended.get("reason") or "Error")
    return str(status.get("reason") or status.get("phase") or "Pending")


def run_node(run: Object, now: datetime) -> Node:
    """An AnalysisRun with a line for each metric."""
    results = (run.get("status") or {}).get("metricResults") or ()
    phase = _phase(run.get("status") or {})
    totals = {field: sum(int(r.get(field) or 0) for r in results) for field in _COUNTS}
    message = str((run.get("status") or {}).get("message", ""))
    return Node(
        name=f"{icons.ANALYSIS} {run['metadata']['name']}",
        kind="AnalysisRun",
        status=_run_state(phase),
        age=age(run, now),
        info=" ".join(part for part in (_counts(totals), message) if part),
        children=tuple(_metric(result) for result in results),
    )


def _metric(result: Object) -> Node:
    measurements = result.get("measurements") or ()
    value = str(measurements[-1].get("value", "")) if measurements else ""
    last = f"last:{value}" if value else ""
    dry = "dry-run" if result.get("dryRun") else ""
    parts = (_counts(result), last, dry, str(result.get("message", "")))
    return Node(
        name=str(result.get("name", "")),
        kind="Metric",
        status=_run_state(_phase(result)),
        info=" ".join(part for part in parts if part),
    )


_COUNTS = {
    "successful": icons.GOOD,
    "failed": icons.BAD,
    "inconclusive": icons.UNSURE,
    "error": icons.WARNING,
}


def _counts(result: Object) -> str:
    return ",".join(f"{sign} {result[field]}" for field, sign in _COUNTS.items() if result.get(field))


def _phase(status: Object) -> str:
    return str(status.get("phase") or "Pending")


def _run_state(phase: str) -> str:
    """A run that is Running is on its way, unlike a pod."""
    return f"{icons.GOING} {phase}" if phase == "Running" else icons.state(phase)
