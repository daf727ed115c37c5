"""Server-side apply: merge what a manager says into what is there, and find who it argues with."""

from dataclasses import replace
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import managers
from rollouts.embedded.api.definitions import Schema, resolve
from rollouts.embedded.api.fieldset import (
    FieldPath,
    child_schema,
    is_granular,
    item_key,
    leaf_key,
    leaves,
    list_type,
    parents,
    shown,
)
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.managers import Manager
from rollouts.embedded.api.status import Cause, Refusal

_SERVER_OWNED = (
    "resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip


def apply(kind: Kind, live: Object | None, config: Object, me: Manager, *, force: bool) -> Object:
    """The object after `me` applied `config`, with managedFields.

    Raises:
        Refusal: another manager owns a field that would change, and `force` is not set (409).
    """
    schema = resolve(kind.schema or {})
    meta = config["metadata"]
    version = meta.get("resourceVersion")
    config = {**config, "metadata": {key: value for key, value in meta.items() if key not in _SERVER_OWNED}}
    config = _of_part(kind, config, me.subresource)
    wanted = leaves(schema, config)
    mine = managers.of_part(wanted, kind, me.subresource)
    if live is None:
        managers.write(config, [replace(me, paths=mine)])
        return config
    owners = managers.first(kind, live)
    previous = next((owner for owner in owners if owner.is_same(me)), None)
    others = [owner for owner in owners if owner is not previous]
    merged: Object = _merge(schema, live, config, top=True)
    existing, coming = leaves(schema, live), leaves(schema, merged)
    changing = {path for path in coming if path not in existing or existing[path] != coming[path]}
    others = _argue(others, changing, force=force)
    if previous is not None:
        kept = frozenset().union(*(owner.paths for owner in others))
        # Elements before what is in them: without its key an element is not found again.
        # A map or a list goes with the last thing in it, and not before.
        around = parents(coming)
        for path in sorted(previous.paths - mine - kept - around, key=len):
            _remove(schema, merged, path)
        # An empty map that was applied as such stays.
        merged = _merge(schema, merged, config, top=True)
    merged["metadata"] = dict(merged["metadata"])
    if version:
        merged["metadata"]["resourceVersion"] = version
    if previous is not None and previous.paths == mine:
        me = replace(me, time=previous.time)
    managers.write(merged, [*others, replace(me, paths=mine)])
    return merged


def _of_part(kind: Kind, config: Object, part: str) -> Object:
    """What is said of this part of the object: of all else an apply says nothing."""
    if not kind.status:
        return config
    if part != "status":
        return {name: value for name, value in config.items() if name != "status"}
    named = {key: value for key, value in config["metadata"].items() if key in {"name", "namespace"}}
    said: Object = {name: config[name] for name in ("apiVersion", "kind", "status") if name in config}
    return {**said, "metadata": named}


def _argue(others: list[Manager], changing: set[FieldPath], *, force: bool) -> list[Manager]:
    """What the others still own after this write; without `force` they may lose nothing."""
    causes: list[Cause] = []
    told: list[str] = []
    left = []
    for owner in others:
        taken = sorted(shown(path) for path in owner.paths & changing)
        if taken:
            causes += [
                Cause("FieldManagerConflict", f"conflict with {_named(owner)}", path) for path in taken
            ]
            told.append(f"conflicts with {_named(owner)}:" + "".join(f"\n- {path}" for path in taken))
        left.append(replace(owner, paths=owner.paths - changing))
    if causes and not force:
        message = f"Apply failed with {len(causes)} conflicts: " + "\n".join(told)
        if len(causes) == 1:
            message = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
        raise Refusal(409, "Conflict", message, causes=causes)
    return left


def _named(owner: Manager) -> str:
    told = f'"{owner.name}"'
    if owner.subresource:
        told += f' with subresource "{owner.subresource}"'
    return f"{told} using {owner.api_version}" if owner.operation == "Update" else told


def _merge(schema: Schema, live: Any, config: Any, *, top: bool = False) -> Any:
    """What is said replaces what is there, down to the smallest thing that can be owned."""
    if isinstance(live, dict) and isinstance(config, dict) and is_granular(schema):
        merged = dict(live)
        for name, value in config.items():
            inner = (
                resolve({"$ref": "V1ObjectMeta"})
                if top and name == "metadata"
                else child_schema(schema, name)
            )
            merged[name] = _merge(inner, live[name], value) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(config, list) and list_type(schema) == "map":
        return _merge_keyed(schema, live, config)
    if isinstance(live, list) and isinstance(config, list) and list_type(schema) == "set":
        return [*live, *(item for item in config if item not in live)]
    return config


def _merge_keyed(schema: Schema, live: list[Any], config: list[Any]) -> list[Any]:
    """Applied elements come in the order applied; the others keep their place as far as that allows."""
    items = resolve(schema["items"])
    said = {item_key(schema, item): item for item in config}
    there = {item_key(schema, item): item for item in live}
    merged: list[Any] = []
    pending = list(said)
    for key, item in there.items():
        if key not in said:
            merged.append(item)
        elif key in pending:
            upto = pending.index(key) + 1
            merged += [_merge(items, there.get(each), said[each]) for each in pending[:upto]]
            del pending[:upto]
    return merged + [_merge(items, there.get(each), said[each]) for each in pending]


def _remove(schema: Schema, obj: Any, path: FieldPath) -> None:
    """Take a field out of a merged object without touching what it shares with the live one."""
    key, rest = path[0], path[1:]
    kind, _, name = key.partition(":")
    if kind == "f":
        if not isinstance(obj, dict) or name not in obj:
            return
        if not rest:
            del obj[name]
            return
        inner = resolve({"$ref": "V1ObjectMeta"}) if name == "metadata" else child_schema(schema, name)
        child = obj[name]
        child = dict(child) if isinstance(child, dict) else list(child) if isinstance(child, list) else child
        _remove(inner, child, rest)
        if child or name == "metadata":
            obj[name] = child
        else:
            del obj[name]
        return
    if not isinstance(obj, list):
        return
    if kind == "v":
        obj[:] = [item for item in obj if leaf_key(item) != key]
        return
    for index, item in enumerate(obj):
        if item_key(schema, item) == key:
            if not rest:
                del obj[index]
            else:
                obj[index] = dict(item)
                _remove(resolve(schema["items"]), obj[index], rest)
            return
