"""The same objects as tables, or as their metadata alone, for clients that ask for it."""

import re
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import jsonpath
from rollouts.embedded.api.columns import COLUMNS, age
from rollouts.embedded.api.kinds import Column, Kind
from rollouts.embedded.api.status import Refusal
from rollouts.kube.transport import Request

_TABLE = re.compile(r"application/json;[^,]*as=Table[^,]*")
_METADATA = re.compile(r"application/json;[^,]*as=PartialObjectMetadata(List)?[^,]*")


def shaped(kind: Kind, body: Object, request: Request, clock: Callable[[], datetime]) -> Object:
    """A body as the request's Accept header wants it."""
    if "items" not in body and body.get("kind") != kind.kind:
        return body
    shape = _shape(kind, request, clock)
    return body if shape is None else shape(body)


async def watched(
    kind: Kind, events: AsyncGenerator[Object, None], request: Request, clock: Callable[[], datetime]
) -> AsyncGenerator[Object, None]:
    """The events of a watch as the request's Accept header wants them."""
    shape, is_first = _shape(kind, request, clock), True
    try:
        async for event in events:
            if shape is None or event["type"] == "ERROR":
                yield event
                continue
            obj = shape(event["object"])
            # Only the first event names the columns; a client keeps them.
            if obj["kind"] == "Table" and not is_first:
                del obj["columnDefinitions"]
            is_first = False
            yield {"type": event["type"], "object": obj}
    finally:
        await events.aclose()


def _shape(kind: Kind, request: Request, clock: Callable[[], datetime]) -> Callable[[Object], Object] | None:
    """How the first of the shapes that are asked for and known is made; None for objects as they are.

    Raises:
        Refusal: none is known (406).
    """
    accept = request.headers.get("accept", "")
    if "as=" not in accept:
        return None
    for wanted in accept.split(","):
        if _TABLE.search(wanted):
            included = request.query.get("includeObject", "Metadata") or "Metadata"
            return lambda body: table(kind, body, clock(), included)
        if _METADATA.search(wanted):
            return _metadata_only
        if "as=" not in wanted:
            return None
    raise Refusal(
        406, "NotAcceptable", f"objects can be shown as JSON, Table or PartialObjectMetadata: {accept}"
    )


def table(kind: Kind, body: Object, now: datetime, included: str = "Metadata") -> Object:
    """An object or a list as a Table; `included` is what each row carries: None, Metadata or Object."""
    heads, cells = _columns(kind)
    is_bookmark = "items" not in body and "name" not in body["metadata"]
    objects = body.get("items", [] if is_bookmark else [body])
    if is_bookmark and included != "None":
        # A bookmark has one row without cells, whose object carries the version.
        rows = [{"cells": [], "object": _metadata_only(body)}]
    else:
        rows = [_row(obj, [obj["metadata"]["name"], *cells(obj, now)], included) for obj in objects]
    meta = (
        body["metadata"]
        if "items" in body
        else {"resourceVersion": body["metadata"].get("resourceVersion", "")}
    )
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": heads,
        "rows": rows,
    }


def _row(obj: Object, cells: list[Any], included: str) -> Object:
    row: Object = {"cells": cells}
    if included == "Object":
        row["object"] = obj
    elif included == "Metadata":
        row["object"] = _metadata_only(obj)
    return row


def _metadata_only(obj: Object) -> Object:
    if "items" in obj:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": obj["metadata"],
            "items": [_metadata_only(item) for item in obj["items"]],
        }
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _head(name: str, type: str, priority: int = 0, description: str = "", format: str = "") -> Object:
    return {
        "name": name,
        "type": type,
        "format": format,
        "description": description or name,
        "priority": priority,
    }


_NAME = _head("Name", "string", format="name", description="The name of the object")


def _columns(kind: Kind) -> tuple[list[Object], Callable[[Object, datetime], list[Any]]]:
    if kind.key in COLUMNS:
        heads, cells = COLUMNS[kind.key]
        return [_NAME, *(_head(*head) for head in heads)], cells
    columns = kind.columns or (Column("Age", "date", ".metadata.creationTimestamp"),)
    own = [_head(each.name, each.type, each.priority, each.description, each.format) for each in columns]
    return [_NAME, *own], lambda obj, now: [_cell(each, obj, now) for each in columns]


def _cell(column: Column, obj: Object, now: datetime) -> Any:
    found = jsonpath.find(column.path, obj)
    if not found:
        return "<unknown>" if column.type == "date" and column.name == "Age" else None
    value = found[0] if len(found) == 1 else ",".join(str(each) for each in found)
    if column.type == "date":
        return age(value, now) if isinstance(value, str) else None
    if column.type == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
