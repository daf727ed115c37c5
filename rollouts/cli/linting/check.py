"""What the engine would refuse. Pure: documents in, findings out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from analysis.validation import template_problems
from rollouts.api.analysis import AnalysisTemplate, ClusterAnalysisTemplate
from rollouts.api.application import Application
from rollouts.api.appproject import AppProject
from rollouts.api.errors import InvalidSpec
from rollouts.api.experiment import Experiment
from rollouts.api.meta import API_VERSION, Object
from rollouts.api.rollout import Rollout
from rollouts.api.validation import (
    parse,
    validate_analysis_template,
    validate_application,
    validate_experiment,
    validate_project,
    validate_rollout,
)
from rollouts.cli.linting.finding import Document, Finding, finding
from rollouts.controller import references, startable
from rollouts.gitops.lint import lint
from rollouts.kube import resources
from rollouts.kube.resources import Resource
from rollouts.kube.store import Writer

_NAMESPACE = "default"
"""Where documents without a namespace are taken to go: all into the same."""


def _template_problems(template: AnalysisTemplate) -> tuple[InvalidSpec, ...]:
    """The rules of the models, then the conditions and paths that they do not parse themselves."""
    found = validate_analysis_template(template)
    said = {str(problem) for problem in found}
    return (*found, *(p for p in template_problems(template) if str(p) not in said))


_Judge = tuple[type[Any], Callable[[Any], tuple[InvalidSpec, ...]]]
_JUDGES: Mapping[str, _Judge] = {
    "Rollout": (Rollout, validate_rollout),
    "AnalysisTemplate": (AnalysisTemplate, _template_problems),
    "ClusterAnalysisTemplate": (ClusterAnalysisTemplate, _template_problems),
    "Application": (Application, validate_application),
    "AppProject": (AppProject, validate_project),
    "Experiment": (Experiment, validate_experiment),
}
_REFERABLE: tuple[Resource, ...] = (
    resources.SERVICES,
    resources.INGRESSES,
    resources.HTTP_ROUTES,
    resources.ANALYSIS_TEMPLATES,
    resources.CLUSTER_ANALYSIS_TEMPLATES,
)


def check(documents: Sequence[Document], strays: Mapping[str, bytes]) -> list[Finding]:
    """Judge each document by itself, then what they say of each other.

    Args:
        documents: what was read.
        strays: files named `kustomize`, by path.
    """
    found: list[Finding] = []
    good: list[tuple[Document, Rollout]] = []
    for document in documents:
        if document.object is None:
            message = "is no Kubernetes object: it needs apiVersion, kind and metadata.name"
            found.append(finding(document, message))
            continue
        problems, model = _judge(document.object)
        found += [finding(document, p.message, p.field) for p in problems]
        if isinstance(model, Rollout) and not problems:
            good.append((document, model))
    found += _references(documents, good)
    found += _together(documents, strays)
    return found


def _judge(body: Object) -> tuple[tuple[InvalidSpec, ...], object]:
    if body["apiVersion"] != API_VERSION or body["kind"] not in _JUDGES:
        return (), None
    model_class, validate = _JUDGES[body["kind"]]
    try:
        model = parse(model_class, body)
    except InvalidSpec as error:
        return (error,), None
    return validate(model), model


def _references(documents: Sequence[Document], rollouts: list[tuple[Document, Rollout]]) -> Iterator[Finding]:
    """What a rollout refers to and the files do not hold, or hold differently."""
    store = Writer()
    kinds = {(r.api_version, r.kind): r for r in _REFERABLE}
    held: set[str] = set()
    for document in documents:
        body = document.object
        resource = kinds.get((body["apiVersion"], body["kind"])) if body else None
        if body is not None and resource is not None:
            store.put(resource, _placed(body, resource.namespaced))
            held.add(resource.kind)
    for document, rollout in rollouts:
        metadata = rollout.metadata
        placed = rollout.model_copy(
            update={"metadata": metadata.model_copy(update={"namespace": metadata.namespace or _NAMESPACE})}
        )
        told: list[str] = []
        for sentence in references.problems(store, placed):
            kind = sentence.partition(" ")[0]
            # A kind of which the files hold nothing is kept elsewhere; ports are judged with all ingresses.
            if (" not found" in sentence and kind not in held) or " sends to port " in sentence:
                continue
            told.append(sentence)
        told += _arguments(store, placed)
        if not told and None not in dict(startable.versions(store, placed)).values():
            told += startable.problems(store, placed)
        for sentence in told:
            yield finding(document, sentence)


def _arguments(store: Writer, rollout: Rollout) -> Iterator[str]:
    """Arguments that a template wants and no analysis of the rollout gives."""
    for analysis in references.analyses(rollout):
        given = {argument.name for argument in analysis.args}
        for ref in analysis.templates:
            kind = resources.CLUSTER_ANALYSIS_TEMPLATES if ref.cluster_scope else resources.ANALYSIS_TEMPLATES
            found = store.get(
                kind, ref.template_name, "" if ref.cluster_scope else rollout.metadata.namespace
            )
            for argument in ((found or {}).get("spec") or {}).get("args") or ():
                name = argument.get("name")
                if (
                    name in given
                    or argument.get("value") is not None
                    or argument.get("valueFrom") is not None
                ):
                    continue
                yield (
                    f'{kind.kind} "{ref.template_name}" wants the argument "{name}", which the analysis does '
                    "not give; add it to its args"
                )


def _together(documents: Sequence[Document], strays: Mapping[str, bytes]) -> Iterator[Finding]:
    """What renders without an error and yet cannot be meant, as the sync would warn of it."""
    objects = tuple(d.object for d in documents if d.object is not None)
    by_title = {f"{d.object['kind']} {d.object['metadata']['name']}": d for d in documents if d.object}
    for sentence in lint(objects, _NAMESPACE, strays):
        title = " ".join(sentence.split(" ", 2)[:2])
        if title in by_title:
            yield finding(by_title[title], sentence.removeprefix(f"{title} "))
        else:
            file = next((path for path in strays if f'"{path}"' in sentence), "")
            yield Finding(file=file or "all files", message=sentence)


def _placed(body: Object, namespaced: bool) -> Object:
    if not namespaced or body["metadata"].get("namespace"):
        return body
    return {**body, "metadata": {**body["metadata"], "namespace": _NAMESPACE}}
