"""What the watches have shown so far: the read side of the controllers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rollouts.api.meta import Object
from rollouts.kube.resources import Resource


@dataclass(slots=True)
class _Shelf:
    """The objects of one kind, by namespace and name and by the uid of each owner."""

    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    owned: dict[str, dict[tuple[str, str], Object]] = field(default_factory=dict)

    def put(self, obj: Object) -> None:
        namespace, name = _place(obj)
        self.take(namespace, name)
        self.objects.setdefault(namespace, {})[name] = obj
        for uid in _owners(obj):
            self.owned.setdefault(uid, {})[namespace, name] = obj

    def take(self, namespace: str, name: str) -> Object | None:
        obj = self.objects.get(namespace, {}).pop(name, None)
        if obj is None:
            return None
        if not self.objects[namespace]:
            del self.objects[namespace]
        for uid in _owners(obj):
            children = self.owned[uid]
            children.pop((namespace, name), None)
            if not children:
                del self.owned[uid]
        return obj

    def __iter__(self) -> Iterator[Object]:
        for named in self.objects.values():
            yield from named.values()


class Store:
    """Objects as the API last showed them. They are shared: read them, never change them."""

    def __init__(self) -> None:
        self._shelves: dict[Resource, _Shelf] = {}

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object | None:
        """One object, or None if there is none."""
        shelf = self._shelves.get(resource)
        return shelf.objects.get(namespace, {}).get(name) if shelf else None

    def list(self, resource: Resource, namespace: str = "") -> tuple[Object, ...]:
        """All objects of a kind, in one namespace or in all, by namespace and name."""
        shelf = self._shelves.get(resource)
        if shelf is None:
            return ()
        found = shelf.objects.get(namespace, {}).values() if namespace else shelf
        return tuple(sorted(found, key=_place))

    def owned(self, resource: Resource, uid: str) -> tuple[Object, ...]:
        """All objects of a kind that name `uid` among their owners, by namespace and name."""
        shelf = self._shelves.get(resource)
        if shelf is None:
            return ()
        return tuple(sorted(shelf.owned.get(uid, {}).values(), key=_place))


class Writer(Store):
    """The write side; there is one, and the informers hold it."""

    def put(self, resource: Resource, obj: Object) -> None:
        """Add an object, or take its new state."""
        self._shelves.setdefault(resource, _Shelf()).put(obj)

    def remove(self, resource: Resource, obj: Object) -> None:
        """Forget an object."""
        if shelf := self._shelves.get(resource):
            shelf.take(*_place(obj))

    def replace(self, resource: Resource, objects: Iterable[Object]) -> None:
        """Take a whole new list at once: a reader sees the old one or the new one, never a half."""
        shelf = _Shelf()
        for obj in objects:
            shelf.put(obj)
        self._shelves[resource] = shelf


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _owners(obj: Object) -> Iterator[str]:
    return (owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ())
