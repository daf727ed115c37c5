"""Reading an object, deciding on it and sending the patches: what all verbs have in common."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from datetime import timedelta
from typing import TypeVar

from rollouts.api.duration import parse_duration
from rollouts.api.meta import Object
from rollouts.client.application_view import ApplicationView
from rollouts.client.errors import NotThere, WaitTimeout
from rollouts.client.intents import Patch
from rollouts.client.rollout_view import RolloutView
from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, Conflict, NotFound
from rollouts.kube.resources import Resource

View = TypeVar("View", RolloutView, ApplicationView)

Duration = float | int | str | timedelta | None
"""Seconds, a Go duration such as `45m`, a timedelta, or None for no limit."""

_TRIES = 10
"""How often a command is decided anew because the object changed between reading and writing."""


async def read(client: Client, resource: Resource, name: str, namespace: str) -> Object:
    """Read one object.

    Raises:
        NotThere: there is none of that name; tells the namespaces that have one.
    """
    try:
        return await client.get(resource, name, namespace)
    except NotFound as error:
        if not (error.status.get("details") or {}).get("name"):
            raise _no_such_kind(resource) from error
        raise NotThere(await _not_there(client, resource, name, namespace)) from error


async def read_all(
    client: Client, resource: Resource, namespace: str, label_selector: str = ""
) -> tuple[Object, ...]:
    """Read all objects of a kind, each with its kind, which a list leaves out.

    Raises:
        NotThere: the cluster does not serve the kind.
    """
    try:
        page = await client.list(resource, namespace, label_selector=label_selector)
    except NotFound as error:
        raise _no_such_kind(resource) from error
    return tuple(
        {"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in page["items"]
    )


async def command(
    client: Client,
    resource: Resource,
    name: str,
    namespace: str,
    decide: Callable[[Object], Iterable[Patch]],
) -> bool:
    """Read the object, decide, and write only if it is still what was read; else decide anew.

    Returns:
        False when there was nothing to change.
    """
    for attempt in range(1, _TRIES + 1):
        seen = await read(client, resource, name, namespace)
        patches = tuple(decide(seen))
        try:
            await _send(client, resource, seen, patches)
        except Conflict:
            if attempt == _TRIES:
                raise
            continue
        return bool(patches)
    return False


async def _send(client: Client, resource: Resource, seen: Object, patches: tuple[Patch, ...]) -> None:
    metadata = seen["metadata"]
    version = metadata["resourceVersion"]
    for patch in patches:
        if patch.name:
            await _patch(client, patch, patch.name, metadata["namespace"], patch.body)
            continue
        written = await _patch(
            client, patch, metadata["name"], metadata["namespace"], _if_unchanged(patch, version)
        )
        version = written["metadata"]["resourceVersion"]


async def _patch(client: Client, patch: Patch, name: str, namespace: str, body: object) -> Object:
    return await client.patch(
        patch.resource, name, body, namespace, type=patch.type, subresource=patch.subresource
    )


def _if_unchanged(patch: Patch, version: str) -> object:
    if patch.type == "json":
        return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}, *patch.body]
    metadata = {**patch.body.get("metadata", {}), "resourceVersion": version}
    return {**patch.body, "metadata": metadata}


async def until(
    states: AsyncGenerator[View, None],
    reached: Callable[[View], bool],
    *,
    waited_for: str,
    timeout: Duration = None,
    on_change: Callable[[View], None] | None = None,
) -> View:
    """Follow until a state is reached; `reached` may raise to give up.

    Raises:
        WaitTimeout: it was not reached in time; holds the last state.
    """
    limit = seconds(timeout)
    last: View | None = None
    try:
        async with asyncio.timeout(None if math.isinf(limit) else limit), aclosing(states):
            async for state in states:
                last = state
                if on_change is not None:
                    on_change(state)
                if reached(state):
                    return state
    except TimeoutError:
        if last is None:
            raise NotThere(f"{waited_for}: nothing was seen within {limit:g} s") from None
        raise WaitTimeout(last, waited_for, limit) from None
    raise AssertionError("following an object has no end")


def seconds(duration: Duration) -> float:
    """Read a limit; infinite without one.

    Raises:
        ValueError: the text is no duration.
    """
    if duration is None:
        return math.inf
    if isinstance(duration, str):
        return parse_duration(duration).total_seconds()
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    return float(duration)


def _no_such_kind(resource: Resource) -> NotThere:
    return NotThere(
        f"the cluster does not know the kind {resource.kind} ({resource.api_version}); "
        "install the definitions: rollouts crds | kubectl apply --server-side -f -"
    )


async def _not_there(client: Client, resource: Resource, name: str, namespace: str) -> str:
    kind = resource.kind.lower()
    missing = f'there is no {kind} "{name}" in namespace "{namespace}"'
    try:
        page = await client.list(resource, field_selector=f"metadata.name={name}")
    except ApiError:
        return missing
    elsewhere = sorted(item["metadata"]["namespace"] for item in page["items"])
    if elsewhere:
        return f"{missing}, but in: {', '.join(elsewhere)}; choose with --namespace"
    return missing
