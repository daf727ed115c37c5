"""The CustomResourceDefinitions: made from the models, structural, and the same as those in `crds/`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.api import crd
from tests.places import REPOSITORY, SOURCES

DEFINITIONS = {each["spec"]["names"]["kind"]: each for each in crd.crds()}
APPLICATION_COLUMNS = ["Sync Status", "Health Status", "Revision", "Project"]
SCHEMA_KEYS = {
    "type",
    "description",
    "properties",
    "additionalProperties",
    "items",
    "required",
    "enum",
    "default",
    "format",
    "minimum",
    "maximum",
    "anyOf",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}


def schema(kind: str) -> Any:
    return DEFINITIONS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema within a schema, with its path."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in node:
            yield from walk(node[name], f"{path}[]")


def at(kind: str, path: str) -> Any:
    return dict(walk(schema(kind)))[path]


@pytest.mark.parametrize("definition", crd.crds(), ids=DEFINITIONS)
def test_the_files_are_what_the_models_say(definition: Any) -> None:
    """`rollouts crds` writes them again."""
    path = REPOSITORY / "crds" / crd.file_name(definition)
    assert path.read_text(encoding="utf-8") == crd.text(definition)


def test_the_kustomization_lists_every_file() -> None:
    listed = yaml.safe_load((REPOSITORY / "crds" / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted([*(crd.file_name(each) for each in crd.crds()), "install"])


def test_writing_them_gives_the_same_bytes(tmp_path: Path) -> None:
    written = crd.write(tmp_path / "new")
    for path in written:
        assert path.read_bytes() == (REPOSITORY / "crds" / path.name).read_bytes()


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_every_schema_is_structural(kind: str) -> None:
    """The rules of an API server: a type everywhere, nothing by reference, no default of a required field."""
    for path, node in walk(schema(kind)):
        assert set(node) <= SCHEMA_KEYS, path
        free = node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields")
        assert "type" in node or free, path
        assert ("anyOf" in node) == bool(node.get("x-kubernetes-int-or-string")), path
        assert not ("properties" in node and "additionalProperties" in node), path
        if node.get("type") == "array":
            assert "items" in node, path
        if node.get("type") == "object" and not free and path != ".metadata":
            assert node.keys() & {"properties", "additionalProperties"}, path
        for name in node.get("required", ()):
            assert "default" not in node["properties"][name], f"{path}.{name}"


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_every_field_is_described(kind: str) -> None:
    """`kubectl explain` shows a sentence for each; metadata is described by the API server."""
    for path, node in walk(schema(kind)):
        if path.endswith("[]") or path == ".metadata":
            continue
        text = node.get("description", "")
        assert text, f"{kind}{path} has no description; write it below the field of the model"
        assert text.endswith("."), f"{kind}{path}: {text}"


def test_what_is_refused_says_so_where_it_is_explained() -> None:
    experiment = at("Rollout", ".spec.strategy.canary.steps[].experiment")
    assert experiment["description"].endswith("Not supported yet.")
    sources = at("Application", ".spec.sources")
    assert sources["description"] == "Several such places at once. Not supported yet."


def test_only_a_rollout_has_subresources() -> None:
    """AnalysisRun, Experiment and Application are written as a whole; upstream's clients rely on it."""
    served = {kind: each["spec"]["versions"][0].get("subresources") for kind, each in DEFINITIONS.items()}
    assert served.pop("Rollout") == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.HPAReplicas",
            "labelSelectorPath": ".status.selector",
        },
    }
    assert set(served.values()) == {None}


@pytest.mark.parametrize(
    ("kind", "scope", "short", "columns"),
    [
        ("Rollout", "Namespaced", ["ro"], ["Desired", "Current", "Up-to-date", "Available", "Age"]),
        ("AnalysisTemplate", "Namespaced", ["at"], ["Age"]),
        ("ClusterAnalysisTemplate", "Cluster", ["cat"], ["Age"]),
        ("AnalysisRun", "Namespaced", ["ar"], ["Status", "Age"]),
        ("Experiment", "Namespaced", ["exp"], ["Status", "Age"]),
        (
            "Application",
            "Namespaced",
            ["app", "apps"],
            ["Sync Status", "Health Status", "Revision", "Project"],
        ),
        ("AppProject", "Namespaced", ["appproj", "appprojs"], []),
    ],
)
def test_names_and_columns_are_upstreams(kind: str, scope: str, short: list[str], columns: list[str]) -> None:
    spec = DEFINITIONS[kind]["spec"]
    shown = [column["name"] for column in spec["versions"][0].get("additionalPrinterColumns", ())]
    assert (spec["scope"], spec["names"]["shortNames"], shown) == (scope, short, columns)


def test_a_column_shows_a_field_that_exists() -> None:
    for kind, definition in DEFINITIONS.items():
        known = dict(walk(schema(kind)))
        for column in definition["spec"]["versions"][0].get("additionalPrinterColumns", ()):
            assert column["jsonPath"] in known or column["jsonPath"].startswith(".metadata."), kind


def test_a_count_may_be_a_percentage() -> None:
    surge = at("Rollout", ".spec.strategy.canary.maxSurge")
    assert surge["x-kubernetes-int-or-string"]
    assert surge["anyOf"] == [{"type": "integer"}, {"type": "string"}]


def test_the_selector_cannot_be_changed() -> None:
    rules = at("Rollout", ".spec.selector")["x-kubernetes-validations"]
    assert rules == [{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]


def test_a_pod_template_is_left_open() -> None:
    template = at("Rollout", ".spec.template")
    assert template.pop("description")
    assert template == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def test_acronyms_are_spelt_as_upstream_spells_them() -> None:
    for kind, path in (
        ("Application", ".spec.source.repoURL"),
        ("Application", ".status.summary.externalURLs"),
        ("AppProject", ".spec.signatureKeys[].keyID"),
        ("AnalysisTemplate", ".spec.metrics[].provider.prometheus.authentication.sigv4.roleArn"),
        ("AnalysisTemplate", ".spec.metrics[].provider.kayenta.threshold.pass"),
        ("Rollout", ".status.stableRS"),
        ("Rollout", ".status.HPAReplicas"),
        ("Rollout", ".status.albs[].canaryTargetGroup.fullName"),
    ):
        assert at(kind, path)["type"]


FULL = sorted((Path(__file__).parent / "full").glob("*.yaml"))
PYTHON = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def refusals(node: Any, value: Any, path: str = "") -> Iterator[str]:
    """What an API server would say of a value, or silently prune from it."""
    if node.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str):
            yield f"{path}: not an integer or a string"
        return
    kind = node.get("type")
    if kind is not None and not isinstance(value, PYTHON[kind]):
        yield f"{path}: not {kind}"
        return
    if "enum" in node and value not in node["enum"]:
        yield f"{path}: not one of {node['enum']}"
    if "minimum" in node and value < node["minimum"]:
        yield f"{path}: below {node['minimum']}"
    if kind == "array":
        for index, each in enumerate(value):
            yield from refusals(node["items"], each, f"{path}[{index}]")
    if kind == "object" and not node.get("x-kubernetes-preserve-unknown-fields"):
        yield from _object_refusals(node, value, path)


def _object_refusals(node: Any, value: Any, path: str) -> Iterator[str]:
    for name in node.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: required"
    known, others = node.get("properties", {}), node.get("additionalProperties")
    for name, each in value.items():
        if name in known or others is not None:
            yield from refusals(known.get(name, others), each, f"{path}.{name}")
        elif path != ".metadata":
            yield f"{path}.{name}: pruned"


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.stem)
def test_the_schemas_take_every_field_that_the_models_take(path: Path) -> None:
    body = yaml.safe_load(path.read_text())
    assert list(refusals(schema(body["kind"]), body)) == []


def test_the_examples_and_the_demo_pass_the_schemas() -> None:
    files = [
        *(REPOSITORY / "examples").rglob("*.yaml"),
        *(SOURCES / "rollouts/demo/gitops").rglob("*.yaml"),
    ]
    checked = 0
    for path in files:
        for body in yaml.safe_load_all(path.read_text()):
            if body and body.get("kind") in DEFINITIONS:
                assert list(refusals(schema(body["kind"]), body)) == [], path
                checked += 1
    assert checked >= 10


def test_what_the_validator_explains_better_is_left_to_it() -> None:
    """The schema must not hide the message about an empty step, two strategies or a missing selector."""
    steps = [{}, {"setWeight": 5, "pause": {}}]
    body = {"spec": {"strategy": {"blueGreen": {"activeService": "a"}, "canary": {"steps": steps}}}}
    assert list(refusals(schema("Rollout"), body)) == []
