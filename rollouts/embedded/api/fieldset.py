"""Sets of fields, as managedFields writes them (FieldsV1): which leaves an object has and what they hold.

A path is a tuple of FieldsV1 keys: `f:name` for a field, `k:{"name":"a"}` for an element of a keyed list,
`v:"x"` for an element of a set. The path of an element of a keyed list stands for the element itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from rollouts.api.meta import Object
from rollouts.embedded.api.definitions import Schema, resolve

FieldPath = tuple[str, ...]
Leaves = dict[FieldPath, Any]
_UNTYPED: Schema = {}
_OWNABLE_METADATA = frozenset({"labels", "annotations", "finalizers", "ownerReferences"})


def child_schema(schema: Schema, name: str) -> Schema:
    """The schema of a field of an object; of an unknown one, that of anything."""
    known = (schema.get("properties") or {}).get(name)
    if known is None:
        known = schema.get("additionalProperties")
    return resolve(known) if isinstance(known, dict) else _UNTYPED


def item_key(schema: Schema, item: Mapping[str, Any]) -> str:
    """The key of an element of a keyed list; a key that is left out counts as its default."""
    items = resolve(schema["items"])
    found = {}
    for key in sorted(schema["x-kubernetes-list-map-keys"]):
        value = item.get(key, (items.get("properties") or {}).get(key, {}).get("default"))
        if value is not None:
            found[key] = value
    return "k:" + orjson.dumps(found).decode()


def leaf_key(item: Any) -> str:
    """The key of an element of a set."""
    return "v:" + orjson.dumps(item).decode()


def is_granular(schema: Schema) -> bool:
    """Whether a map's fields are owned one by one."""
    return bool(schema.get("x-kubernetes-map-type", "granular") == "granular")


def list_type(schema: Schema) -> str:
    """`map`, `set` or `atomic`."""
    return str(schema.get("x-kubernetes-list-type", "atomic"))


def leaves(schema: Schema, obj: Object) -> Leaves:
    """The fields of an object that can be owned, and their values."""
    schema = resolve(schema)
    found: Leaves = {}
    for name, value in obj.items():
        if name in {"apiVersion", "kind"}:
            continue
        if name == "metadata":
            meta = resolve({"$ref": "V1ObjectMeta"})
            for key in _OWNABLE_METADATA & value.keys():
                found.update(_leaves(child_schema(meta, key), value[key], ("f:metadata", f"f:{key}")))
            continue
        found.update(_leaves(child_schema(schema, name), value, (f"f:{name}",)))
    return found


def _leaves(schema: Schema, value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, dict) and value and is_granular(schema):
        for name, item in value.items():
            yield from _leaves(child_schema(schema, name), item, (*path, f"f:{name}"))
    elif isinstance(value, list) and value and list_type(schema) == "map":
        items = resolve(schema["items"])
        for item in value:
            here = (*path, item_key(schema, item))
            yield here, None
            for name, inner in item.items():
                yield from _leaves(child_schema(items, name), inner, (*here, f"f:{name}"))
    elif isinstance(value, list) and value and list_type(schema) == "set":
        for item in value:
            yield (*path, leaf_key(item)), item
    else:
        yield path, value


def parents(paths: Iterable[FieldPath]) -> set[FieldPath]:
    """The maps and lists around leaves."""
    around = {path[:size] for path in paths for size in range(1, len(path))}
    return {path for path in around if path[-1].startswith("f:")}


def changed(before: Leaves, after: Leaves) -> set[FieldPath]:
    """The leaves that were added, changed or removed."""
    differing = {path for path, value in after.items() if path not in before or before[path] != value}
    return differing | (before.keys() - after.keys())


def to_fields(paths: Iterable[FieldPath]) -> Object:
    """Write a set of paths as FieldsV1."""
    root: Object = {}
    for path in sorted(paths):
        node = root
        for index, key in enumerate(path):
            if index and not node and index < len(path) and path[:index] in paths:
                # What stood here as a leaf stays owned beside its children.
                node["."] = {}
            node = node.setdefault(key, {})
        if node:
            node["."] = {}
    return root


def from_fields(fields: Mapping[str, Any], path: FieldPath = ()) -> Iterator[FieldPath]:
    """Read FieldsV1 as paths."""
    for key, inner in fields.items():
        if key == ".":
            yield path
        elif not inner:
            yield (*path, key)
        else:
            yield from from_fields(inner, (*path, key))


def shown(path: FieldPath) -> str:
    """A path as conflicts write it: `.spec.containers[name="a"].image`."""
    text = ""
    for key in path:
        kind, _, rest = key.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            pairs = ",".join(f"{k}={orjson.dumps(v).decode()}" for k, v in orjson.loads(rest).items())
            text += f"[{pairs}]"
        else:
            text += f"[={rest}]"
    return text
