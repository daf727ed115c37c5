"""Events, for what an object's author should know. Pure."""

import hashlib
from datetime import datetime

from rollouts.api.meta import Object, format_time
from rollouts.kube.resources import Resource


def warning(
    item: Object, resource: Resource, *, reason: str, message: str, component: str, now: datetime
) -> Object:
    """A Warning about an object; the same warning at the same second has the same name."""
    at = format_time(now)
    metadata = item["metadata"]
    digest = hashlib.sha256(f"{metadata['uid']}{reason}{message}{at}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
