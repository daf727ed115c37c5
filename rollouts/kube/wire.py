"""What the API server sends over lists and watches, checked before it is believed.

Whatever is not as it should be is Unreadable, with a message that shows it; nothing is guessed or left out.
"""

from dataclasses import dataclass
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.errors import Unreadable, from_status

_TYPES = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch."""

    type: str
    """ADDED, MODIFIED, DELETED or BOOKMARK."""
    object: Object
    version: str
    """metadata.resourceVersion; empty where there is none."""
    ends_list: bool = False
    """Whether it is the bookmark behind the initial objects."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: list[Object]
    version: str
    token: str
    """Where the next page begins; empty for none."""


def event(raw: Any, what: str) -> Event:
    """Read an event of a watch of `what`.

    Raises:
        ApiError: it is an error, 410 Gone among them.
        Unreadable: it is no event.
    """
    kind = raw.get("type") if isinstance(raw, dict) else None
    obj = raw.get("object") if isinstance(raw, dict) else None
    if not isinstance(obj, dict):
        raise Unreadable(f"watch of {what}: an event without an object: {_shown(raw)}")
    if kind == "ERROR":
        code = obj.get("code")
        raise from_status(code if isinstance(code, int) else 500, obj, f"watch of {what}")
    if kind not in _TYPES:
        raise Unreadable(f"watch of {what}: an event of unknown type {_shown(kind)}")
    metadata = _metadata(obj, what)
    annotations = metadata.get("annotations")
    ends_list = isinstance(annotations, dict) and annotations.get("k8s.io/initial-events-end") == "true"
    if kind != "BOOKMARK":
        named(obj, what)
    return Event(kind, obj, _version(metadata), kind == "BOOKMARK" and ends_list)


def page(raw: Object, what: str) -> Page:
    """Read a page of a list of `what`; its items are checked by `named`.

    Raises:
        Unreadable: it is no list.
    """
    metadata = _metadata(raw, what)
    items = raw.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unreadable(f"list of {what}: items that are none: {_shown(items)}")
    return Page(items, _version(metadata), str(metadata.get("continue") or ""))


def named(obj: Object, what: str) -> Object:
    """The same object, which has a name.

    Raises:
        Unreadable: it has none.
    """
    metadata = _metadata(obj, what)
    if not isinstance(metadata.get("name"), str) or not isinstance(metadata.get("namespace") or "", str):
        raise Unreadable(f"{what}: an object without a name: {_shown(obj)}")
    return obj


def slim(obj: Object) -> Object:
    """An object without managedFields, which are half of it and which no reader wants."""
    metadata = obj["metadata"]
    if "managedFields" not in metadata:
        return obj
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    return {**obj, "metadata": kept}


def _metadata(obj: Object, what: str) -> Object:
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise Unreadable(f"{what}: an object without metadata: {_shown(obj)}")
    return metadata


def _version(metadata: Object) -> str:
    return str(metadata.get("resourceVersion") or "")


def _shown(value: Any) -> str:
    return repr(value)[:200]
