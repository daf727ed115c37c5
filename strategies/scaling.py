"""From the sizes that ReplicaSets should have to the actions that give them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from strategies import replicas
from strategies.model import Action, Observed, ScaleReplicaSet, SetReplicas
from strategies.revisions import Roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Pods by ReplicaSet name, and what has to be noted on the sets."""

    pods: Mapping[str, int] = field(default_factory=dict)
    """A set that is not named keeps its size."""
    annotations: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None


def default(seen: Observed) -> tuple[Action, ...]:
    """Write the number of pods where the user left it out: an autoscaler needs one to start from."""
    return (SetReplicas(replicas=1),) if seen.rollout.spec.replicas is None else ()


def up(seen: Observed, roles: Roles, sizes: Sizes) -> tuple[Action, ...]:
    """The sets to make larger, or only to note the rollout's size on."""
    return tuple(each for each, grows in _scalings(seen, roles, sizes) if grows)


def down(seen: Observed, roles: Roles, sizes: Sizes) -> tuple[Action, ...]:
    """The sets to make smaller."""
    return tuple(each for each, grows in _scalings(seen, roles, sizes) if not grows)


def _scalings(seen: Observed, roles: Roles, sizes: Sizes) -> list[tuple[ScaleReplicaSet, bool]]:
    wanted = replicas.wanted(seen.rollout)
    found = []
    for each in roles.all:
        if each.name not in sizes.pods:
            continue
        count = sizes.pods[each.name]
        noted = each.desired_annotation == wanted or each in roles.others
        if count == each.desired and noted:
            continue
        action = ScaleReplicaSet(name=each.name, replicas=count, desired_annotation=wanted)
        found.append((action, count >= each.desired))
    return found
