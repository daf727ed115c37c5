"""Traffic routers: how a weight is written into the objects of an ingress, and read back from them. Pure.

A router never talks to the cluster: it is shown objects and answers with objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Weights


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by its kind and name, in the rollout's namespace unless it says otherwise."""

    group: str
    kind: str
    name: str
    namespace: str = ""


class Router(Protocol):
    """One kind of traffic router."""

    def kinds(self, rollout: Rollout) -> tuple[Ref, ...]:
        """Every object that read and render want to see: those of the user, and those it makes itself."""
        ...

    def read(self, rollout: Rollout, objects: Mapping[Ref, Object]) -> Weights | None:
        """The split that the objects carry; None where the canary route does not exist yet."""
        ...

    def render(self, rollout: Rollout, objects: Mapping[Ref, Object], weights: Weights) -> tuple[Object, ...]:
        """The objects as they must be; unchanged ones are left out, fields of others are kept.

        An object without metadata.resourceVersion is to be created, the others are to be patched.

        Raises:
            InvalidSpec: an object is missing or does not fit the rollout; names object, field, value, remedy.
        """
        ...
