"""The shapes of the built-in types, with how their lists merge written into them as CRDs say it."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from rollouts.embedded.api.merge_keys import KEY_DEFAULTS, MERGES, Merge

Schema = Mapping[str, Any]
MERGE_KEY = "x-kubernetes-patch-merge-key"
STRATEGY = "x-kubernetes-patch-strategy"


@cache
def definitions() -> Mapping[str, Schema]:
    """All built-in types by name."""
    raw = orjson.loads(files("rollouts.embedded.api").joinpath("builtins.json").read_bytes())
    for name, schema in raw.items():
        _annotate(raw, schema, MERGES.get(name, {}))
    return dict(raw)


def _annotate(raw: dict[str, Any], schema: dict[str, Any], rows: Mapping[str, Merge]) -> None:
    for field, prop in schema.get("properties", {}).items():
        if prop.get("type") == "array":
            prop["x-kubernetes-list-type"] = "atomic"
        if prop.get("additionalProperties") == {"x-kubernetes-int-or-string": True}:
            # Limits, requests and the like.
            prop["additionalProperties"]["format"] = "quantity"
        if field in rows:
            prop.update(_extensions(rows[field], prop))
            _default_keys(raw, rows[field], prop)
    if "*" in rows:
        schema["x-kubernetes-map-type"] = "atomic"


def _extensions(merge: Merge, prop: Schema) -> dict[str, Any]:
    found: dict[str, Any] = {}
    strategies = [
        *(["merge"] if merge.key or merge.set else []),
        *(["retainKeys"] if merge.retain_keys else []),
    ]
    if strategies:
        found[STRATEGY] = ",".join(strategies)
    if merge.key:
        found[MERGE_KEY] = merge.key
    if merge.keys:
        found["x-kubernetes-list-type"] = "map"
        found["x-kubernetes-list-map-keys"] = list(merge.keys)
    if merge.set:
        found["x-kubernetes-list-type"] = "set"
    if merge.atomic and prop.get("type") == "object":
        found["x-kubernetes-map-type"] = "atomic"
    return found


def _default_keys(raw: dict[str, Any], merge: Merge, prop: Schema) -> None:
    target = raw.get(prop.get("items", {}).get("$ref", ""))
    for key in merge.keys:
        if key in KEY_DEFAULTS and target:
            target["properties"][key]["default"] = KEY_DEFAULTS[key]


def resolve(schema: Schema) -> Schema:
    """Follow a reference to a built-in type; what stands beside the reference counts too."""
    ref = schema.get("$ref")
    if ref is None:
        return schema
    target: Schema = definitions()[ref]
    return target if len(schema) == 1 else {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
