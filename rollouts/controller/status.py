"""The one write of status in a pass: the difference, and only onto the object that was seen."""

from rollouts.api.meta import Object, dump
from rollouts.api.rollout_status import RolloutStatus
from rollouts.kube.client import Client
from rollouts.kube.resources import ROLLOUTS, Resource

_WITH_SUBRESOURCE = frozenset({ROLLOUTS})
"""The kinds whose CRD declares a status subresource."""


def difference(before: Object, after: Object) -> Object:
    """The JSON merge patch (RFC 7396) that makes `after` out of `before`; empty when they are equal."""
    patch: Object = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := difference(old, value):
                patch[name] = inner
        elif value != old or name not in before:
            patch[name] = value
    return patch


def form(seen: Object, status: RolloutStatus) -> Object:
    """A rollout's status as upstream writes it: with both strategies' halves, `abort` as a client left it.

    Args:
        seen: the whole object as the decision saw it.
        status: the status to write.
    """
    body = dump(status)
    if status.current_pod_hash:
        body = {"blueGreen": {}, "canary": {}, **body}
    if (seen.get("status") or {}).get("abort") is False:
        body.setdefault("abort", False)
    return body


async def write_status(client: Client, resource: Resource, seen: Object, new_status: Object) -> bool:
    """Write a status if it differs from the one that was seen.

    Args:
        client: where to write.
        resource: the kind of the object.
        seen: the whole object as the decision saw it; its resourceVersion is the precondition.
        new_status: the whole status, as `dump` gives it.

    Returns:
        Whether anything was written.

    Raises:
        Conflict: the object has changed since; look again and decide anew.
        NotFound: the object is gone.
    """
    patch = difference(seen.get("status") or {}, new_status)
    if not patch:
        return False
    metadata = seen["metadata"]
    await client.patch(
        resource,
        metadata["name"],
        {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": patch},
        metadata.get("namespace", ""),
        subresource="status" if resource in _WITH_SUBRESOURCE else "",
    )
    return True
