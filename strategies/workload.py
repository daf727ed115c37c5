"""What is told of the workload that holds the template, and done with its own pods."""

from strategies import replicas, revisions
from strategies.model import Action, NoteWorkload, Observed, ScaleWorkload
from strategies.revisions import Roles

GENERATION = "rollout.argoproj.io/workload-generation"


def kept(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Note the generation that is followed, so that clients know whether status is about the latest."""
    wanted = str(seen.workload.generation) if seen.workload is not None else None
    noted = seen.rollout.metadata.annotations.get(GENERATION)
    note = (NoteWorkload(generation=wanted),) if noted != wanted else ()
    return (*note, *_scaled(seen, roles))


def _scaled(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Take the Deployment's own pods away, as `scaleDown` says, while the first version takes over."""
    ref, workload = seen.rollout.spec.workload_ref, seen.workload
    if ref is None or workload is None or workload.kind != "Deployment" or revisions.number(roles) != 1:
        return ()
    status, count = seen.rollout.status, workload.replicas
    if ref.scale_down in ("onsuccess", "progressively") and status.phase == "Healthy":
        count = 0
    elif ref.scale_down == "progressively":
        count = max(0, replicas.wanted(seen.rollout) - sum(each.ready for each in roles.all))
    return (ScaleWorkload(name=workload.name, replicas=count),) if count != workload.replicas else ()
