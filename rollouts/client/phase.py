"""The phase of a rollout as a user should read it.

`status.phase` is what the controller last wrote. Between a change and the controller's next pass it is out
of date, and a script that reads "Healthy" right after setting an image would be misled. The overlay is the
rule of upstream's GetRolloutPhase, and one of our own for a retry.
"""

from typing import NamedTuple

from rollouts.api.meta import Object

HEALTHY, PROGRESSING, PAUSED, DEGRADED = "Healthy", "Progressing", "Paused", "Degraded"


class Phase(NamedTuple):
    """A phase and what the rollout waits for, or what is wrong."""

    name: str
    message: str = ""


def phase(rollout: Object) -> Phase:
    """Read the phase of a Rollout object, never older than its spec."""
    status = rollout.get("status") or {}
    if not is_observed(rollout):
        return Phase(PROGRESSING, "waiting for rollout spec update to be observed")
    if status.get("controllerPause") and not status.get("pauseConditions"):
        return Phase(PROGRESSING, "waiting for rollout to unpause")
    written = Phase(status.get("phase") or PROGRESSING, status.get("message") or "")
    if written.name == DEGRADED and written.message.startswith("RolloutAborted") and not status.get("abort"):
        return Phase(PROGRESSING, "waiting for the retry to be observed")
    return written


def is_observed(rollout: Object) -> bool:
    """Tell whether the status was written for the spec as it is now."""
    observed = str((rollout.get("status") or {}).get("observedGeneration") or "")
    if not observed.isdigit():
        # Old controllers wrote a hash here; a status with none at all was not written yet.
        return bool(observed)
    return int(observed) == int(rollout["metadata"].get("generation") or 0)
