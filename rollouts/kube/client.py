"""Reads and writes of Kubernetes objects as plain dicts, over any transport."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

from rollouts.api.meta import Object
from rollouts.kube.answers import refusal
from rollouts.kube.errors import Unreadable
from rollouts.kube.resources import Resource
from rollouts.kube.transport import Request, Transport

PatchType = Literal["merge", "strategic", "json", "apply"]
Propagation = Literal["Foreground", "Background", "Orphan"]

_PATCH_CONTENT: Mapping[str, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Client:
    """The verbs of the API. Every method raises a subclass of ApiError, or Unreachable."""

    def __init__(self, transport: Transport, *, field_manager: str = "rollouts-controller") -> None:
        self.transport = transport
        self._field_manager = field_manager

    async def get(
        self, resource: Resource, name: str, namespace: str = "", *, subresource: str = ""
    ) -> Object:
        """Read one object."""
        return await self._call("GET", resource.path(namespace, name, subresource))

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Object:
        """Read one page of a list, as the List object with its metadata."""
        query = _query(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=str(limit) if limit else "",
            resourceVersion=resource_version,
            **{"continue": continue_token},
        )
        return await self._call("GET", resource.path(namespace), query)

    def watch(self, resource: Resource, namespace: str = "", **query: str) -> AsyncGenerator[Object, None]:
        """Follow changes; `query` is passed on as it is (resourceVersion, labelSelector, timeoutSeconds)."""
        return self.transport.stream(
            Request(method="GET", path=resource.path(namespace), query=_query(watch="true", **query))
        )

    async def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        """Create an object."""
        query = _query(dryRun="All" if dry_run else "", fieldManager=self._field_manager)
        return await self._call("POST", resource.path(namespace), query, body)

    async def replace(
        self, resource: Resource, body: Object, namespace: str = "", *, subresource: str = ""
    ) -> Object:
        """Write a whole object; with metadata.resourceVersion set, only if it is still at that version."""
        path = resource.path(namespace, body["metadata"]["name"], subresource)
        return await self._call("PUT", path, _query(fieldManager=self._field_manager), body)

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        namespace: str = "",
        *,
        type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> Object:
        """Change an object. A merge patch that holds metadata.resourceVersion is conditional on it."""
        query = _query(
            fieldManager=field_manager or self._field_manager,
            force="true" if force else "",
            dryRun="All" if dry_run else "",
        )
        headers = {"content-type": _PATCH_CONTENT[type]}
        return await self._call("PATCH", resource.path(namespace, name, subresource), query, body, headers)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        propagation: Propagation = "Background",
        uid: str = "",
        grace_period: int | None = None,
    ) -> Object:
        """Delete an object; with `uid`, only that incarnation of it.

        `grace_period` in seconds: how long a pod may take to end; 0 removes the object now. By default what
        the object says.
        """
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        return await self._call("DELETE", resource.path(namespace, name), {}, options)

    async def evict(self, name: str, namespace: str) -> None:
        """Evict a pod.

        Raises:
            TooManyRequests: a disruption budget refuses for now.
        """
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        await self._call("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", {}, body)

    async def bind(
        self, name: str, namespace: str, node: str, annotations: Mapping[str, str] | None = None
    ) -> None:
        """Assign a pod to a node, and give it annotations; for schedulers.

        Raises:
            Conflict: the pod has a node, or is being deleted.
        """
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations or {})},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._call("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", {}, body)

    async def raw(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Read a path that is no resource: discovery, a log, a service behind the API server's proxy."""
        return await self._answer(Request(method="GET", path=path, query=query or {}))

    async def close(self) -> None:
        """Give back the connections."""
        await self.transport.close()

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        found = await self._answer(
            Request(method=method, path=path, query=query or {}, headers=headers or {}, body=body)
        )
        if not isinstance(found, dict):
            # A proxy or a load balancer on the way, with a page of its own.
            raise Unreadable(f"{method} {path}: the answer is no object: {str(found)[:100]!r}")
        return found

    async def _answer(self, request: Request) -> Any:
        answer = await self.transport.request(request)
        if answer.code >= 400:
            raise refusal(answer.code, answer.body, answer.headers, f"{request.method} {request.path}")
        return answer.body


def _query(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
