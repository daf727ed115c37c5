"""How traffic is split between the canary and the stable version."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The split as the route objects carry it. Integers from 0 to `total`; stable gets the rest."""

    canary: int
    total: int = 100
    verified: bool | None = None
    """True once the data plane confirmed it, None where a router cannot tell."""
