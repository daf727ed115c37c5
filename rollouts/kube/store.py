"""What the watches have shown so far: the read side of the controllers."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.kube.resources import Resource

Values = Callable[[Object], Iterable[Hashable]]
Place = tuple[str, str]
"""Namespace, empty for a kind that has none, and name."""


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """A way to find the objects of a kind without a look at each: by values that are read off them."""

    resource: Resource
    values: Values
    """Of any object of the kind, a malformed one too; of the same object always the same."""


class Shelf:
    """The objects of one kind, by namespace and name and by what its indices read off them."""

    def __init__(self, indices: Iterable[Values] = ()) -> None:
        self._objects: dict[str, dict[str, Object]] = {}
        self._found: dict[Values, dict[Hashable, dict[Place, Object]]] = {each: {} for each in indices}

    def __iter__(self) -> Iterator[Object]:
        for named in self._objects.values():
            yield from named.values()

    def get(self, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        return self._objects.get(namespace, {}).get(name)

    def of(self, namespace: str) -> Iterable[Object]:
        """All objects of a namespace."""
        return self._objects.get(namespace, {}).values()

    def find(self, values: Values, value: Hashable) -> Iterable[Object]:
        """All objects off which an index reads a value."""
        return self._found[values].get(value, {}).values()

    def put(self, obj: Object) -> None:
        """Add an object, or take its new state."""
        namespace, name = place = place_of(obj)
        self.take(namespace, name)
        self._objects.setdefault(namespace, {})[name] = obj
        for values, found in self._found.items():
            for value in values(obj):
                found.setdefault(value, {})[place] = obj

    def take(self, namespace: str, name: str) -> Object | None:
        """Remove an object; the state that it had."""
        obj = self._objects.get(namespace, {}).pop(name, None)
        if obj is None:
            return None
        if not self._objects[namespace]:
            del self._objects[namespace]
        for values, found in self._found.items():
            for value in values(obj):
                with_it = found.get(value, {})
                with_it.pop((namespace, name), None)
                if not with_it:
                    found.pop(value, None)
        return obj

    def keep(self, values: Values) -> None:
        """Keep an index from now on. Twice is once."""
        if values in self._found:
            return
        found = self._found[values] = {}
        for obj in self:
            for value in values(obj):
                found.setdefault(value, {})[place_of(obj)] = obj


class Store:
    """Objects as the API last showed them. They are shared: read them, never change them."""

    def __init__(self) -> None:
        self._indices: dict[Resource, dict[Values, None]] = {}
        self._shelves: dict[Resource, Shelf] = {}

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object | None:
        """One object, or None if there is none."""
        shelf = self._shelves.get(resource)
        return shelf.get(namespace, name) if shelf else None

    def list(self, resource: Resource, namespace: str = "") -> tuple[Object, ...]:
        """All objects of a kind, in one namespace or in all, by namespace and name."""
        shelf = self._shelves.get(resource)
        if shelf is None:
            return ()
        return _in_order(shelf.of(namespace) if namespace else shelf)

    def all(self, resource: Resource) -> tuple[Object, ...]:
        """All objects of a kind, in no order."""
        return tuple(self._shelves.get(resource) or ())

    def owned(self, resource: Resource, uid: str) -> tuple[Object, ...]:
        """All objects of a kind that name `uid` among their owners, by namespace and name."""
        shelf = self._shelves.get(resource)
        return _in_order(shelf.find(_owners, uid)) if shelf else ()

    def keep(self, index: Index) -> None:
        """Keep an index from now on, so that `find` may ask for it. Twice is once."""
        self._indices.setdefault(index.resource, {_owners: None})[index.values] = None
        if shelf := self._shelves.get(index.resource):
            shelf.keep(index.values)

    def find(self, index: Index, value: Hashable) -> tuple[Object, ...]:
        """All objects off which an index reads a value, by namespace and name.

        Raises:
            KeyError: the index is not kept.
        """
        shelf = self._shelves.get(index.resource)
        return _in_order(shelf.find(index.values, value)) if shelf else ()


class Writer(Store):
    """The write side; there is one, and the informers hold it."""

    def put(self, resource: Resource, obj: Object) -> None:
        """Add an object, or take its new state."""
        if resource not in self._shelves:
            self._shelves[resource] = self.draft(resource)
        self._shelves[resource].put(obj)

    def remove(self, resource: Resource, obj: Object) -> None:
        """Forget an object."""
        if shelf := self._shelves.get(resource):
            shelf.take(*place_of(obj))

    def draft(self, resource: Resource) -> Shelf:
        """An empty shelf, to be filled bit by bit and then swapped in."""
        return Shelf(self._indices.get(resource, (_owners,)))

    def swap(self, resource: Resource, shelf: Shelf) -> Shelf:
        """Take a whole new list at once: a reader sees the old one or the new one, never a half.

        Returns:
            The old one.
        """
        for values in self._indices.get(resource, ()):
            shelf.keep(values)
        old = self._shelves.get(resource) or Shelf()
        self._shelves[resource] = shelf
        return old

    def replace(self, resource: Resource, objects: Iterable[Object]) -> None:
        """Swap in a list that is at hand."""
        shelf = self.draft(resource)
        for obj in objects:
            shelf.put(obj)
        self.swap(resource, shelf)


def place_of(obj: Object) -> Place:
    """Where an object stands."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _in_order(objects: Iterable[Object]) -> tuple[Object, ...]:
    return tuple(sorted(objects, key=place_of))


def _owners(obj: Object) -> Iterator[str]:
    return (owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ())
