"""Baseline pods: the stable version in fresh pods beside the canary, for analyses to compare it with.

A step's baseline comes with the steps that bring the canary to it (the setWeight and setCanaryScale directly
before the analysis) and goes with the step; that of the background analysis goes with the last step. Steps in
a row that ask for one share it. Nothing of it is remembered: what there should be follows from the step, and
what there is bears a mark.

Its share of the traffic is the canary's or none, and comes out of stable's, which keeps the pods for it: the
share can be given back at any moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rollouts.api.analysis import RunBaseline
from rollouts.api.baseline import service_name
from rollouts.api.canary import AnalysisBaseline
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Destination
from strategies import position, replicas
from strategies.model import (
    Action,
    CreateBaseline,
    CreateService,
    DeleteReplicaSet,
    DeleteService,
    Observed,
    ReplicaSet,
    ScaleReplicaSet,
)
from strategies.revisions import Roles
from strategies.templates import fnv32a, safe_encode

_LEADING = frozenset({"setWeight", "setCanaryScale"})
"""Steps that bring the canary to the analysis that follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The baseline that there should be now, and how far it is."""

    name: str
    """Of its ReplicaSet."""
    pod_hash: str
    service: str
    count: int
    """Pods."""
    copies: ReplicaSet
    """The stable ReplicaSet."""
    replica_set: ReplicaSet | None
    selected: bool
    """Whether its Service leads to its pods."""

    @property
    def alive(self) -> bool:
        """Whether a pod of it takes what its Service is sent; or it is to have none: scaled to nothing."""
        pods = self.replica_set
        return self.selected and pods is not None and (pods.available > 0 or self.count == 0)

    @property
    def run(self) -> RunBaseline:
        """What a run is told of it."""
        return RunBaseline(service=self.service, pod_template_hash=self.pod_hash)


def asked(rollout: Rollout) -> tuple[AnalysisBaseline, ...]:
    """What the analyses of the moment ask for; nothing where no second share like the canary's fits."""
    strategy, status, at = position.canary(rollout), rollout.status, position.current(rollout)
    if at is None or strategy.traffic_routing is None or status.abort or status.promote_full:
        return ()
    asks = tuple(_asked(rollout, at[0]))
    if asks and 2 * position.weight(rollout) > position.total_weight(rollout):
        return ()
    return asks


def _asked(rollout: Rollout, index: int) -> Iterator[AnalysisBaseline]:
    strategy = position.canary(rollout)
    background = strategy.analysis
    if background is not None and background.baseline is not None:
        start = background.starting_step or 0
        if index >= start or _leads(rollout, index, start):
            yield background.baseline
    step = next((each for each in strategy.steps[index:] if position.kind(each) not in _LEADING), None)
    if step is not None and step.analysis is not None and step.analysis.baseline is not None:
        yield step.analysis.baseline


def _leads(rollout: Rollout, index: int, end: int) -> bool:
    return all(position.kind(each) in _LEADING for each in position.canary(rollout).steps[index:end])


def wanted(seen: Observed, roles: Roles) -> Baseline | None:
    """The baseline that there should be now; None if none."""
    new, stable = roles.new, roles.stable
    if new is None or stable is None or roles.promoted:
        return None
    asks = asked(seen.rollout)
    if not asks:
        return None
    name, service = seen.rollout.metadata.name, service_name(seen.rollout.metadata.name)
    pod_hash = safe_encode(str(fnv32a(f"{stable.pod_hash}-{new.pod_hash}-baseline".encode())))
    found = seen.services.get(service)
    canary = replicas.routed(seen)[0]
    most = max(canary if each.replicas is None else each.replicas for each in asks)
    return Baseline(
        name=f"{name}-{pod_hash}",
        pod_hash=pod_hash,
        service=service,
        count=most if replicas.wanted(seen.rollout) else 0,
        copies=stable,
        replica_set=next((each for each in roles.baselines if each.pod_hash == pod_hash), None),
        selected=found is not None and found.owned and found.pod_hash == pod_hash,
    )


def ready(seen: Observed, roles: Roles) -> bool:
    """Whether a baseline that is wanted has its pods, and its Service leads to them."""
    base = wanted(seen, roles)
    if base is None:
        return True
    pods = base.replica_set
    if pods is None or not base.selected:
        return False
    return pods.desired >= base.count and pods.available >= replicas.enough(seen.rollout, base.count)


def carried(seen: Observed, roles: Roles) -> bool:
    """Whether the routers give the baseline what they give the canary, or nothing where none is wanted."""
    if seen.weights is None:
        return wanted(seen, roles) is None
    base = wanted(seen, roles)
    if base is None:
        return not seen.weights.additional
    return ready(seen, roles) and seen.weights.share_of(base.service) == seen.weights.canary


def comparable(seen: Observed, roles: Roles) -> RunBaseline | None:
    """The baseline that a run can be started with now; None until it serves beside the canary."""
    base = wanted(seen, roles)
    if base is None or seen.weights is None or seen.weights.verified is False:
        return None
    return base.run if carried(seen, roles) else None


def destinations(seen: Observed, roles: Roles, canary: int, *, halted: bool) -> tuple[Destination, ...]:
    """The baseline's share beside `canary`, the canary's to be; none without pods that can take it."""
    if seen.weights is None:
        return ()
    base, total = wanted(seen, roles), position.total_weight(seen.rollout)
    service = service_name(seen.rollout.metadata.name)
    before = seen.weights.share_of(service)
    share = canary if base is not None and base.alive and 2 * canary <= total else 0
    if not before and (halted or not ready(seen, roles)):
        share = 0
    if not share and not _stable_serves(seen, roles) and _serves(seen, roles, service):
        share = min(before, total - canary)  # there is nobody to give it back to
    return (Destination(service=service, weight=share),) if share else ()


def _stable_serves(seen: Observed, roles: Roles) -> bool:
    if replicas.wanted(seen.rollout) == 0:
        return True
    return roles.stable is not None and roles.stable.available > 0


def _serves(seen: Observed, roles: Roles, service: str) -> bool:
    found = seen.services.get(service)
    return found is not None and any(
        each.available > 0 for each in roles.baselines if each.pod_hash == found.pod_hash
    )


def raised(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Make the baseline that is wanted: its ReplicaSet, its pods, its Service."""
    base = wanted(seen, roles)
    if base is None:
        return ()
    actions: list[Action] = []
    if base.replica_set is None:
        create = CreateBaseline(
            name=base.name, pod_hash=base.pod_hash, copies=base.copies.name, replicas=base.count
        )
        actions.append(create)
    elif base.replica_set.desired < base.count:
        actions.append(_scale(seen, base))
    if base.service not in seen.services:
        like = position.canary(seen.rollout).stable_service
        actions.append(CreateService(name=base.service, pod_hash=base.pod_hash, like=like))
    return tuple(actions)


def lowered(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Make the baseline that is wanted smaller if it is too large."""
    base = wanted(seen, roles)
    if base is None or base.replica_set is None or base.replica_set.desired <= base.count:
        return ()
    return (_scale(seen, base),)


def cleared(seen: Observed, roles: Roles) -> tuple[Action, ...]:
    """Take away what is not wanted any more, once it was seen to have no share."""
    if _may_have_a_share(seen):
        return ()
    base = wanted(seen, roles)
    service = seen.services.get(service_name(seen.rollout.metadata.name))
    own = base.pod_hash if base is not None else ""
    unused = service is not None and service.owned and service.pod_hash != own
    gone = (DeleteService(name=service.name),) if service is not None and unused else ()
    sets = (DeleteReplicaSet(name=each.name) for each in roles.baselines if each.pod_hash != own)
    return (*gone, *sets)


def _scale(seen: Observed, base: Baseline) -> ScaleReplicaSet:
    size = replicas.wanted(seen.rollout)
    return ScaleReplicaSet(name=base.name, replicas=base.count, desired_annotation=size)


def _may_have_a_share(seen: Observed) -> bool:
    """Whether a router gives the Service of the baseline traffic, as far as that is known."""
    if position.canary(seen.rollout).traffic_routing is None:
        return False
    if seen.weights is None or seen.weights.verified is False:
        return True
    return seen.weights.share_of(service_name(seen.rollout.metadata.name)) > 0
