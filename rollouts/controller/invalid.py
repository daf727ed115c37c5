"""The status of a rollout that cannot be acted on as it is."""

from datetime import datetime

from rollouts.api.meta import Object, format_time

REASON = "InvalidSpec"


def refused(obj: Object, message: str, now: datetime) -> Object:
    """The object's status with the condition InvalidSpec and phase Degraded; the same when nothing is new.

    Works on plain dicts, because the object may be one that no model takes.
    """
    status: Object = dict(obj.get("status") or {})
    conditions = [each for each in status.get("conditions") or () if each.get("type") != REASON]
    before = next((each for each in status.get("conditions") or () if each.get("type") == REASON), None)
    if before is None or before.get("status") != "True" or before.get("message") != message:
        at = format_time(now)
        since = before["lastTransitionTime"] if before and before.get("status") == "True" else at
        before = {
            "type": REASON,
            "status": "True",
            "reason": REASON,
            "message": message,
            "lastUpdateTime": at,
            "lastTransitionTime": since,
        }
    status["conditions"] = [*conditions, before]
    status["phase"] = "Degraded"
    status["message"] = f"{REASON}: {message}"
    if "generation" in obj["metadata"]:
        status["observedGeneration"] = str(obj["metadata"]["generation"])
    return status
