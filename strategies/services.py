"""Which pods each Service should select now."""

from strategies import position, replicas
from strategies.model import Observed, ReplicaSet, SwitchService
from strategies.revisions import Roles


def plan_canary(seen: Observed, roles: Roles) -> tuple[SwitchService, ...]:
    """Stable service to the stable pods, canary service to the new ones once there are any that serve."""
    strategy = position.canary(seen.rollout)
    stable = switch(seen, strategy.stable_service, roles.stable)
    return (*stable, *switch(seen, strategy.canary_service, _canary_target(seen, roles)))


def _canary_target(seen: Observed, roles: Roles) -> ReplicaSet | None:
    carries = seen.canary_weight > 0
    if roles.promoted and carries:
        return None  # on the way back to stable the superseded pods still carry a share
    if seen.rollout.status.abort:
        return None if carries else roles.stable
    if roles.promoted:
        return roles.new
    if roles.stable is None:
        return None if carries and not _takes_over(seen, roles) else roles.new
    if carries and (roles.new is None or not _selected(seen, roles.new)):
        return None  # a superseded version still carries traffic: the weight goes first
    serves = roles.new is not None and (roles.new.available > 0 or replicas.wanted(seen.rollout) == 0)
    if serves or (roles.new is not None and _selected(seen, roles.new)):
        return roles.new
    # What the service selects was superseded, and must not stay for a new version that never starts.
    return roles.stable


def _takes_over(seen: Observed, roles: Roles) -> bool:
    """Whether the new version can serve the share that has no stable version to go back to.

    It moves all at once, so it stays with what serves it until the pods for all of it are there.
    """
    if not any(_selected(seen, each) and each.available > 0 for each in roles.all):
        return True
    return roles.new is not None and roles.new.available >= replicas.carrying(seen)


def _selected(seen: Observed, target: ReplicaSet) -> bool:
    service = seen.services.get(position.canary(seen.rollout).canary_service)
    return service is not None and service.pod_hash == target.pod_hash


def switch(
    seen: Observed, name: str, target: ReplicaSet | None, *, all_pods: int | None = None
) -> tuple[SwitchService, ...]:
    """Point a service at a ReplicaSet, if it is not there yet and the pods can take over.

    A service that selects every version so far loses none of them by surprise: it waits until `all_pods` of
    the target are available, by default as many as it is sized for. One that selects a single version already
    waits for the first of them.
    """
    service = seen.services.get(name)
    if service is None or target is None:
        return ()
    name_of_rollout = seen.rollout.metadata.name
    if service.pod_hash == target.pod_hash and service.managed_by == name_of_rollout:
        return ()
    total = replicas.wanted(seen.rollout)
    adopted = bool(service.pod_hash) and service.managed_by == name_of_rollout
    needed = min(1, total) if adopted else min(total, target.desired if all_pods is None else all_pods)
    if target.available < needed or (total > 0 and target.available == 0):
        return ()
    return (SwitchService(name=name, pod_hash=target.pod_hash),)
