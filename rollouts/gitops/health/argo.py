"""The kinds of argoproj.io."""

from typing import cast

from rollouts.api.meta import Object
from rollouts.gitops.health.model import Health, Status, degraded, healthy, progressing, suspended

_KNOWN = ("Healthy", "Progressing", "Degraded", "Unknown", "Suspended", "Missing")
_FAILED = ("RolloutAborted", "ProgressDeadlineExceeded")
_WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


def rollout(obj: Object) -> Health:
    """A Rollout: its own phase, once it is of this spec; without a phase, what conditions and pauses say."""
    spec, status = obj.get("spec") or {}, obj.get("status")
    if status is None or not (_observed(obj, status) and _workload_observed(obj, status)):
        return progressing("Waiting for rollout spec update to be observed")
    phase, message = status.get("phase", ""), str(status.get("message") or "")
    if phase == "Paused":
        return suspended(message)
    if phase in _KNOWN:
        return Health(cast("Status", phase), message)
    if phase:
        return Health("Unknown", f"status.phase is {phase}, which is none of a Rollout")
    return _failure(status) or _pause(spec, status) or _progress(spec, status) or healthy()


def _observed(obj: Object, status: Object) -> bool:
    """Whether the status is of this spec; a controller before v0.10 wrote a hash, which tells nothing."""
    seen, generation = _number(status.get("observedGeneration")), int(obj["metadata"].get("generation") or 0)
    return seen is None or seen >= generation


def _workload_observed(obj: Object, status: Object) -> bool:
    """Whether the status is of the workload that the Rollout refers to; before v1.1 nobody said which."""
    annotations = obj["metadata"].get("annotations")
    if "workloadRef" not in (obj.get("spec") or {}) or annotations is None:
        return True
    return _number(annotations.get(_WORKLOAD_GENERATION)) == _number(status.get("workloadObservedGeneration"))


def _number(text: object) -> int | None:
    """A generation, which the status holds as text."""
    return int(str(text)) if str(text).isdecimal() else None


def _failure(status: Object) -> Health | None:
    for condition in status.get("conditions") or ():
        is_progressing = condition.get("type") == "Progressing"
        if condition.get("type") == "InvalidSpec" or (is_progressing and condition.get("reason") in _FAILED):
            return degraded(str(condition.get("message") or ""))
    return None


def _pause(spec: Object, status: Object) -> Health | None:
    is_paused = status.get("pauseConditions") or spec.get("paused")
    return suspended("Rollout is paused") if is_paused else None


def _progress(spec: Object, status: Object) -> Health | None:
    """What is not done yet, as Argo CD told it before a Rollout had a phase."""
    current, strategy = status.get("currentPodHash"), spec.get("strategy") or {}
    updated, wanted = status.get("updatedReplicas") or 0, spec.get("replicas", 1)
    if current is None:
        return progressing("Waiting for rollout to finish: status has not been reconciled.")
    if updated < wanted:
        return progressing("Waiting for roll out to finish: More replicas need to be updated")
    if (status.get("availableReplicas") or 0) < updated:
        return progressing("Waiting for roll out to finish: updated replicas are still becoming available")
    # Before v0.8 the stable version of a canary stood in status.canary, and a blue/green had none.
    canary = status.get("canary", {"stableRS": ""})
    stable = status.get("stableRS", (canary or {}).get("stableRS"))
    if "blueGreen" in strategy:
        if (status.get("blueGreen") or {}).get("activeSelector") != current:
            return progressing("active service cutover pending")
        return progressing("waiting for analysis to complete") if stable not in ("", current) else None
    if "canary" in strategy:
        if (status.get("replicas") or 0) > updated:
            return progressing("Waiting for roll out to finish: old replicas are pending termination")
        return progressing("Waiting for rollout to finish steps") if stable != current else None
    return None


def analysis_run(obj: Object) -> Health:
    """An AnalysisRun; once it ended, by its own message."""
    status = obj.get("status") or {}
    by_phase = {
        "Pending": progressing("Analysis run is running"),
        "Running": progressing("Analysis run is running"),
        "Successful": healthy(status.get("message", "Analysis run completed successfully")),
        "Failed": degraded(status.get("message", "Analysis run failed")),
        "Error": degraded(status.get("message", "Analysis run had an error")),
        "Inconclusive": Health("Unknown", status.get("message", "Analysis run was inconclusive")),
    }
    waiting = "Waiting for analysis run to finish: status has not been reconciled."
    return by_phase.get(status.get("phase", ""), progressing(waiting))


def experiment(obj: Object) -> Health:
    """An Experiment."""
    by_phase = {
        "Pending": progressing("Experiment is pending"),
        "Running": progressing("Experiment is running"),
        "Successful": healthy("Experiment is successful"),
        "Failed": degraded("Experiment has failed"),
        "Error": degraded("Experiment had an error"),
    }
    waiting = "Waiting for experiment to finish: status has not been reconciled."
    return by_phase.get((obj.get("status") or {}).get("phase", ""), progressing(waiting))


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
