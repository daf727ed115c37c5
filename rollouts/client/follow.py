"""The states of one object as they come: read, then watch, then again when the watch ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import Gone, NotFound, Unreachable
from rollouts.kube.resources import Resource

_AGAIN = 1.0
"""Seconds after which a watch that ended is started again."""


async def follow(
    client: Client, resource: Resource, name: str, namespace: str
) -> AsyncGenerator[Object, None]:
    """Yield the object as it is and after each change, through broken connections, until closed.

    Raises:
        NotFound: it is not there, or is deleted meanwhile.
        Unreachable: the API could not be reached at the very beginning.
    """
    seen = await client.get(resource, name, namespace)
    yield seen
    while True:
        try:
            async with aclosing(_changes(client, resource, seen)) as changes:
                async for changed in changes:
                    seen = changed
                    yield seen
        except (Gone, Unreachable):
            pass  # read it again below, which is what a list is to an informer
        fresh = await _read_again(client, resource, name, namespace)
        if fresh["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"]:
            seen = fresh
            yield seen


async def _read_again(client: Client, resource: Resource, name: str, namespace: str) -> Object:
    while True:
        await asyncio.sleep(_AGAIN)
        try:
            return await client.get(resource, name, namespace)
        except Unreachable:
            continue


async def _changes(client: Client, resource: Resource, seen: Object) -> AsyncGenerator[Object, None]:
    metadata = seen["metadata"]
    query = {
        "fieldSelector": f"metadata.name={metadata['name']}",
        "resourceVersion": str(metadata["resourceVersion"]),
    }
    async with aclosing(client.watch(resource, metadata.get("namespace", ""), **query)) as events:
        async for event in events:
            if event["type"] == "DELETED":
                raise NotFound(404, {"reason": "NotFound", "message": f"{metadata['name']} is deleted"})
            if event["type"] == "ERROR":
                raise Gone(410, event["object"])
            if event["type"] in ("ADDED", "MODIFIED"):
                yield event["object"]
