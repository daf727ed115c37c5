"""What a controller reads off a pod. Pure."""

from datetime import datetime, timedelta

from rollouts.api.meta import Object, parse_time


def is_active(pod: Object) -> bool:
    """Whether the pod counts as a replica: neither ended nor on its way out."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]


def condition(item: Object, type_: str) -> Object:
    """A condition of the status; empty where it is not set."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == type_), {})


def is_ready(pod: Object) -> bool:
    """Whether the Ready condition holds."""
    return condition(pod, "Ready").get("status") == "True"


def ready_since(pod: Object) -> datetime | None:
    """When the pod became ready; None while it is not."""
    ready = condition(pod, "Ready")
    if ready.get("status") != "True":
        return None
    return parse_time(ready["lastTransitionTime"])


def available_in(pod: Object, min_ready: timedelta, now: datetime) -> timedelta | None:
    """How long until the pod is available: zero when it is; None while it is not ready."""
    since = ready_since(pod)
    if since is None:
        return None
    return max(timedelta(), since + min_ready - now)


def restarts(pod: Object) -> int:
    """How often its containers were started again."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(status.get("restartCount", 0) for status in statuses)
