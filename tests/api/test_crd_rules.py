"""What an API server checks before it serves a definition, so that `kubectl apply` is no surprise.

The rules are those of `apiextensions.k8s.io/v1`: structural schemas, rules in CEL, defaults that survive
their own schema, columns and the scale subresource that point at fields, and sizes.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from rollouts.api import crd
from rollouts.embedded.api.definition_checks import definition_errors

DEFINITIONS = {each["spec"]["names"]["kind"]: each for each in crd.crds()}
ANY_COUNT = [{"type": "integer"}, {"type": "string"}]
DEEPEST = 40
LONGEST_TEXT = 2048
LONGEST_DEFINITION = 1024 * 1024
LONGEST_ANNOTATION = 256 * 1024
"""Of all annotations together; `kubectl apply` puts the whole definition into one."""
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def version(kind: str) -> Any:
    (only,) = DEFINITIONS[kind]["spec"]["versions"]
    return only


def schema(kind: str) -> Any:
    return version(kind)["schema"]["openAPIV3Schema"]


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema within a schema; `[]` stands for an entry of a list, `{}` for one of a map."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in node:
        yield from walk(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from walk(node["additionalProperties"], f"{path}{{}}")


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_the_embedded_api_server_takes_it(kind: str) -> None:
    assert list(definition_errors(DEFINITIONS[kind])) == []


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_names_are_such_as_an_api_server_takes(kind: str) -> None:
    definition = DEFINITIONS[kind]
    spec, names = definition["spec"], definition["spec"]["names"]
    assert definition["metadata"]["name"] == f"{names['plural']}.{spec['group']}"
    labels = [
        names["plural"],
        names["singular"],
        *names["shortNames"],
        kind.lower(),
        names["listKind"].lower(),
    ]
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", label) for label in labels)
    assert names["listKind"] != kind
    assert (version(kind)["served"], version(kind)["storage"]) == (True, True)


def test_no_two_kinds_answer_to_one_name() -> None:
    names = [each["spec"]["names"] for each in DEFINITIONS.values()]
    spoken = [word for each in names for word in (each["plural"], each["singular"], *each["shortNames"])]
    assert len(spoken) == len(set(spoken))


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_the_root_is_an_object_whose_metadata_is_left_to_the_api_server(kind: str) -> None:
    """A description of metadata alone is enough for a refusal."""
    root = schema(kind)
    assert root["type"] == "object"
    assert root["properties"]["metadata"] == {"type": "object"}
    assert root["properties"]["apiVersion"]["type"] == root["properties"]["kind"]["type"] == "string"
    assert "x-kubernetes-preserve-unknown-fields" not in root


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_type_stands_wherever_it_must_and_nowhere_else(kind: str) -> None:
    for path, node in walk(schema(kind)):
        if node.get("x-kubernetes-int-or-string"):
            assert node["anyOf"] == ANY_COUNT, path
            assert not node.keys() & {"type", "properties", "items", "additionalProperties"}, path
            continue
        assert "anyOf" not in node, path
        if node.get("x-kubernetes-preserve-unknown-fields"):
            assert node.get("type", "object") == "object", path
        else:
            assert node["type"] in TYPES, path
        assert ("items" in node) == (node.get("type") == "array"), path
        if node.keys() & {"properties", "additionalProperties"}:
            assert node["type"] == "object", path


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_limits_fit_the_type_that_they_limit(kind: str) -> None:
    for path, node in walk(schema(kind)):
        if node.keys() & {"minimum", "maximum"}:
            assert node["type"] in ("integer", "number"), path
            assert node.get("minimum", 0) <= node.get("maximum", 2**31), path
        choices = node.get("enum", [])
        assert len(choices) == len(set(choices)), path
        assert all(isinstance(choice, TYPES[node["type"]]) for choice in choices), path
        assert node.get("format", "date-time") == "date-time", path
        required = node.get("required", [])
        assert len(required) == len(set(required)), path
        assert set(required) <= set(node.get("properties", {})), path


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_default_survives_its_own_schema(kind: str) -> None:
    """An API server refuses a default that it would have to prune or to reject."""
    for path, node in walk(schema(kind)):
        if "default" in node:
            assert list(_pruned(node, node["default"])) == [], path
            assert node["default"] in node.get("enum", [node["default"]]), path


def _pruned(node: Any, value: Any, path: str = "") -> Iterator[str]:
    if "type" in node and not isinstance(value, TYPES[node["type"]]):
        yield path or "."
    elif isinstance(value, list):
        for each in value:
            yield from _pruned(node["items"], each, f"{path}[]")
    elif isinstance(value, dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        for name, each in value.items():
            child = node.get("properties", {}).get(name, node.get("additionalProperties"))
            if child is None:
                yield f"{path}.{name}"
            else:
                yield from _pruned(child, each, f"{path}.{name}")


def test_the_only_rule_is_one_that_costs_little_and_can_be_kept() -> None:
    """A rule on what was there before may not stand in a list, where nothing says which entry it was."""
    found = {
        (kind, path): node["x-kubernetes-validations"]
        for kind in DEFINITIONS
        for path, node in walk(schema(kind))
        if "x-kubernetes-validations" in node
    }
    assert list(found) == [("Rollout", ".spec.selector")]
    for rules in found.values():
        for rule in rules:
            assert rule.keys() <= {"rule", "message", "messageExpression", "reason", "fieldPath"}
            assert rule["rule"] == "self == oldSelf"
            assert rule["message"].strip() == rule["message"] != ""
            assert "\n" not in rule["message"]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_column_shows_a_plain_field_of_its_own_type(kind: str) -> None:
    known = dict(walk(schema(kind)))
    for column in version(kind).get("additionalPrinterColumns", ()):
        path = column["jsonPath"]
        if path == ".metadata.creationTimestamp":
            assert column["type"] == "date"
            continue
        assert column["type"] == known[path]["type"], path
        assert column.get("priority", 0) >= 0


def test_the_scale_subresource_points_at_fields() -> None:
    known, scale = dict(walk(schema("Rollout"))), version("Rollout")["subresources"]["scale"]
    wanted = {
        "specReplicasPath": (".spec.", "integer"),
        "statusReplicasPath": (".status.", "integer"),
        "labelSelectorPath": (".status.", "string"),
    }
    assert scale.keys() == wanted.keys()
    for name, (start, kind) in wanted.items():
        assert scale[name].startswith(start)
        assert known[scale[name]]["type"] == kind


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_definition_fits_in_a_request_and_in_the_annotation_of_kubectl_apply(kind: str) -> None:
    compact = json.dumps(DEFINITIONS[kind], separators=(",", ":")).encode()
    assert len(compact) < LONGEST_ANNOTATION
    assert len(crd.text(DEFINITIONS[kind]).encode()) < LONGEST_DEFINITION
    for path, node in walk(schema(kind)):
        assert len(node.get("description", "").encode()) <= LONGEST_TEXT, path
        assert path.count(".") < DEEPEST
