"""A pod's status, from what its containers do. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from rollouts.api.meta import Object, format_time
from rollouts.embedded.pods.runner import Address

_OURS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What one container does now."""

    name: str
    image: str
    state: Literal["waiting", "running", "terminated"] = "waiting"
    reason: str = "ContainerCreating"
    message: str = ""
    exit_code: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    ready: bool = False
    restarts: int = 0
    last: Object | None = None
    """How its previous run ended."""

    def terminated(self) -> Object:
        """The `terminated` state as the API spells it."""
        return {
            "exitCode": self.exit_code,
            "reason": self.reason,
            **({"message": self.message} if self.message else {}),
            **({"startedAt": format_time(self.started)} if self.started else {}),
            **({"finishedAt": format_time(self.finished)} if self.finished else {}),
        }


def met_gates(pod: Object) -> list[str]:
    """The readiness gates of a pod that hold by now."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    holds = {each["type"] for each in conditions if each["status"] == "True"}
    gates = (gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ())
    return [gate for gate in gates if gate in holds]


def pod_status(
    pod: Object,
    init: Sequence[ContainerState],
    main: Sequence[ContainerState],
    address: Address,
    now: datetime,
) -> dict[str, Any]:
    """The fields of the status that the kubelet writes."""
    seen = pod.get("status") or {}
    initialized = all(c.state == "terminated" and c.exit_code == 0 for c in init)
    containers_ready = bool(main) and all(c.ready for c in main)
    phase = _phase(pod["spec"].get("restartPolicy", "Always"), init, main)
    completed = phase in ("Succeeded", "Failed")
    holds = {
        "PodScheduled": True,
        "Initialized": initialized,
        "ContainersReady": containers_ready,
        "Ready": containers_ready and len(met_gates(pod)) == len(pod["spec"].get("readinessGates") or ()),
    }
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": _conditions(seen, holds, now, completed=completed),
        "hostIP": address.ip,
        "podIP": address.ip,
        "podIPs": [{"ip": address.ip}],
        "startTime": seen.get("startTime") or format_time(now),
        "containerStatuses": [_container(c) for c in main],
    }
    if init:
        status["initContainerStatuses"] = [_container(c) for c in init]
    return status


def _phase(policy: str, init: Iterable[ContainerState], main: Sequence[ContainerState]) -> str:
    if policy == "Never" and any(c.state == "terminated" and c.exit_code for c in init):
        return "Failed"
    if any(c.state == "waiting" and c.restarts == 0 for c in main):
        return "Pending"
    if policy == "Always" or any(c.state != "terminated" for c in main):
        return "Running"
    if all(c.exit_code == 0 for c in main):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _conditions(
    seen: Object, holds: Mapping[str, bool], now: datetime, *, completed: bool
) -> list[dict[str, Any]]:
    old = {c["type"]: c for c in seen.get("conditions") or ()}
    made = []
    for type_, value in holds.items():
        status = "True" if value else "False"
        entry = {"type": type_, "status": status, "lastTransitionTime": format_time(now)}
        if old.get(type_, {}).get("status") == status:
            entry["lastTransitionTime"] = old[type_]["lastTransitionTime"]
        if not value:
            entry["reason"] = "PodCompleted" if completed else _NOT_YET[type_]
        made.append(entry)
    # Readiness gates are somebody else's conditions: they stay as they are.
    return [*made, *(c for type_, c in old.items() if type_ not in _OURS)]


_NOT_YET = {
    "PodScheduled": "Unschedulable",
    "Initialized": "ContainersNotInitialized",
    "ContainersReady": "ContainersNotReady",
    "Ready": "ContainersNotReady",
}


def _container(c: ContainerState) -> dict[str, Any]:
    state: dict[str, Any]
    match c.state:
        case "waiting":
            state = {"waiting": {"reason": c.reason, **({"message": c.message} if c.message else {})}}
        case "running":
            state = {"running": {"startedAt": format_time(c.started)} if c.started else {}}
        case _:
            state = {"terminated": c.terminated()}
    return {
        "name": c.name,
        "image": c.image,
        "imageID": "",
        "ready": c.ready,
        "started": c.state == "running",
        "restartCount": c.restarts,
        "state": state,
        "lastState": {"terminated": c.last} if c.last else {},
    }
