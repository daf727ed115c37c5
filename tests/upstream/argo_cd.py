"""What a user of Argo CD sees of an object, and what its buttons change in it.

Facts of the resource customizations that Argo CD ships for argoproj.io: when an action is offered, what it
changes, and that the difference is sent as a merge patch, to the status first and then to the rest.
"""

import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rollouts.api.meta import Object
from rollouts.gitops.health import health
from rollouts.kube.client import Client
from rollouts.kube.resources import ANALYSIS_RUNS, ROLLOUTS, Resource

_BY_KIND = {"Rollout": ROLLOUTS, "AnalysisRun": ANALYSIS_RUNS}


async def press(kube: Client, obj: Object, action: str) -> None:
    """Run an action, which must be offered, on an object as it is now."""
    resource: Resource = _BY_KIND[obj["kind"]]
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    live = await kube.get(resource, name, namespace)
    assert action in offered(live), f"{action} is not offered, but {offered(live)}"
    wanted = copy.deepcopy(live)
    _ACTIONS[action](wanted)
    patch = _difference(live, wanted)
    if "status" in patch:
        await kube.patch(resource, name, patch, namespace, subresource="status")
        patch.pop("status")
    if patch:
        await kube.patch(resource, name, patch, namespace)


def seen(obj: Object) -> tuple[str, str]:
    """How Argo CD says that an object is doing, and why."""
    found = health(obj)
    assert found is not None
    return found.status, found.message


def offered(obj: Object) -> set[str]:
    """The actions that are not greyed out."""
    return _of_a_run(obj) if obj["kind"] == "AnalysisRun" else _of_a_rollout(obj)


def _of_a_run(run: Object) -> set[str]:
    has_ended = (run.get("status") or {}).get("phase") in ("Successful", "Failed", "Error", "Inconclusive")
    return set() if run["spec"].get("terminate") or has_ended else {"terminate"}


def _of_a_rollout(rollout: Object) -> set[str]:
    spec, status = rollout["spec"], rollout.get("status") or {}
    is_promoted = status.get("currentPodHash") == status.get("stableRS")
    is_aborted, pauses = bool(status.get("abort")), status.get("pauseConditions")
    steps = (spec["strategy"].get("canary") or {}).get("steps")
    is_offered = {
        "restart": True,
        "resume": bool(spec.get("paused") if pauses is None else pauses),
        "abort": not is_promoted and not is_aborted,
        "retry": not is_promoted and is_aborted,
        "promote-full": not is_promoted,
        "pause": not is_promoted and not is_aborted and spec.get("paused") is not True,
        "skip-current-step": steps is not None and status.get("currentStepIndex") != len(steps),
    }
    return {action for action, is_so in is_offered.items() if is_so}


def _resume(rollout: Object) -> None:
    if rollout["status"].get("pauseConditions"):
        del rollout["status"]["pauseConditions"]
    if rollout["spec"].get("paused"):
        rollout["spec"]["paused"] = False


def _retry(rollout: Object) -> None:
    status = rollout["status"]
    status.pop("abort")
    for strategy, fields in (
        ("blueGreen", ("prePromotionAnalysisRunStatus", "postPromotionAnalysisRunStatus")),
        ("canary", ("currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus")),
    ):
        for name in fields:
            status.get(strategy, {}).pop(name, None)


def _skip(rollout: Object) -> None:
    status = rollout["status"]
    if status["currentStepIndex"] < len(rollout["spec"]["strategy"]["canary"]["steps"]):
        if status.get("pauseConditions"):
            del status["pauseConditions"]
        status["currentStepIndex"] += 1


def _restart(rollout: Object) -> None:
    rollout["spec"]["restartAt"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_ACTIONS: Mapping[str, Callable[[Object], None]] = {
    "abort": lambda rollout: rollout["status"].update(abort=True),
    "pause": lambda rollout: rollout["spec"].update(paused=True),
    "promote-full": lambda rollout: rollout["status"].update(promoteFull=True),
    "restart": _restart,
    "resume": _resume,
    "retry": _retry,
    "skip-current-step": _skip,
    "terminate": lambda run: run["spec"].update(terminate=True),
}


def _difference(old: Object, new: Object) -> Object:
    """The merge patch that makes one of the other."""
    found: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := _difference(before, value):
                found[name] = inner
        elif value != before or name not in old:
            found[name] = value
    return found
