"""What the embedded cluster's own controllers know: the objects of a few kinds, as last seen.

Their own writes are in it at once, so that no decision is taken on what was there before them.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, NotFound, Unreachable, from_status
from rollouts.kube.resources import Resource

Key = tuple[str, str]
"""Namespace (empty for cluster-wide kinds) and name."""

Listener = Callable[[Resource, Object], None]

_RETRY = 0.2
"""Seconds to wait before everything is listed again, after a failure or the end of a watch."""

log = logging.getLogger(__name__)


def key_of(item: Object) -> Key:
    """Where an object is found."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def controller_of(item: Object) -> Object | None:
    """The owner reference of the controller that made the object."""
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


_NOBODY = ""
"""In place of the uid of an owner."""


def _owner_uid(item: Object) -> str:
    owner = controller_of(item)
    return _NOBODY if owner is None else str(owner["uid"])


class Cache:
    """A mirror of some kinds. Objects are shared: whoever reads one never changes it."""

    def __init__(self, client: Client, resources: Iterable[Resource]) -> None:
        self.client = client
        self._objects: dict[Resource, dict[Key, Object]] = {resource: {} for resource in resources}
        self._owned: defaultdict[tuple[Resource, str], dict[Key, Object]] = defaultdict(dict)
        self._synced = {resource: asyncio.Event() for resource in self._objects}
        self._removed: dict[str, None] = {}  # uids, so that a late answer does not bring an object back
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each object that is new, changed or gone."""
        self._listeners.append(listener)

    def get(self, resource: Resource, key: Key) -> Object | None:
        """The object as last seen; None where there is none."""
        return self._objects[resource].get(key)

    def all(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects of a kind, or those of one namespace."""
        found = self._objects[resource]
        return [item for (where, _), item in found.items() if not namespace or where == namespace]

    def owned(self, resource: Resource, owner: Object) -> list[Object]:
        """The objects that `owner` controls."""
        return [*self._owned.get((resource, owner["metadata"]["uid"]), {}).values()]

    def orphans(self, resource: Resource, namespace: str) -> list[Object]:
        """The objects of a namespace that no controller has."""
        found = self._owned.get((resource, _NOBODY), {})
        return [item for (where, _), item in found.items() if where == namespace]

    async def synced(self) -> None:
        """Wait until every kind has been listed once."""
        for event in self._synced.values():
            await event.wait()

    async def run(self) -> None:
        """Follow all kinds until cancelled."""
        async with asyncio.TaskGroup() as group:
            for resource in self._objects:
                group.create_task(self._follow(resource))

    async def create(self, resource: Resource, body: Object) -> Object:
        """Create an object, and know it."""
        made = await self.client.create(resource, body, body["metadata"].get("namespace", ""))
        self._put(resource, made)
        return made

    async def patch(self, resource: Resource, item: Object, patch: Any, *, subresource: str = "") -> Object:
        """Merge a patch into an object, and know the result."""
        namespace, name = key_of(item)
        made = await self.client.patch(resource, name, patch, namespace, subresource=subresource)
        self._put(resource, made)
        return made

    async def write_status(self, resource: Resource, item: Object, status: Mapping[str, Any]) -> None:
        """Replace the fields of the status that `status` names, if any of them differs.

        Written against the version that was seen: Conflict means that the decision was taken on old facts.
        """
        seen = item.get("status") or {}
        if all(seen.get(name) == value for name, value in status.items()):
            return
        metadata = {"resourceVersion": item["metadata"]["resourceVersion"]}
        await self.patch(resource, item, {"metadata": metadata, "status": status}, subresource="status")

    async def delete(self, resource: Resource, item: Object, *, grace_period: int | None = None) -> None:
        """Delete this incarnation of an object; it may be gone already."""
        namespace, name = key_of(item)
        try:
            left = await self.client.delete(
                resource, name, namespace, uid=item["metadata"]["uid"], grace_period=grace_period
            )
        except NotFound:
            self._remove(resource, item)
            return
        if left.get("kind") != "Status" and "metadata" in left and left["metadata"].get("deletionTimestamp"):
            self._put(resource, left)

    async def _follow(self, resource: Resource) -> None:
        while True:
            try:
                version = await self._relist(resource)
                await self._watch(resource, version)
            except (ApiError, Unreachable) as error:
                log.debug("%s: %s; listing again", resource.plural, error)
            await asyncio.sleep(_RETRY)

    async def _relist(self, resource: Resource) -> str:
        page = await self.client.list(resource)
        items = {key_of(item): item for item in page["items"]}
        for key, item in [*self._objects[resource].items()]:
            if key not in items or items[key]["metadata"]["uid"] != item["metadata"]["uid"]:
                self._remove(resource, item)
        for item in items.values():
            self._put(resource, item)
        self._synced[resource].set()
        return str(page["metadata"]["resourceVersion"])

    async def _watch(self, resource: Resource, version: str) -> None:
        async for event in self.client.watch(resource, resourceVersion=version, allowWatchBookmarks="true"):
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self._put(resource, event["object"])
                case "DELETED":
                    self._remove(resource, event["object"])
                case "ERROR":
                    status = event["object"]
                    raise from_status(int(status.get("code", 500)), status, f"watch {resource.plural}")

    def _put(self, resource: Resource, item: Object) -> None:
        metadata, key = item["metadata"], key_of(item)
        old = self._objects[resource].get(key)
        if metadata["uid"] in self._removed:
            return
        if old is not None and old["metadata"]["uid"] == metadata["uid"]:
            if int(metadata["resourceVersion"]) <= int(old["metadata"]["resourceVersion"]):
                return
            self._unindex(resource, old)
        self._objects[resource][key] = item
        self._owned[resource, _owner_uid(item)][key] = item
        self._tell(resource, item)

    def _remove(self, resource: Resource, item: Object) -> None:
        uid, key = item["metadata"]["uid"], key_of(item)
        self._removed[uid] = None
        if len(self._removed) > 10_000:
            del self._removed[next(iter(self._removed))]
        old = self._objects[resource].get(key)
        if old is not None and old["metadata"]["uid"] == uid:
            del self._objects[resource][key]
            self._unindex(resource, old)
        self._tell(resource, item)

    def _unindex(self, resource: Resource, item: Object) -> None:
        uid = _owner_uid(item)
        siblings = self._owned[resource, uid]
        siblings.pop(key_of(item), None)
        if not siblings:
            del self._owned[resource, uid]

    def _tell(self, resource: Resource, item: Object) -> None:
        for listener in self._listeners:
            listener(resource, item)
