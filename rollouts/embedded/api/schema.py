"""Structural schemas: fill defaults, drop what is unknown, say what is wrong; one walk does all three.

Not here: rules in CEL (`rules.py`) and what the API server knows of its own kinds beyond their shape
(`validation.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from rollouts.api.quantities import RULE, canonical
from rollouts.embedded.api.constraints import (
    Errors,
    choice,
    combinations,
    is_time,
    violations,
    whole_number,
)
from rollouts.embedded.api.definitions import Schema
from rollouts.embedded.api.shapes import Shape, read
from rollouts.embedded.api.status import Cause, duplicate, required, wrong_type

Path = tuple[Any, ...]
"""From the innermost key outwards: `(key, rest)`; rendered only when something is to be said."""

_TEXT: Schema = {"type": "string"}
_METADATA: Schema = {"$ref": "V1ObjectMeta"}
_ALWAYS = frozenset({"apiVersion", "kind", "metadata"})
_JSON_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


@dataclass(slots=True)
class Walk:
    """What one walk over an object found."""

    builtin: bool = False
    """The schema is that of a built-in type: quantities may be written as numbers."""
    unknown: list[str] = field(default_factory=list)
    """Paths of fields that the schema lacks; they are dropped."""
    mistyped: list[Cause] = field(default_factory=list)
    unreadable: list[Cause] = field(default_factory=list)
    """Values of the wrong type in metadata, which every kind's decoder reads."""
    causes: list[Cause] = field(default_factory=list)

    def object(self, schema: Schema, value: Any) -> Any:
        """Walk a whole Kubernetes object: apiVersion, kind and metadata belong to every schema."""
        return self.value(schema, value, (), embedded=True)

    def value(self, schema: Schema, value: Any, path: Path, *, embedded: bool = False) -> Any:
        """Walk one value; what comes back is new where it differs."""
        shape = read(schema)
        if value is None:
            if not shape.is_nullable and shape.wanted:
                self._mistype(shape.wanted, value, path)
            return value
        if shape.is_count_or_text:
            return self._count_or_text(shape, value, path)
        wanted = shape.wanted
        if wanted is not None and type(value) is not shape.exact and not _JSON_TYPES[wanted](value):
            if not (wanted == "integer" and isinstance(value, float) and value.is_integer()):
                self._mistype(wanted, value, path)
                self.causes += choice(shape.schema, value, render(path))
                return value
            value = int(value)
        if isinstance(value, dict):
            value = self._dict(shape, value, path, embedded or shape.is_resource)
        elif isinstance(value, list):
            value = self._list(shape, value, path)
        if shape.says_more and not (shape.is_time and isinstance(value, str) and is_time(value)):
            self.causes += violations(shape.schema, value, render(path), _errors_at(path))
        return value

    def _mistype(self, wanted: str, value: Any, path: Path) -> None:
        at, seen = render(path), _type_name(value)
        cause = wrong_type(at, seen, f'{at} in body must be of type {wanted}: "{seen}"')
        self.mistyped.append(cause)
        if wanted == "integer" and seen == "number":
            self.mistyped.append(whole_number(at))

    def _count_or_text(self, shape: Shape, value: Any, path: Path) -> Any:
        schema = shape.schema
        if self.builtin and schema.get("format") == "quantity":
            text = canonical(value)
            if text is None:
                self.mistyped.append(wrong_type(render(path), value, RULE))
            return text
        if not isinstance(value, int | str) or isinstance(value, bool):
            self._mistype("integer,string", value, path)
            self.causes += combinations(schema, value, render(path), _errors_at(path))
        elif shape.says_more:
            self.causes += violations(schema, value, render(path), _errors_at(path))
        return value

    def _dict(self, shape: Shape, value: dict[str, Any], path: Path, embedded: bool) -> dict[str, Any]:
        plain, properties, others = shape.plain, shape.properties, shape.others
        result: dict[str, Any] = {}
        for name, item in value.items():
            if type(item) is plain.get(name):
                result[name] = item
                continue
            known = properties.get(name)
            if embedded and name in _ALWAYS:
                if name == "metadata":
                    result[name] = self._metadata(item, (name, path))
                    continue
                known = _TEXT
            if known is None and others is not None:
                if type(item) is shape.plain_others:
                    result[name] = item
                    continue
                known = others
            if known is not None:
                if item is None and not known.get("nullable"):
                    continue
                result[name] = self.value(known, item, (name, path))
            elif shape.keeps_unknown or (shape.names_nothing and not embedded):
                result[name] = item
            else:
                self.unknown.append(render((name, path)))
        self._complete(shape, result, path, embedded)
        return result

    def _metadata(self, value: Any, path: Path) -> Any:
        """Metadata is read as a built-in type in every kind."""
        inner = Walk(builtin=True)
        value = inner.value(_METADATA, value, path)
        self.unknown += inner.unknown
        self.unreadable += inner.mistyped
        self.causes += inner.causes
        return value

    def _complete(self, shape: Shape, result: dict[str, Any], path: Path, embedded: bool) -> None:
        """Fill in defaults, and miss what is required."""
        for name, known in shape.defaulted:
            if name not in result:
                result[name] = self.value(known, _copy(known["default"]), (name, path))
        needed = shape.needed
        if embedded and path:
            # An object in an object says what it is.
            needed = ("apiVersion", "kind", *needed)
        for name in needed:
            if name not in result and not (embedded and not path and name in _ALWAYS):
                self.causes.append(required(render((name, path))))

    def _list(self, shape: Shape, value: list[Any], path: Path) -> list[Any]:
        items = shape.items
        if items is None:
            return value
        result: list[Any] = [
            item if type(item) is shape.plain_items else self.value(items, item, (index, path))
            for index, item in enumerate(value)
        ]
        kind = shape.schema.get("x-kubernetes-list-type")
        if kind == "set":
            self._unique(result, path)
        elif kind == "map" and all(isinstance(item, dict) for item in result):
            keys = shape.schema["x-kubernetes-list-map-keys"]
            self._unique([{key: item[key] for key in keys if key in item} for item in result], path)
        return result

    def _unique(self, items: list[Any], path: Path) -> None:
        marks = [orjson.dumps(item) for item in items]
        if len(set(marks)) == len(marks):
            return
        seen: set[bytes] = set()
        for index, mark in enumerate(marks):
            if mark in seen:
                self.causes.append(duplicate(render((index, path)), items[index]))
            seen.add(mark)


def _errors_at(path: Path) -> Errors:
    """All that is wrong with the value at a path, by a schema."""

    def errors(part: Schema, value: Any) -> list[Cause]:
        walk = Walk()
        walk.value(part, value, path)
        return [*walk.mistyped, *walk.causes]

    return errors


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    return next((name for name, fits in _JSON_TYPES.items() if fits(value)), type(value).__name__)


def render(path: Path) -> str:
    """A path as messages write it: `spec.containers[0].name`."""
    keys: list[Any] = []
    while path:
        key, path = path
        keys.append(key)
    text = ""
    for key in reversed(keys):
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text or "<root>"
