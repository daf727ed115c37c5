"""Who owns which field: metadata.managedFields.

Ownership is followed from the first write of an object that kubectl or a server-side apply makes. What was
there before belongs to `before-first-apply`, as on a server that had not followed it. The many objects that
only controllers write (pods, events, leases) stay half as large, and their writes quick.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rollouts.api.meta import Object
from rollouts.embedded.api.fieldset import FieldPath, changed, from_fields, leaves, parents, to_fields
from rollouts.embedded.api.kinds import Kind

BEFORE = "before-first-apply"
_TEMPLATE = tuple(f"f:{name}" for name in ("spec", "template", "spec", "containers"))
_SKELETON = frozenset(
    {
        *(_TEMPLATE[:size] for size in range(1, 5)),
        (*_TEMPLATE[:2], "f:metadata"),
        *(("f:spec", f"f:{name}") for name in ("strategy", "updateStrategy", "jobTemplate", "containers")),
        ("f:metadata",),
        ("f:status",),
    }
)
"""Maps and lists that built-in kinds always have: nobody makes them."""
FOLLOWED = "kubectl"
"""Managers of this prefix have their writes followed from the first on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """One owner and what it owns."""

    name: str
    operation: str
    """`Apply` or `Update`."""
    api_version: str
    subresource: str = ""
    time: str = ""
    paths: frozenset[FieldPath] = frozenset()

    def is_same(self, other: "Manager") -> bool:
        """Whether both are one entry of managedFields."""
        mine = (self.name, self.operation, self.api_version, self.subresource)
        return mine == (other.name, other.operation, other.api_version, other.subresource)


def read(obj: Object) -> tuple[Manager, ...]:
    """The owners of an object's fields."""
    return tuple(
        Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", "Update"),
            api_version=entry.get("apiVersion", ""),
            subresource=entry.get("subresource", ""),
            time=entry.get("time", ""),
            paths=frozenset(from_fields(entry.get("fieldsV1") or {})),
        )
        for entry in obj["metadata"].get("managedFields") or ()
    )


def write(obj: Object, owners: Iterable[Manager]) -> None:
    """Set metadata.managedFields; an owner of nothing is dropped."""
    obj["metadata"]["managedFields"] = [
        {
            "manager": owner.name,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            "time": owner.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(owner.paths),
            **({"subresource": owner.subresource} if owner.subresource else {}),
        }
        for owner in sorted(owners, key=lambda owner: (owner.operation, owner.time, owner.name))
        if owner.paths
    ]


def of_part(paths: Iterable[FieldPath], kind: Kind, part: str) -> frozenset[FieldPath]:
    """The paths that a write to this part of the object can own."""
    if not kind.status:
        return frozenset(paths)
    return frozenset(path for path in paths if (path[0] == "f:status") == (part == "status"))


def first(kind: Kind, obj: Object) -> tuple[Manager, ...]:
    """The owners of an object that nobody applied yet."""
    known = read(obj)
    if known:
        return known
    paths = leaves(kind.schema or {}, obj).keys()
    created = obj["metadata"].get("creationTimestamp", "")
    return (
        Manager(
            name=BEFORE,
            operation="Update",
            api_version=kind.api_version,
            time=created,
            paths=frozenset(paths),
        ),
    )


def writer(kind: Kind, name: str, part: str, now: str) -> Manager:
    """Who makes a write that is no apply."""
    return Manager(name=name, operation="Update", api_version=kind.api_version, subresource=part, time=now)


def is_followed(obj: Object, me: Manager) -> bool:
    """Whether this write counts: the object's owners are known already, or a person writes."""
    return bool(obj["metadata"].get("managedFields")) or me.name.startswith(FOLLOWED)


def created(kind: Kind, obj: Object, me: Manager) -> None:
    """Follow a creation that was no apply."""
    paths = leaves(kind.schema or {}, obj).keys()
    write(obj, [replace(me, paths=of_part(paths | _new_parents(kind, (), paths), kind, me.subresource))])


def _new_parents(kind: Kind, before: Iterable[FieldPath], after: Iterable[FieldPath]) -> set[FieldPath]:
    """The maps and lists that a write has made: who makes one owns it, beside what is in it."""
    there = {*before, *parents(before)}
    return parents(after) - there - (_SKELETON if not kind.custom else {("f:metadata",)})


def updated(kind: Kind, old: Object, new: Object, me: Manager) -> None:
    """Follow a write that was no apply: what it changed is its own now, and nobody else's."""
    # What stands in the other fields at the top is owned as it was.
    differing = {name for name in (*old, *new) if old.get(name) != new.get(name)}
    before, after = (
        leaves(kind.schema or {}, {name: value for name, value in obj.items() if name in differing})
        for obj in (old, new)
    )
    touched = changed(before, after)
    if not touched:
        return
    made = touched & after.keys()
    gained = of_part(made | _new_parents(kind, before, made), kind, me.subresource)
    there = {*after, *parents(after)}
    kept = {f"f:{name}" for name in new if name not in differing}
    owners: list[Manager] = []
    for owner in read(new) or first(kind, old):
        left = frozenset(path for path in owner.paths - touched if path[0] in kept or path in there)
        if owner.is_same(me):
            me = replace(me, paths=left)
        else:
            owners.append(replace(owner, paths=left))
    write(new, [*owners, replace(me, paths=me.paths | gained)])
