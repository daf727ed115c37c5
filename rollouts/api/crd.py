"""The CustomResourceDefinitions, made from the models. `rollouts crds` writes them to `crds/`."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel

from rollouts.api.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from rollouts.api.application import Application
from rollouts.api.appproject import AppProject
from rollouts.api.experiment import Experiment
from rollouts.api.meta import GROUP, VERSION, Object
from rollouts.api.rollout import Rollout
from rollouts.api.schema import structural
from rollouts.api.unsupported import not_yet

_HEADER = "# Generated from rollouts/api by `rollouts crds`; change the models instead.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that `kubectl get` prints."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    priority: int = 0
    """Above 0: only with `-o wide`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How a kind is served."""

    model: type[BaseModel]
    plural: str
    short: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    namespaced: bool = True
    subresources: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


AGE = Column(
    name="Age",
    path=".metadata.creationTimestamp",
    type="date",
    description="Time since the object was created",
)
PHASE = Column(name="Status", path=".status.phase", description="What it has come to")

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        model=Rollout,
        plural="rollouts",
        short=("ro",),
        columns=(
            Column(name="Desired", path=".spec.replicas", type="integer", description="Pods wanted"),
            Column(
                name="Current", path=".status.replicas", type="integer", description="Pods of any version"
            ),
            Column(
                name="Up-to-date",
                path=".status.updatedReplicas",
                type="integer",
                description="Pods of the newest version",
            ),
            Column(
                name="Available",
                path=".status.availableReplicas",
                type="integer",
                description="Pods that are available",
            ),
            AGE,
        ),
        subresources=(
            ("status", ()),
            (
                "scale",
                (
                    ("specReplicasPath", ".spec.replicas"),
                    ("statusReplicasPath", ".status.HPAReplicas"),
                    ("labelSelectorPath", ".status.selector"),
                ),
            ),
        ),
    ),
    Definition(model=AnalysisTemplate, plural="analysistemplates", short=("at",), columns=(AGE,)),
    Definition(
        model=ClusterAnalysisTemplate,
        plural="clusteranalysistemplates",
        short=("cat",),
        columns=(AGE,),
        namespaced=False,
    ),
    Definition(model=AnalysisRun, plural="analysisruns", short=("ar",), columns=(PHASE, AGE)),
    Definition(model=Experiment, plural="experiments", short=("exp",), columns=(PHASE, AGE)),
    Definition(
        model=Application,
        plural="applications",
        short=("app", "apps"),
        columns=(
            Column(name="Sync Status", path=".status.sync.status"),
            Column(name="Health Status", path=".status.health.status"),
            Column(name="Revision", path=".status.sync.revision", priority=10),
            Column(name="Project", path=".spec.project", priority=10),
        ),
    ),
    Definition(model=AppProject, plural="appprojects", short=("appproj", "appprojs")),
)


def crds() -> tuple[Object, ...]:
    """Every CustomResourceDefinition, ready to apply."""
    return tuple(_definition(each) for each in DEFINITIONS)


def text(definition: Object) -> str:
    """A definition as YAML."""
    plain = json.loads(json.dumps(definition))  # parts that stand in several places are written out in each
    return _HEADER + yaml.safe_dump(plain, sort_keys=False, width=110, allow_unicode=True)


def file_name(definition: Object) -> str:
    """Where a definition is kept: `rollout-crd.yaml`."""
    return f"{definition['spec']['names']['singular']}-crd.yaml"


def write(directory: Path) -> tuple[Path, ...]:
    """Write one file for each definition.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for definition in crds():
        path = directory / file_name(definition)
        path.write_text(text(definition), encoding="utf-8")
        written.append(path)
    return tuple(written)


def _definition(each: Definition) -> Object:
    kind = each.model.model_fields["kind"].default
    version: Object = {"name": VERSION, "served": True, "storage": True}
    if each.columns:
        version["additionalPrinterColumns"] = [_column(column) for column in each.columns]
    if each.subresources:
        version["subresources"] = {name: dict(paths) for name, paths in each.subresources}
    version["schema"] = {"openAPIV3Schema": _marked(structural(each.model), not_yet(kind))}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{each.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": each.plural,
                "singular": kind.lower(),
                "shortNames": list(each.short),
            },
            "scope": "Namespaced" if each.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _marked(schema: Object, patterns: tuple[str, ...]) -> Object:
    """The schema, with a word at each field that is refused; `kubectl explain` shows it."""
    for pattern in patterns:
        node = field = schema
        for part in pattern.removeprefix(".").split("."):
            field = node["properties"][part.removesuffix("[]")]
            node = field["items"] if part.endswith("[]") else field
        field["description"] = f"{field['description']} Not supported yet."
    return schema


def _column(column: Column) -> Object:
    body: Object = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        body["description"] = column.description
    if column.priority:
        body["priority"] = column.priority
    return body
