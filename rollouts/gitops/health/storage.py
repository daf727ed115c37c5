"""What keeps data."""

from rollouts.api.meta import Object
from rollouts.gitops.health.model import Health, degraded, healthy, progressing


def claim(obj: Object) -> Health:
    """A PersistentVolumeClaim."""
    phase = (obj.get("status") or {}).get("phase", "")
    by_phase = {
        "Lost": degraded("the volume is lost"),
        "Pending": progressing("waiting for a volume"),
        "Bound": healthy(),
    }
    return by_phase.get(phase, Health("Unknown"))
