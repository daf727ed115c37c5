"""What makes a definition of a custom kind unusable, told before it is served."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import jsonpath
from rollouts.embedded.api.definitions import Schema
from rollouts.embedded.api.rules import unsupported_rules
from rollouts.embedded.api.status import Cause, required, unsupported, wrong

_TYPES = ("string", "integer", "number", "boolean", "array", "object")
_SHAPES: Mapping[str, type[Any]] = {
    "type": str,
    "properties": dict,
    "items": dict,
    "required": list,
    "enum": list,
    "pattern": str,
    "allOf": list,
    "anyOf": list,
    "oneOf": list,
    "not": dict,
    "x-kubernetes-list-map-keys": list,
    "x-kubernetes-validations": list,
}
"""What the value of a keyword must be."""
_NO_CEL = "the embedded server keeps no CEL rule but `self == oldSelf`; remove the rule"


def definition_errors(crd: Object) -> Iterator[Cause]:
    """What is wrong with a CustomResourceDefinition."""
    spec = crd.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    for field in ("plural", "kind"):
        if not names.get(field):
            yield required(f"spec.names.{field}")
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if crd["metadata"].get("name") != wanted:
        yield wrong("metadata.name", crd["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group')
    if sum(bool(each.get("storage")) for each in versions) != 1:
        yield wrong("spec.versions", len(versions), "must have exactly one version marked as storage version")
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        yield unsupported("spec.conversion.strategy", spec["conversion"]["strategy"], ("None",))
    yield from _version_errors(versions)


def _version_errors(versions: list[Object]) -> Iterator[Cause]:
    for index, version in enumerate(versions):
        here = f"spec.versions[{index}]"
        yield from _column_errors(version, here)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            yield required(f"{here}.schema.openAPIV3Schema", "schemas are required")
            continue
        at = f"{here}.schema.openAPIV3Schema"
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield wrong(f"{at}.type", schema, "must be a schema of type object at the root")
            continue
        faults = list(_schema_errors(schema, at))
        yield from faults
        if not faults:
            for path, rule in unsupported_rules(schema, at):
                yield wrong(path, rule, _NO_CEL)


def _column_errors(version: Object, path: str) -> Iterator[Cause]:
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            jsonpath.parse(column["jsonPath"])
        except jsonpath.BadPath as error:
            here = f"{path}.additionalPrinterColumns[{index}].jsonPath"
            yield wrong(here, column["jsonPath"], str(error))


def _schema_errors(schema: Schema, path: str) -> Iterator[Cause]:
    """What would make a schema unusable: no type, an unknown one, a pattern that does not compile."""
    shapes = list(_shape_errors(schema, path))
    if shapes:
        yield from shapes
        return
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if "type" not in schema and not free:
        yield required(f"{path}.type", "must not be empty for specified object fields")
    if "pattern" in schema:
        try:
            re.compile(schema["pattern"])
        except re.error as error:
            yield wrong(f"{path}.pattern", schema["pattern"], f"must be a valid regular expression: {error}")
    if schema.get("type") == "array" and "items" not in schema:
        yield required(f"{path}.items", "must be specified")
    yield from _list_errors(schema, path)
    for name, child in schema.get("properties", {}).items():
        yield from _child_errors(child, f"{path}.properties[{name}]")
    for word in ("items", "additionalProperties"):
        if word in schema and not isinstance(schema[word], bool):
            yield from _child_errors(schema[word], f"{path}.{word}")


def _shape_errors(schema: Schema, path: str) -> Iterator[Cause]:
    for word, shape in _SHAPES.items():
        if word in schema and not isinstance(schema[word], shape):
            yield wrong(f"{path}.{word}", schema[word], f"must be of the JSON type for {shape.__name__}")
    if schema.get("type", "object") not in _TYPES:
        yield unsupported(f"{path}.type", schema["type"], _TYPES)


def _child_errors(child: Any, path: str) -> Iterator[Cause]:
    if isinstance(child, dict):
        yield from _schema_errors(child, path)
    else:
        yield wrong(path, child, "must be a schema")


def _list_errors(schema: Schema, path: str) -> Iterator[Cause]:
    kind = schema.get("x-kubernetes-list-type", "atomic")
    if kind not in ("atomic", "map", "set"):
        yield unsupported(f"{path}.x-kubernetes-list-type", kind, ("atomic", "map", "set"))
    if kind == "map" and not schema.get("x-kubernetes-list-map-keys"):
        here = f"{path}.x-kubernetes-list-map-keys"
        yield required(here, "must not be empty if x-kubernetes-list-type is map")
