"""What follows from deletions: dependants go or are set free, and namespaces empty themselves.

Runs after every write until nothing is left to do, so that in virtual time it takes none.
"""

from collections import defaultdict, deque
from collections.abc import Collection

from rollouts.api.meta import Object
from rollouts.embedded.api.crds import CLEANUP, DEFINITIONS
from rollouts.embedded.api.deletion import FOREGROUND, ORPHAN, DeleteOptions, remove_or_mark
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.objects import Objects
from rollouts.embedded.api.storage import Change, Key

Identity = tuple[Key, str, str]
"""Kind, namespace and name."""
_NAMESPACES = ("", "namespaces")


class GarbageCollector:
    """Follows owner references over all kinds and namespaces."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[str, Identity] = {}
        # In the order of their making, so that the same calls lead to the same world.
        self._dependants: defaultdict[str, dict[Identity, None]] = defaultdict(dict)
        self._check: deque[Identity] = deque()
        self._emptied: set[str] = set()
        self._busy = False
        objects.storage.listeners.append(self._note)

    def _note(self, key: Key, change: Change) -> None:
        """Keep the indices, and remember what to look at."""
        meta = change.object["metadata"]
        identity = (key, change.namespace, meta["name"])
        before = _owners(change.previous)
        now = {} if change.type == "DELETED" else _owners(change.object)
        for uid in before.keys() - now.keys():
            self._dependants[uid].pop(identity, None)
            if not self._dependants[uid]:
                del self._dependants[uid]
            if uid in self._known:
                self._check.append(self._known[uid])
        for uid in now.keys() - before.keys():
            self._dependants[uid][identity] = None
        if change.type == "DELETED":
            self._known.pop(meta["uid"], None)
            self._check.extend(self._dependants.get(meta["uid"], ()))
            if change.namespace:
                self._emptied.add(change.namespace)
            if key[0]:
                self._check.append((DEFINITIONS, "", f"{key[1]}.{key[0]}"))
            return
        self._known[meta["uid"]] = identity
        if now.keys() != before.keys() or meta.get("deletionTimestamp"):
            self._check.append(identity)

    def settle(self) -> None:
        """Do all that follows from the writes so far."""
        if self._busy:
            return
        self._busy = True
        try:
            while self._check or self._emptied:
                while self._check:
                    self._look(self._check.popleft())
                if self._emptied:
                    self._close_namespace(self._emptied.pop())
        finally:
            self._busy = False

    def _look(self, identity: Identity) -> None:
        key, namespace, name = identity
        obj, kind = self._objects.storage.get(key, namespace, name), self._objects.registry.stored(key)
        if obj is None or kind is None:
            return
        if obj["metadata"].get("deletionTimestamp"):
            self._finish(kind, obj)
            return
        self._judge_owners(kind, obj)

    def _judge_owners(self, kind: Kind, obj: Object) -> None:
        """Delete an object whose owners are all gone, or all waiting for it to go."""
        owners = _owners(obj)
        if not owners:
            return
        alive = {uid for uid in owners if uid in self._known}
        waiting = {uid for uid in alive if self._waits(uid)}
        if alive - waiting:
            if alive != owners.keys():
                self._release(kind, obj, owners.keys() - alive)
            return
        policy = "Foreground" if waiting else "Background"
        remove_or_mark(self._objects, kind, obj, DeleteOptions(propagation=policy))

    def _waits(self, uid: str) -> bool:
        key, namespace, name = self._known[uid]
        owner = self._objects.storage.get(key, namespace, name)
        return owner is not None and _is_deleted_with(owner, FOREGROUND)

    def _finish(self, kind: Kind, obj: Object) -> None:
        """Go on with an object that is being deleted."""
        if kind.key == _NAMESPACES:
            self._empty_namespace(obj["metadata"]["name"])
            return
        if kind.key == DEFINITIONS:
            self._retire(kind, obj)
            return
        uid = obj["metadata"]["uid"]
        if _is_deleted_with(obj, ORPHAN):
            for dependant in tuple(self._dependants.get(uid, ())):
                self._release_at(dependant, uid)
            self._drop_finalizer(kind, obj, ORPHAN)
        elif _is_deleted_with(obj, FOREGROUND):
            blocking = False
            for key, namespace, name in tuple(self._dependants.get(uid, ())):
                child, child_kind = (
                    self._objects.storage.get(key, namespace, name),
                    self._objects.registry.stored(key),
                )
                if child is None or child_kind is None:
                    continue
                if not child["metadata"].get("deletionTimestamp"):
                    self._judge_owners(child_kind, child)
                child = self._objects.storage.get(key, namespace, name)
                blocking |= child is not None and _blocks(child, uid)
            if not blocking:
                self._drop_finalizer(kind, obj, FOREGROUND)

    def _retire(self, kind: Kind, crd: Object) -> None:
        """Delete the objects of a custom kind that is being deleted, and then let it go."""
        key = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        custom = self._objects.registry.stored(key)
        for obj in list(self._objects.storage.list(key)):
            if custom is not None and not obj["metadata"].get("deletionTimestamp"):
                remove_or_mark(self._objects, custom, obj, DeleteOptions(propagation="Background"))
        if next(self._objects.storage.list(key), None) is None and CLEANUP in crd["metadata"].get(
            "finalizers", ()
        ):
            self._drop_finalizer(kind, crd, CLEANUP)

    def _drop_finalizer(self, kind: Kind, obj: Object, finalizer: str) -> None:
        left = [each for each in obj["metadata"].get("finalizers") or () if each != finalizer]
        meta = {**obj["metadata"], "finalizers": left}
        if not left:
            del meta["finalizers"]
        obj = {**obj, "metadata": meta}
        if left or meta.get("deletionGracePeriodSeconds"):
            self._objects.storage.put(kind.key, obj)
        else:
            self._objects.storage.remove(kind.key, obj)

    def _release_at(self, identity: Identity, uid: str) -> None:
        key, namespace, name = identity
        obj, kind = self._objects.storage.get(key, namespace, name), self._objects.registry.stored(key)
        if obj is not None and kind is not None:
            self._release(kind, obj, {uid})

    def _release(self, kind: Kind, obj: Object, uids: Collection[str]) -> None:
        """Take owner references off an object."""
        left = [owner for owner in obj["metadata"]["ownerReferences"] if owner["uid"] not in uids]
        meta = {**obj["metadata"], "ownerReferences": left}
        if not left:
            del meta["ownerReferences"]
        self._objects.storage.put(kind.key, {**obj, "metadata": meta})

    def _empty_namespace(self, namespace: str) -> None:
        for key in self._objects.registry.namespaced():
            kind = self._objects.registry.stored(key)
            for obj in list(self._objects.storage.list(key, namespace)):
                if kind is not None and not obj["metadata"].get("deletionTimestamp"):
                    remove_or_mark(self._objects, kind, obj, DeleteOptions(propagation="Background"))
        self._emptied.add(namespace)

    def _close_namespace(self, name: str) -> None:
        """Remove a namespace that is being deleted once nothing is left in it."""
        found = self._objects.storage.get(_NAMESPACES, "", name)
        if (
            found is None
            or not found["metadata"].get("deletionTimestamp")
            or found["metadata"].get("finalizers")
        ):
            return
        keys = self._objects.registry.namespaced()
        if any(next(self._objects.storage.list(key, name), None) is not None for key in keys):
            return
        self._objects.storage.remove(_NAMESPACES, found)


def _owners(obj: Object | None) -> dict[str, Object]:
    if obj is None:
        return {}
    return {owner["uid"]: owner for owner in obj["metadata"].get("ownerReferences") or ()}


def _is_deleted_with(obj: Object, finalizer: str) -> bool:
    meta = obj["metadata"]
    return bool(meta.get("deletionTimestamp")) and finalizer in (meta.get("finalizers") or ())


def _blocks(obj: Object, uid: str) -> bool:
    return bool(_owners(obj).get(uid, {}).get("blockOwnerDeletion"))
