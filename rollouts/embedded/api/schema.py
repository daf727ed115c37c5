"""Structural schemas: fill defaults, drop what is unknown, say what is wrong; one walk does all three.

Not here: rules in CEL (`rules.py`) and what the API server knows of its own kinds beyond their shape
(`validation.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from rollouts.embedded.api.constraints import KEYWORDS, Errors, choice, combinations, violations, whole_number
from rollouts.embedded.api.definitions import Schema, resolve
from rollouts.embedded.api.quantities import RULE, canonical
from rollouts.embedded.api.status import Cause, duplicate, required, wrong_type

Path = tuple[Any, ...]
"""From the innermost key outwards: `(key, rest)`; rendered only when something is to be said."""

_NOTHING: Schema = {}
_PLAIN: dict[Any, type] = {"string": str, "boolean": bool, "integer": int}
"""Values of just these types, under a schema that says nothing else, need no closer look."""
_SAYS_NOTHING = frozenset({"type", "description", "nullable", "default"})
"""Of a value that is there and has its type; the format of a whole number neither."""
_KNOWN: dict[int, "_Properties"] = {}
_MANY = 10_000
"""Maps of properties, several times as many as a server knows, after which they are remembered anew."""
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
        schema = resolve(schema)
        if value is None:
            if not schema.get("nullable") and schema.get("type"):
                self._mistype(schema["type"], value, path)
            return value
        if schema.get("x-kubernetes-int-or-string"):
            return self._count_or_text(schema, value, path)
        wanted = schema.get("type")
        if wanted is not None and not _JSON_TYPES[wanted](value):
            if not (wanted == "integer" and isinstance(value, float) and value.is_integer()):
                self._mistype(wanted, value, path)
                self.causes += choice(schema, value, render(path))
                return value
            value = int(value)
        if isinstance(value, dict):
            value = self._dict(
                schema, value, path, embedded or schema.get("x-kubernetes-embedded-resource", False)
            )
        elif isinstance(value, list):
            value = self._list(schema, value, path)
        if not KEYWORDS.isdisjoint(schema):
            self.causes += violations(schema, value, render(path), _errors_at(path))
        return value

    def _mistype(self, wanted: str, value: Any, path: Path) -> None:
        at, seen = render(path), _type_name(value)
        cause = wrong_type(at, seen, f'{at} in body must be of type {wanted}: "{seen}"')
        self.mistyped.append(cause)
        if wanted == "integer" and seen == "number":
            self.mistyped.append(whole_number(at))

    def _count_or_text(self, schema: Schema, value: Any, path: Path) -> Any:
        if self.builtin and schema.get("format") == "quantity":
            text = canonical(value)
            if text is None:
                self.mistyped.append(wrong_type(render(path), value, RULE))
            return text
        if not isinstance(value, int | str) or isinstance(value, bool):
            self._mistype("integer,string", value, path)
            self.causes += combinations(schema, value, render(path), _errors_at(path))
        elif not KEYWORDS.isdisjoint(schema):
            self.causes += violations(schema, value, render(path), _errors_at(path))
        return value

    def _dict(self, schema: Schema, value: dict[str, Any], path: Path, embedded: bool) -> dict[str, Any]:
        properties: Schema = schema.get("properties") or _NOTHING
        plain = _read(properties).plain
        extra = schema.get("additionalProperties")
        others = _plain_type(extra) if isinstance(extra, dict) else None
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
                known = {"type": "string"}
            if known is None and isinstance(extra, dict):
                if type(item) is others:
                    result[name] = item
                    continue
                known = extra
            if known is not None:
                if item is None and not known.get("nullable"):
                    continue
                result[name] = self.value(known, item, (name, path))
            elif _keeps_unknown(schema, embedded):
                result[name] = item
            else:
                self.unknown.append(render((name, path)))
        self._complete(schema, result, path, embedded)
        return result

    def _metadata(self, value: Any, path: Path) -> Any:
        """Metadata is read as a built-in type in every kind."""
        inner = Walk(builtin=True)
        value = inner.value({"$ref": "V1ObjectMeta"}, value, path)
        self.unknown += inner.unknown
        self.unreadable += inner.mistyped
        self.causes += inner.causes
        return value

    def _complete(self, schema: Schema, result: dict[str, Any], path: Path, embedded: bool) -> None:
        """Fill in defaults, and miss what is required."""
        for name, known in _read(schema.get("properties") or _NOTHING).defaulted:
            if name not in result:
                result[name] = self.value(known, _copy(known["default"]), (name, path))
        needed = schema.get("required") or ()
        if embedded and path:
            # An object in an object says what it is.
            needed = ("apiVersion", "kind", *needed)
        for name in needed:
            if name not in result and not (embedded and not path and name in _ALWAYS):
                self.causes.append(required(render((name, path))))

    def _list(self, schema: Schema, value: list[Any], path: Path) -> list[Any]:
        items = schema.get("items")
        if items is None:
            return value
        plain = _plain_type(items)
        result: list[Any] = [
            item if type(item) is plain else self.value(items, item, (index, path))
            for index, item in enumerate(value)
        ]
        kind = schema.get("x-kubernetes-list-type")
        if kind == "set":
            self._unique(result, path)
        elif kind == "map" and all(isinstance(item, dict) for item in result):
            keys = schema["x-kubernetes-list-map-keys"]
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


@dataclass(frozen=True, slots=True)
class _Properties:
    """What is read off the properties of a schema once, not for every value."""

    of: Schema
    """Kept, so that their id stays theirs."""
    plain: dict[str, type]
    """Those of which a value of this very type needs no closer look."""
    defaulted: tuple[tuple[str, Schema], ...]
    """Those that have a default."""


def _read(properties: Schema) -> _Properties:
    found = _KNOWN.get(id(properties))
    if found is None:
        if len(_KNOWN) >= _MANY:
            _KNOWN.clear()
        plain = {name: kind for name, known in properties.items() if (kind := _plain_type(known))}
        defaulted = tuple((name, known) for name, known in properties.items() if "default" in known)
        found = _KNOWN[id(properties)] = _Properties(properties, plain, defaulted)
    return found


def _plain_type(schema: Schema) -> type | None:
    """The type whose values need no closer look by a schema, if there is one."""
    wanted = schema.get("type")
    says = schema.keys() - {"format"} if wanted == "integer" else schema
    return _PLAIN.get(wanted) if _SAYS_NOTHING.issuperset(says) else None


def _keeps_unknown(schema: Schema, embedded: bool) -> bool:
    """Whether a map keeps what its schema does not name: one that names nothing at all does."""
    if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties") is True:
        return True
    return not (embedded or "type" in schema or schema.get("properties"))


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
