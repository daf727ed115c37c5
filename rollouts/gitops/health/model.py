"""What every health rule answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rollouts.api.meta import Object

Status = Literal["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]


@dataclass(frozen=True, slots=True)
class Health:
    """How an object is doing, and why."""

    status: Status
    message: str = ""


def healthy(message: str = "") -> Health:
    """It does what it is there for."""
    return Health("Healthy", message)


def progressing(message: str = "") -> Health:
    """It is on its way."""
    return Health("Progressing", message)


def degraded(message: str = "") -> Health:
    """It failed, or stands still."""
    return Health("Degraded", message)


def suspended(message: str = "") -> Health:
    """It waits for somebody."""
    return Health("Suspended", message)


def conditions(status: Object) -> dict[str, Object]:
    """The conditions by type."""
    found: Iterable[Object] = status.get("conditions") or ()
    return {condition["type"]: condition for condition in found}


def observed(obj: Object) -> bool:
    """Whether the status is of the spec as it is now."""
    seen = (obj.get("status") or {}).get("observedGeneration", 0) or 0
    return int(obj["metadata"].get("generation") or 0) <= int(seen)
