"""The end of an Application: what it manages goes first, if its finalizer says so."""

from datetime import timedelta

from rollouts.api.meta import Object
from rollouts.controller.application_observe import status_of
from rollouts.gitops.cluster import Cluster
from rollouts.gitops.options import Propagation, live_options
from rollouts.gitops.plan import Resource, prune_order
from rollouts.gitops.tracking import Ref, tracks
from rollouts.kube.client import Client
from rollouts.kube.resources import APPLICATIONS

FINALIZER = "resources-finalizer.argocd.argoproj.io"
BACKGROUND = f"{FINALIZER}/background"
_AGAIN = timedelta(seconds=1)


async def delete(client: Client, cluster: Cluster, raw: Object, name: str) -> timedelta | None:
    """Delete the managed objects, the last wave first, and then let the Application go.

    Args:
        client: writes the Application.
        cluster: where the objects are.
        raw: the Application, with a deletionTimestamp.
        name: its name as tracking annotations have it.

    Returns:
        When to look again; None when nothing is left to do.
    """
    finalizers: list[str] = raw["metadata"].get("finalizers") or []
    mine = [finalizer for finalizer in finalizers if finalizer.startswith(FINALIZER)]
    if not mine:
        return None
    left = await _left(cluster, raw, name)
    propagation: Propagation = "Background" if BACKGROUND in mine else "Foreground"
    if left:
        last = prune_order(left)[0].wave
        for resource in prune_order(left):
            if resource.live is None or resource.wave != last:
                continue
            if not resource.live["metadata"].get("deletionTimestamp"):
                await cluster.delete(resource.live, propagation)
        return _AGAIN
    metadata = raw["metadata"]
    await client.patch(
        APPLICATIONS,
        metadata["name"],
        {
            "metadata": {
                "resourceVersion": metadata["resourceVersion"],
                "finalizers": [finalizer for finalizer in finalizers if finalizer not in mine],
            }
        },
        metadata.get("namespace", ""),
    )
    return None


async def _left(cluster: Cluster, raw: Object, name: str) -> list[Resource]:
    """What is still there of what the Application manages; an object that says Delete=false stays."""
    found = []
    for entry in status_of(raw).resources:
        ref = Ref(entry.group, entry.kind, entry.namespace, entry.name)
        version = f"{entry.group}/{entry.version}" if entry.group else entry.version
        live = await cluster.read(version, ref, fresh=True)
        if live is not None and tracks(name, live) and live_options(live).delete:
            found.append(Resource(ref=ref, target=None, live=live, wave=entry.sync_wave))
    return found
