"""Structural schemas: fill defaults, drop what is unknown, say what is wrong; one walk does all three.

Not here: rules in CEL (`rules.py`) and what the API server knows of its own kinds beyond their shape
(`validation.py`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from rollouts.api.meta import parse_time
from rollouts.embedded.api.definitions import Schema, resolve
from rollouts.embedded.api.status import Cause, required, unsupported, wrong, wrong_type

Path = tuple[Any, ...]
"""From the innermost key outwards: `(key, rest)`; rendered only when something is to be said."""

_NOTHING: Schema = {}
_CONSTRAINTS = frozenset(
    {
        "enum",
        "pattern",
        "format",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "multipleOf",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
    }
)
_PLAIN: dict[Any, type] = {"string": str, "boolean": bool, "integer": int}
"""Values of just these types, under a schema that says nothing else, need no closer look."""
_DEFAULTED: dict[int, tuple[Schema, tuple[tuple[str, Schema], ...]]] = {}
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

    drop_nulls: bool = False
    """A null is as good as absent, as for the built-in kinds; else it must be nullable."""
    unknown: list[str] = field(default_factory=list)
    """Paths of fields that the schema lacks; they are dropped."""
    mistyped: list[Cause] = field(default_factory=list)
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
        wanted = schema.get("type")
        if schema.get("x-kubernetes-int-or-string"):
            # Floats come as quantities.
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                self._mistype("integer or string", value, path)
                return value
        elif wanted is not None and not _JSON_TYPES[wanted](value):
            if not (wanted == "integer" and isinstance(value, float) and value.is_integer()):
                self._mistype(wanted, value, path)
                return value
            value = int(value)
        if isinstance(value, dict):
            value = self._dict(
                schema, value, path, embedded or schema.get("x-kubernetes-embedded-resource", False)
            )
        elif isinstance(value, list):
            value = self._list(schema, value, path)
        if not _CONSTRAINTS.isdisjoint(schema):
            self._constraints(schema, value, path)
        return value

    def _mistype(self, wanted: str, value: Any, path: Path) -> None:
        at, seen = render(path), _type_name(value)
        cause = wrong_type(at, seen, f'{at} in body must be of type {wanted}: "{seen}"')
        self.mistyped.append(cause)

    def _dict(self, schema: Schema, value: dict[str, Any], path: Path, embedded: bool) -> dict[str, Any]:
        properties: Schema = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        result: dict[str, Any] = {}
        for name, item in value.items():
            known = properties.get(name)
            if embedded and name in _ALWAYS:
                if name == "metadata":
                    result[name] = self._metadata(item, (name, path))
                    continue
                known = {"type": "string"}
            if known is None and isinstance(extra, dict):
                known = extra
            if known is not None:
                if len(known) == 1 and type(item) is _PLAIN.get(known.get("type")):
                    result[name] = item
                    continue
                if item is None and not known.get("nullable") and (self.drop_nulls or "default" in known):
                    continue
                result[name] = self.value(known, item, (name, path))
            elif _keeps_unknown(schema, embedded):
                result[name] = item
            else:
                self.unknown.append(render((name, path)))
        self._complete(schema, result, path, embedded)
        return result

    def _metadata(self, value: Any, path: Path) -> Any:
        """In metadata a null is as good as absent for every kind: it is always read as a built-in type."""
        inner = Walk(drop_nulls=True)
        value = inner.value({"$ref": "V1ObjectMeta"}, value, path)
        self.unknown += inner.unknown
        self.mistyped += inner.mistyped
        self.causes += inner.causes
        return value

    def _complete(self, schema: Schema, result: dict[str, Any], path: Path, embedded: bool) -> None:
        """Fill in defaults, and miss what is required."""
        for name, known in _with_defaults(schema.get("properties") or _NOTHING):
            if name not in result:
                result[name] = self.value(known, _copy(known["default"]), (name, path))
        for name in schema.get("required") or ():
            if name not in result and not (embedded and name in _ALWAYS):
                self.causes.append(required(render((name, path))))

    def _list(self, schema: Schema, value: list[Any], path: Path) -> list[Any]:
        items = schema.get("items")
        if items is None:
            return value
        result = [self.value(items, item, (index, path)) for index, item in enumerate(value)]
        kind = schema.get("x-kubernetes-list-type")
        if kind == "set":
            self._unique([orjson.dumps(item) for item in result], result, path)
        elif kind == "map" and all(isinstance(item, dict) for item in result):
            keys = schema["x-kubernetes-list-map-keys"]
            self._unique([orjson.dumps([item.get(key) for key in keys]) for item in result], result, path)
        return result

    def _unique(self, marks: list[bytes], items: list[Any], path: Path) -> None:
        if len(set(marks)) == len(marks):
            return
        seen: set[bytes] = set()
        for index, mark in enumerate(marks):
            if mark in seen:
                shown = orjson.dumps(items[index]).decode()[:200]
                self.causes.append(
                    Cause("FieldValueDuplicate", f"Duplicate value: {shown}", render((index, path)))
                )
            seen.add(mark)

    def _constraints(self, schema: Schema, value: Any, path: Path) -> None:
        choices = schema.get("enum")
        if choices is not None and value not in choices:
            self.causes.append(unsupported(render(path), value, [str(choice) for choice in choices]))
        if isinstance(value, str):
            self._text(schema, value, path)
        elif isinstance(value, list):
            self._bounds(schema, value, path, "Items", "items")
        elif isinstance(value, dict):
            self._bounds(schema, value, path, "Properties", "properties")
        elif not isinstance(value, bool):
            self._number(schema, value, path)
        self._combinations(schema, value, path)

    def _wrong(self, path: Path, value: Any, why: str) -> None:
        at = render(path)
        self.causes.append(wrong(at, value, f"{at} in body {why}"))

    def _text(self, schema: Schema, value: str, path: Path) -> None:
        self._bounds(schema, value, path, "Length", "chars long")
        pattern = schema.get("pattern")
        if pattern is not None and not _compiled(pattern).search(value):
            self._wrong(path, value, f"should match '{pattern}'")
        if schema.get("format") == "date-time" and not _is_time(value):
            self._wrong(path, value, f'must be of type date-time: "{value}"')

    def _bounds(self, schema: Schema, value: Any, path: Path, what: str, unit: str) -> None:
        low, high, size = schema.get(f"min{what}"), schema.get(f"max{what}"), len(value)
        if low is not None and size < low:
            self._wrong(path, value, f"should have at least {low} {unit}")
        if high is not None and size > high:
            self._wrong(path, value, f"should have at most {high} {unit}")

    def _number(self, schema: Schema, value: float, path: Path) -> None:
        low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
        if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
            more = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
            self._wrong(path, value, f"should be {more} {low}")
        if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
            less = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
            self._wrong(path, value, f"should be {less} {high}")
        if step and value % step:
            self._wrong(path, value, f"should be a multiple of {step}")

    def _combinations(self, schema: Schema, value: Any, path: Path) -> None:
        for part in schema.get("allOf") or ():
            self._constraints_of(part, value, path)
        if not schema.get("x-kubernetes-int-or-string"):
            some, one = schema.get("anyOf"), schema.get("oneOf")
            if some and all(_errors(part, value) for part in some):
                self._wrong(path, value, "must validate at least one schema (anyOf)")
            if one and sum(not _errors(part, value) for part in one) != 1:
                self._wrong(path, value, "must validate one and only one schema (oneOf)")
        if schema.get("not") and not _errors(schema["not"], value):
            self._wrong(path, value, "must not validate the schema (not)")

    def _constraints_of(self, part: Schema, value: Any, path: Path) -> None:
        inner = Walk()
        inner.value(part, value, path)
        self.causes += [*inner.mistyped, *inner.causes]


def _with_defaults(properties: Schema) -> tuple[tuple[str, Schema], ...]:
    """The properties that have a default. Remembered with the properties, so that an id stays theirs."""
    found = _DEFAULTED.get(id(properties))
    if found is None:
        defaulted = tuple((name, known) for name, known in properties.items() if "default" in known)
        found = _DEFAULTED[id(properties)] = (properties, defaulted)
    return found[1]


def _keeps_unknown(schema: Schema, embedded: bool) -> bool:
    """Whether a map keeps what its schema does not name: one that names nothing at all does."""
    if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties") is True:
        return True
    return not (embedded or "type" in schema or schema.get("properties"))


def _errors(part: Schema, value: Any) -> bool:
    walk = Walk()
    walk.value(part, value, ())
    return bool(walk.causes or walk.mistyped)


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True


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
        elif re.fullmatch(r"[A-Za-z_$][\w$-]*", key):
            text += f".{key}" if text else key
        else:
            text += f"[{key}]"
    return text or "<root>"
