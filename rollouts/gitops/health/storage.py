"""What keeps data."""

from rollouts.api.meta import Object
from rollouts.gitops.health.model import Health, degraded, healthy, progressing

_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"


def claim(obj: Object) -> Health:
    """A PersistentVolumeClaim; one that waits for its pod holds nothing up, for that may come later."""
    phase = (obj.get("status") or {}).get("phase", "")
    is_provisioned = _PROVISIONER in (obj["metadata"].get("annotations") or {})
    by_phase = {
        "Lost": degraded("the volume is lost"),
        "Pending": progressing("Provisioning volume") if is_provisioned else healthy("Waiting for consumer"),
        "Bound": healthy(),
    }
    return by_phase.get(phase, Health("Unknown"))
