"""What a controller is: a kind, the other kinds that concern it, and one level-triggered function."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rollouts.api.meta import Object
from rollouts.kube.resources import Resource

Clock = Callable[[], datetime]
"""The time, aware and in UTC. Read once in a pass and passed on as a value."""

KeysOf = Callable[[Object], "Iterable[Key]"]
"""Which objects of the reconciler's own kind a change of another object concerns."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The name of an object, and nothing of what happened to it."""

    namespace: str
    """Empty for a cluster-scoped kind."""
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Reconciler(Protocol):
    """Brings one kind of object to where it should be."""

    @property
    def resource(self) -> Resource:
        """The kind that this reconciler answers for."""
        ...

    def watches(self) -> Mapping[Resource, KeysOf]:
        """The other kinds that it reads, and whose changes concern it."""
        ...

    async def reconcile(self, key: Key) -> timedelta | None:
        """Compare and act, from what is so and not from what happened.

        Returns:
            When to look again; None to wait for the next change.

        Raises:
            InvalidSpec: only the author can mend the object; it is looked at again when it changes.
            ApiError, Unavailable: tried again with growing delay.
        """
        ...


def key_of(obj: Object) -> Key:
    """The key of an object."""
    return Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def controller_keys(kind: str) -> KeysOf:
    """Map an object to its controller, if that is of `kind`."""

    def keys(obj: Object) -> tuple[Key, ...]:
        return tuple(
            Key(obj["metadata"].get("namespace", ""), owner["name"])
            for owner in obj["metadata"].get("ownerReferences") or ()
            if owner["kind"] == kind and owner.get("controller")
        )

    return keys
