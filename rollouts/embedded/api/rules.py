"""Rules about a change in a custom kind's schema. Of CEL only `self == oldSelf` is understood."""

from collections.abc import Iterator
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api.definitions import Schema
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.schema import Path, render
from rollouts.embedded.api.status import Cause, wrong

_IMMUTABLE = "self == oldSelf"
_RULES = "x-kubernetes-validations"


def unsupported_rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """The rules that this server cannot keep, as pairs of path and rule."""
    for index, rule in enumerate(schema.get(_RULES) or ()):
        text = rule.get("rule", "")
        if " ".join(text.split()) != _IMMUTABLE:
            yield f"{path}.{_RULES}[{index}].rule", text
    for name, child in (schema.get("properties") or {}).items():
        yield from unsupported_rules(child, f"{path}.properties[{name}]")
    for word in ("items", "additionalProperties"):
        if isinstance(child := schema.get(word), dict):
            yield from unsupported_rules(child, f"{path}.{word}")


def has_rules(schema: Schema) -> bool:
    """Whether any rule stands in the schema."""
    if schema.get(_RULES):
        return True
    children = [
        *(schema.get("properties") or {}).values(),
        schema.get("items"),
        schema.get("additionalProperties"),
    ]
    return any(has_rules(child) for child in children if isinstance(child, dict))


def transition_errors(kind: Kind, new: Object, old: Object) -> Iterator[Cause]:
    """What may not change and did."""
    if kind.custom and kind.schema and kind.has_rules:
        yield from _changed(kind.schema, new, old, ())


def _changed(schema: Schema, new: Any, old: Any, path: Path) -> Iterator[Cause]:
    for rule in schema.get(_RULES) or ():
        if new != old:
            yield wrong(render(path), new, rule.get("message") or f"failed rule: {rule['rule']}")
    if isinstance(new, dict) and isinstance(old, dict):
        extra = schema.get("additionalProperties")
        for name, value in new.items():
            child = (schema.get("properties") or {}).get(name) or (extra if isinstance(extra, dict) else None)
            if child is not None and name in old:
                yield from _changed(child, value, old[name], (name, path))
    elif isinstance(new, list) and isinstance(old, list) and schema.get("x-kubernetes-list-type") == "map":
        keys = schema["x-kubernetes-list-map-keys"]
        before = {tuple(item.get(key) for key in keys): item for item in old}
        for index, item in enumerate(new):
            match = before.get(tuple(item.get(key) for key in keys))
            if match is not None:
                yield from _changed(schema["items"], item, match, (index, path))
