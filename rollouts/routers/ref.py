"""How a router names the objects that it wants to see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by its kind and name, in the rollout's namespace unless it says otherwise."""

    group: str
    kind: str
    name: str
    namespace: str = ""
