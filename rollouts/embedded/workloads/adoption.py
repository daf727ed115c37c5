"""Who belongs to whom: orphans that a selector matches are adopted; what it matches no longer is let go."""

from collections.abc import Iterator
from contextlib import suppress

from rollouts.api.meta import Object
from rollouts.embedded.api.selectors import matches
from rollouts.embedded.workloads.cache import Cache, Key, controller_of, key_of
from rollouts.embedded.workloads.pods import owner_reference
from rollouts.kube.errors import Conflict, NotFound
from rollouts.kube.resources import Resource


async def claim(cache: Cache, resource: Resource, owner: Object, kind: Resource) -> list[Object]:
    """Take in orphans, let go of what does not fit, and return what `owner`, of `kind`, then controls.

    An object that changes at the same moment is left as it is: its change brings the next pass.
    """
    for child in cache.owned(resource, owner):
        if not _fits(owner, child):
            await _write_owners(cache, resource, child, [*_others(child, owner)])
    if "deletionTimestamp" not in owner["metadata"]:
        for orphan in cache.orphans(resource, key_of(owner)[0]):
            if _fits(owner, orphan) and "deletionTimestamp" not in orphan["metadata"]:
                owners = [*_others(orphan, owner), owner_reference(owner, kind)]
                await _write_owners(cache, resource, orphan, owners)
    return cache.owned(resource, owner)


def owners_or_suitors(cache: Cache, kind: Resource, item: Object) -> Iterator[Key]:
    """The object of `kind` that controls an item; if nobody does, those that would adopt it."""
    owner = controller_of(item)
    if owner is None:
        yield from (key_of(each) for each in cache.all(kind, key_of(item)[0]) if _fits(each, item))
    elif owner["kind"] == kind.kind:
        yield key_of(item)[0], owner["name"]


def _fits(owner: Object, item: Object) -> bool:
    return matches(owner["spec"].get("selector"), item["metadata"].get("labels") or {})


def _others(item: Object, owner: Object) -> Iterator[Object]:
    uid = owner["metadata"]["uid"]
    return (each for each in item["metadata"].get("ownerReferences") or () if each["uid"] != uid)


async def _write_owners(cache: Cache, resource: Resource, item: Object, owners: list[Object]) -> None:
    seen = {name: item["metadata"][name] for name in ("uid", "resourceVersion")}
    with suppress(Conflict, NotFound):
        await cache.patch(resource, item, {"metadata": {**seen, "ownerReferences": owners or None}})
