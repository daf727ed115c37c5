"""What a walk over values has to know of their schemas, read off each schema once and not at every value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.embedded.api.constraints import KEYWORDS
from rollouts.embedded.api.definitions import Schema, resolve

_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}
_PLAIN = ("string", "integer", "boolean")
_SAYS_NOTHING = frozenset({"type", "description", "nullable", "default"})
"""Of a value that is there and has its type; the format of a whole number neither."""
_NOTHING: Schema = {}
_READ: dict[int, "Shape"] = {}
_MANY = 20_000
"""Schemas, several times as many as a server knows, after which they are read anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One schema, without those of what is in its values."""

    source: Schema
    """As it was given; kept, so that its id stays its own."""
    schema: Schema
    """With a reference to a built-in type followed."""
    wanted: str | None
    """The JSON type that is asked for."""
    exact: type | None
    """Values of just this Python type have that JSON type."""
    is_nullable: bool
    is_count_or_text: bool
    is_time: bool
    """It asks for a time, and for nothing else."""
    is_resource: bool
    """Its values are Kubernetes objects."""
    says_more: bool
    """It has a keyword that says more than a type."""
    properties: Schema
    plain: Mapping[str, type]
    """The properties of which a value of just this type needs no closer look."""
    defaulted: tuple[tuple[str, Schema], ...]
    """The properties that have a default."""
    needed: tuple[str, ...]
    """The properties that are required."""
    others: Schema | None
    """The schema of what is no property."""
    plain_others: type | None
    items: Schema | None
    plain_items: type | None
    keeps_unknown: bool
    """Whether a map keeps what its schema does not name."""
    names_nothing: bool
    """It says nothing at all of what a map may hold, so that one which is no resource keeps everything."""


def read(schema: Schema) -> Shape:
    """The shape of a schema, which must not change any more."""
    found = _READ.get(id(schema))
    if found is None:
        if len(_READ) >= _MANY:
            _READ.clear()
        found = _READ[id(schema)] = _shape(schema)
    return found


def _shape(source: Schema) -> Shape:
    schema = resolve(source)
    wanted = schema.get("type")
    properties: Schema = schema.get("properties") or _NOTHING
    extra, items = schema.get("additionalProperties"), schema.get("items")
    others: Schema | None = extra if isinstance(extra, dict) else None
    keywords = KEYWORDS.intersection(schema)
    return Shape(
        source=source,
        schema=schema,
        wanted=wanted,
        exact=_TYPES.get(wanted) if wanted else None,
        is_nullable=bool(schema.get("nullable")),
        is_count_or_text=bool(schema.get("x-kubernetes-int-or-string")),
        is_time=keywords == {"format"} and schema["format"] == "date-time",
        is_resource=bool(schema.get("x-kubernetes-embedded-resource")),
        says_more=bool(keywords),
        properties=properties,
        plain={name: kind for name, known in properties.items() if (kind := _plain(known))},
        defaulted=tuple((name, known) for name, known in properties.items() if "default" in known),
        needed=tuple(schema.get("required") or ()),
        others=others,
        plain_others=_plain(others),
        items=items,
        plain_items=_plain(items),
        keeps_unknown=bool(schema.get("x-kubernetes-preserve-unknown-fields")) or extra is True,
        names_nothing=not ("type" in schema or properties),
    )


def _plain(schema: Any) -> type | None:
    """The type whose values need no closer look by a schema, if there is one."""
    if schema is None or schema.get("type") not in _PLAIN:
        return None
    wanted = schema["type"]
    says = schema.keys() - {"format"} if wanted == "integer" else schema
    return _TYPES[wanted] if _SAYS_NOTHING.issuperset(says) else None
