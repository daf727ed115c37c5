"""Which pod template an older revision had. Pure."""

from collections.abc import Iterable
from copy import deepcopy

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import Object
from rollouts.client.errors import Refused
from rollouts.client.rollout_view import REVISION, RolloutView
from strategies.authored import authored

POD_HASH = "rollouts-pod-template-hash"


def is_baseline(replica_set: Object) -> bool:
    """Whether a ReplicaSet is no revision but fresh pods of one, to compare another with."""
    return BASELINE_OF in (replica_set["metadata"].get("annotations") or {})


def revision_of(replica_set: Object) -> int:
    """The revision that a ReplicaSet stands for; 0 when it says none."""
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION) or 0)


def find(rollout: RolloutView, replica_sets: Iterable[Object], revision: int = 0) -> Object:
    """Find the ReplicaSet of a revision; 0 means the one before the newest.

    Raises:
        Refused: there is none; the message lists what there is.
    """
    known = {revision_of(rs): rs for rs in replica_sets if revision_of(rs) and not is_baseline(rs)}
    wanted = revision or max((r for r in known if r < max(known)), default=0)
    if wanted not in known:
        there = ", ".join(str(r) for r in sorted(known)) or "none"
        asked = f"no revision {revision}" if revision else "no revision before the newest"
        raise Refused(f"rollout {rollout.name} has {asked}; it has: {there}")
    return known[wanted]


def template_of(replica_set: Object) -> Object:
    """The pod template as its author wrote it: without what the engine added to it."""
    annotations = replica_set["metadata"].get("annotations") or {}
    template: Object = deepcopy(authored(replica_set["spec"]["template"], annotations))
    metadata = template.get("metadata") or {}
    labels = metadata.get("labels") or {}
    labels.pop(POD_HASH, None)
    if not labels:
        metadata.pop("labels", None)
    metadata.pop("creationTimestamp", None)
    return template
