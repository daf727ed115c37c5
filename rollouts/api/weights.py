"""How traffic is split between the canary, the stable version, and what stands beside them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A further Service that gets a share: of baseline pods, or of an arm of an experiment."""

    service: str
    weight: int
    """Its share, of the same total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The split as the route objects carry it. Integers from 0 to `total`; stable gets the rest."""

    canary: int
    total: int = 100
    additional: tuple[Destination, ...] = ()
    """Further destinations, each with a share above 0, in the order of their names."""
    verified: bool | None = None
    """True once the data plane confirmed it, None where a router cannot tell."""

    @property
    def stable(self) -> int:
        """What is left for the stable version."""
        return self.total - self.canary - sum(each.weight for each in self.additional)

    def share_of(self, service: str) -> int:
        """The share of a further destination; 0 if it has none."""
        return next((each.weight for each in self.additional if each.service == service), 0)
