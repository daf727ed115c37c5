"""The ways to change an object by a part of it: JSON merge patch, JSON patch, strategic merge patch."""

from types import MappingProxyType
from typing import Any

import jsonpatch
import jsonpointer

from rollouts.api.meta import Object
from rollouts.embedded.api.definitions import MERGE_KEY, STRATEGY, Schema, resolve
from rollouts.embedded.api.fieldset import child_schema
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.status import Refusal, bad_request, failed, invalid, unsupported_media, wrong

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def patched(kind: Kind, content_type: str, obj: Object, patch: Any) -> Object:
    """The object after the patch; `obj` is the caller's to give away.

    Raises:
        Refusal: 400 for a malformed patch, 415 for a kind of patch that this kind does not take, 422 for a
            JSON patch whose test fails or whose path is not there.
    """
    if content_type == JSON:
        return _json_patch(obj, patch)
    if not isinstance(patch, dict):
        raise bad_request(f"a patch of type {content_type} must be a map, not {type(patch).__name__}")
    if content_type == MERGE:
        merged: Object = merge(obj, patch)
        return merged
    if content_type == STRATEGIC and not kind.custom:
        result: Object = strategic(resolve(kind.schema or {}), obj, patch)
        return result
    raise unsupported_media(accepted(kind))


def accepted(kind: Kind) -> tuple[str, ...]:
    """The patch types that a kind takes."""
    return (JSON, MERGE, APPLY) if kind.custom else (JSON, MERGE, STRATEGIC, APPLY)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, maps merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class _Replace(jsonpatch.ReplaceOperation):
    """As the API server replaces: in a map, also what is not there."""

    def apply(self, obj: Any) -> Any:
        parent, part = self.pointer.to_last(obj)
        if part is not None and isinstance(parent, dict):
            parent[part] = self.operation["value"]
            return obj
        return super().apply(obj)


class _JsonPatch(jsonpatch.JsonPatch):
    operations = MappingProxyType({**jsonpatch.JsonPatch.operations, "replace": _Replace})


def _json_patch(obj: Object, patch: Any) -> Object:
    if not isinstance(patch, list):
        raise bad_request("a JSON patch must be a list of operations")
    if not all(isinstance(operation, dict) for operation in patch):
        raise bad_request("error decoding patch: every operation must be a map")
    try:
        result = _JsonPatch(patch).apply(obj, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        message = "the server rejected our request due to an error in our request"
        raise Refusal(422, "Invalid", message) from error
    if not isinstance(result, dict):
        raise bad_request("the patch leaves no object")
    return result


def strategic(schema: Schema, target: Any, patch: Any) -> Any:
    """A strategic merge patch, for built-in types.

    Raises:
        Refusal: what does not retain what it says (400), fields of another type (422); an unknown directive,
            an element without its merge key or without its place in the order (500).
    """
    patch = dict(patch)
    directive = patch.pop("$patch", None)
    if directive == "replace":
        return patch
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise _unknown_directive(directive)
    result = _retained(target, patch)
    orders, removals = _lists(patch, "$setElementOrder/"), _lists(patch, "$deleteFromPrimitiveList/")
    for name, removed in removals.items():
        result[name] = [item for item in result.get(name) or () if item not in removed]
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged_field(_field(schema, name), result.get(name), value, name)
    for name, order in orders.items():
        key = _field(schema, name).get(MERGE_KEY, "")
        _names_all(key, patch.get(name) or (), order, name)
        if isinstance(result.get(name), list):
            result[name] = _ordered(key, result[name], order)
    return result


def _retained(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """What a patch leaves of a map before it changes it: with $retainKeys, only what that lists."""
    result = dict(target) if isinstance(target, dict) else {}
    retained = patch.pop("$retainKeys", None)
    if retained is None:
        return result
    _is_list(retained, "$retainKeys")
    if any(not key.startswith("$") and key not in retained for key in patch):
        raise bad_request("invalid patch format of retainKeys")
    return {key: value for key, value in result.items() if key in retained}


def _unknown_directive(directive: Any) -> Refusal:
    return failed(f"unknown patch type: {directive}; use merge, replace or delete in $patch")


def _names_all(key: str, items: Any, order: list[Any], name: str) -> None:
    """An order names what the patch holds, as far as that stays."""
    wanted = [entry.get(key) if isinstance(entry, dict) else entry for entry in order]
    for item in items:
        mark = item.get(key) if isinstance(item, dict) else item
        if mark not in wanted and not (isinstance(item, dict) and "$patch" in item):
            raise failed(f"The order in patch list {name} doesn't match $setElementOrder list: no {mark}")


def _lists(patch: dict[str, Any], prefix: str) -> dict[str, list[Any]]:
    """Take the directives about lists out of a patch, by the field they are about."""
    found = {key.removeprefix(prefix): patch.pop(key) for key in list(patch) if key.startswith(prefix)}
    for name, items in found.items():
        _is_list(items, prefix + name)
    return found


def _is_list(value: Any, name: str) -> None:
    if not isinstance(value, list):
        raise bad_request(f"{name} must be a list")


def _merged_field(schema: Schema, target: Any, value: Any, name: str) -> Any:
    if isinstance(value, dict):
        if schema.get("type") == "array":
            raise invalid("", "", "", [wrong("patch", name, "cannot restore slice from map")])
        return strategic(schema, target, value)
    if isinstance(value, list) and "merge" in str(schema.get(STRATEGY, "")):
        return _merge_list(schema, target or [], value, name)
    return value


def _field(schema: Schema, name: str) -> Schema:
    return resolve({"$ref": "V1ObjectMeta"}) if name == "metadata" else child_schema(schema, name)


def _merge_list(schema: Schema, target: list[Any], patch: list[Any], name: str) -> list[Any]:
    key = schema.get(MERGE_KEY)
    if not key:
        return [*target, *(item for item in patch if item not in target)]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    items = resolve(schema["items"])
    result = list(target)
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise failed(f"map: {change} in {name} does not contain declared merge key: {key}")
        if change.get("$patch") not in (None, "merge", "delete"):
            raise _unknown_directive(change["$patch"])
        at = next((index for index, item in enumerate(result) if item.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            result = [item for item in result if item.get(key) != change[key]]
        elif at is None:
            result.append(strategic(items, None, change))
        else:
            result[at] = strategic(items, result[at], change)
    return result


def _ordered(key: str, items: list[Any], order: list[Any]) -> list[Any]:
    """The elements that the order names, in that order; the others stay behind the one they stood behind."""
    wanted = [entry.get(key) if isinstance(entry, dict) else entry for entry in order]

    def mark(item: Any) -> Any:
        return item.get(key) if isinstance(item, dict) else item

    named = sorted(
        (item for item in items if mark(item) in wanted), key=lambda item: wanted.index(mark(item))
    )
    result = list(named)
    for index, item in enumerate(items):
        if mark(item) not in wanted:
            before = items[index - 1] if index else None
            at = result.index(before) + 1 if before in result else 0
            result.insert(at, item)
    return result
