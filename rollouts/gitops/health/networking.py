"""What traffic and requests pass through."""

from rollouts.api.meta import Object
from rollouts.gitops.health.model import Health, conditions, healthy, progressing


def service(obj: Object) -> Health:
    """A Service; one of type LoadBalancer waits for its address."""
    if (obj.get("spec") or {}).get("type") != "LoadBalancer" or _addresses(obj):
        return healthy()
    return progressing("the load balancer has no address yet")


def ingress(obj: Object) -> Health:
    """An Ingress waits for its address."""
    return healthy() if _addresses(obj) else progressing("no controller has given it an address yet")


def api_service(obj: Object) -> Health:
    """An APIService."""
    condition = conditions(obj.get("status") or {}).get("Available")
    if condition is None:
        return progressing("Waiting to be processed")
    message = f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return healthy(message) if condition.get("status") == "True" else progressing(message)


def _addresses(obj: Object) -> bool:
    return bool(((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress"))
