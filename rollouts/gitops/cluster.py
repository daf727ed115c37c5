"""The cluster as a sync sees it: finds kinds, reads objects, applies and deletes them."""

from typing import Protocol

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops.diff import MANAGER
from rollouts.gitops.options import Propagation
from rollouts.gitops.tracking import Ref, ref_of
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import NAMESPACES, Resource


class Cache(Protocol):
    """What the watches have shown."""

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object | None: ...


class Cluster:
    """One cluster, by the client of the engine.

    Args:
        client: reads and writes.
        cache: what the watches have shown.
        watched: the kinds that the cache follows; others are read from the API.
    """

    def __init__(self, client: Client, cache: Cache, watched: frozenset[Resource] = frozenset()) -> None:
        self._client = client
        self._cache = cache
        self._watched = watched
        self._kinds: dict[str, dict[str, Resource]] = {}

    async def kind(self, api_version: str, kind: str) -> Resource:
        """The resource that serves a kind.

        Raises:
            InvalidSpec: the API server serves no such kind.
        """
        found = self._kinds.get(api_version, {}).get(kind)
        if found is None:
            self._kinds[api_version] = await self._discover(api_version)
            found = self._kinds[api_version].get(kind)
        if found is None:
            raise InvalidSpec(
                ".kind",
                f"the API server has no {kind} in {api_version}; install its CustomResourceDefinition",
                kind,
            )
        return found

    async def scopes(self, objects: tuple[Object, ...]) -> dict[tuple[str, str], bool]:
        """Whether each kind of these objects lives in namespaces; an unknown kind counts as one that does."""
        scopes: dict[tuple[str, str], bool] = {}
        for obj in objects:
            name = (obj["apiVersion"], obj["kind"])
            if name not in scopes:
                try:
                    scopes[name] = (await self.kind(*name)).namespaced
                except InvalidSpec:
                    scopes[name] = True
        return scopes

    async def read(self, api_version: str, ref: Ref, *, fresh: bool = False) -> Object | None:
        """The live object; None if there is none, or no such kind. `fresh` asks the API and not the cache."""
        try:
            resource = await self.kind(api_version, ref.kind)
        except InvalidSpec:
            return None
        if resource in self._watched and not fresh:
            # That the cache has nothing may mean that it does not follow this namespace: then the API is
            # asked.
            seen = self._cache.get(resource, ref.name, ref.namespace)
            if seen is not None:
                return _typed(seen, resource)
        try:
            return _typed(await self._client.get(resource, ref.name, ref.namespace), resource)
        except NotFound:
            return None

    async def apply(self, obj: Object, *, resource_version: str = "", dry_run: bool = False) -> Object:
        """Apply server-side, with force, as the sync's own field manager.

        Args:
            obj: the manifest.
            resource_version: the only state of the live object that it may be applied to; any by default.
            dry_run: change nothing.

        Raises:
            InvalidSpec: there is no such kind.
            Conflict: the live object is at another version.
            ApiError: the server refuses.
        """
        resource = await self.kind(obj["apiVersion"], obj["kind"])
        ref = ref_of(obj)
        body = obj
        if resource_version:
            body = {**obj, "metadata": {**obj["metadata"], "resourceVersion": resource_version}}
        return await self._client.patch(
            resource,
            ref.name,
            body,
            ref.namespace,
            type="apply",
            field_manager=MANAGER,
            force=True,
            dry_run=dry_run,
        )

    async def delete(self, live: Object, propagation: Propagation) -> None:
        """Delete this very object; one that is gone already is fine."""
        resource = await self.kind(live["apiVersion"], live["kind"])
        metadata = live["metadata"]
        try:
            await self._client.delete(
                resource,
                metadata["name"],
                metadata.get("namespace") or "",
                propagation=propagation,
                uid=metadata.get("uid") or "",
            )
        except NotFound:
            return

    async def ensure_namespace(self, name: str, labels: dict[str, str], annotations: dict[str, str]) -> None:
        """Make a namespace, or give it these labels and annotations; one that is there is else left alone."""
        metadata: Object = {"name": name}
        if labels:
            metadata["labels"] = labels
        if annotations:
            metadata["annotations"] = annotations
        if not labels and not annotations:
            try:
                await self._client.get(NAMESPACES, name)
            except NotFound:
                pass
            else:
                return
        await self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    async def _discover(self, api_version: str) -> dict[str, Resource]:
        group, _, version = api_version.rpartition("/")
        try:
            listing = await self._client.raw(f"/apis/{api_version}" if group else f"/api/{version}")
        except NotFound:
            return {}
        return {
            entry["kind"]: Resource(
                group, version, entry["kind"], entry["name"], bool(entry.get("namespaced"))
            )
            for entry in listing.get("resources") or ()
            if "/" not in entry["name"]
        }


def _typed(obj: Object, resource: Resource) -> Object:
    """Items of a list may come without their type."""
    if obj.get("kind") and obj.get("apiVersion"):
        return obj
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
