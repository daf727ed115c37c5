"""Which kinds are served and how: the built-in ones as a table, the custom ones as their definitions say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    type: str
    path: str
    """A JSONPath into the object."""
    priority: int = 0
    description: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the scale subresource finds its numbers, as JSONPaths."""

    spec: str
    status: str
    selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind in one version, as it is served."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    """Has a status subresource, so that status and the rest are written apart."""
    scale: Scale | None = None
    subresources: tuple[str, ...] = ()
    """Those besides status and scale."""
    generation: bool = False
    """metadata.generation counts changes of the spec."""
    schema: Mapping[str, Any] | None = None
    """Structural schema, or a reference to a built-in definition."""
    columns: tuple[Column, ...] = ()
    fields: tuple[str, ...] = ()
    """Fields that a field selector may name, besides metadata.name and metadata.namespace."""
    custom: bool = False
    orphan_by_default: bool = False
    """A deletion that does not say leaves the dependants alive."""
    has_rules: bool = False
    """The schema holds rules about changes."""
    conditional_update: bool = False
    """A PUT must carry metadata.resourceVersion."""

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> tuple[str, str]:
        """What the objects are stored under: the same for all versions of a kind."""
        return self.group, self.plural

    @property
    def list_kind(self) -> str:
        """The kind of a list of them."""
        return f"{self.kind}List"

    @property
    def all_subresources(self) -> tuple[str, ...]:
        """Every subresource, in the order discovery lists them."""
        own = (*(("status",) if self.status else ()), *(("scale",) if self.scale else ()))
        return (*own, *self.subresources)


class Registry:
    """The kinds served now, by group, version and plural."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {(kind.group, kind.version, kind.plural): kind for kind in kinds}

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind a path, or None."""
        return self._kinds.get((group, version, plural))

    def has(self, group: str, version: str) -> bool:
        """Whether any kind of a group is served in a version."""
        return any((kind.group, kind.version) == (group, version) for kind in self._kinds.values())

    def stored(self, key: tuple[str, str]) -> Kind | None:
        """Any served version of a stored kind."""
        return next((kind for kind in self._kinds.values() if kind.key == key), None)

    def add(self, kind: Kind) -> None:
        """Serve a kind, or serve it as it is now."""
        self._kinds[kind.group, kind.version, kind.plural] = kind

    def remove(self, key: tuple[str, str]) -> None:
        """Serve no version of this kind any more."""
        self._kinds = {at: kind for at, kind in self._kinds.items() if kind.key != key}

    def __iter__(self) -> Iterator[Kind]:
        return iter(tuple(self._kinds.values()))

    def namespaced(self) -> list[tuple[str, str]]:
        """The storage keys of all kinds that live in namespaces."""
        return list(dict.fromkeys(kind.key for kind in self._kinds.values() if kind.namespaced))
