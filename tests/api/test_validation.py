"""Manifests and what is said of them. The cases are under `cases/`; the name of each is its sentence."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.api.analysis import AnalysisTemplate
from rollouts.api.application import Application
from rollouts.api.appproject import AppProject
from rollouts.api.errors import InvalidSpec
from rollouts.api.experiment import Experiment
from rollouts.api.rollout import Rollout
from rollouts.api.validation import (
    parse,
    validate_analysis_template,
    validate_application,
    validate_experiment,
    validate_project,
    validate_rollout,
)

CASES = Path(__file__).parent / "cases"
KINDS: dict[str, tuple[Any, Callable[..., tuple[InvalidSpec, ...]]]] = {
    "canary": (Rollout, validate_rollout),
    "canary-gateway": (Rollout, validate_rollout),
    "blue-green": (Rollout, validate_rollout),
    "template": (AnalysisTemplate, validate_analysis_template),
    "application": (Application, validate_application),
    "project": (AppProject, validate_project),
    "experiment": (Experiment, validate_experiment),
}


def cases(*files: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{file}: {case['name']}")
        for file in files
        for case in yaml.safe_load((CASES / f"{file}.yaml").read_text())
    ]


def manifest(case: Any) -> Any:
    return merge(yaml.safe_load((CASES / "base" / f"{case['base']}.yaml").read_text()), case["patch"])


def merge(body: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict) or not isinstance(body, dict):
        return patch
    merged = {key: value for key, value in body.items() if key not in patch}
    return merged | {
        key: merge(body.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in patch.items()
        if value is not None
    }


@pytest.mark.parametrize("case", cases("misshapen"))
def test_a_misshapen_manifest_is_refused_with_path_value_and_remedy(case: Any) -> None:
    model, _ = KINDS[case["base"]]
    with pytest.raises(InvalidSpec) as caught:
        parse(model, manifest(case))
    assert str(caught.value) == case["error"]


@pytest.mark.parametrize(
    "case",
    cases(
        "rollout-refused",
        "analysistemplate-refused",
        "provider-refused",
        "vendor-refused",
        "application-refused",
        "not-yet",
    ),
)
def test_a_manifest_that_cannot_work_is_refused_for_every_reason(case: Any) -> None:
    model, validate = KINDS[case["base"]]
    found = [str(error) for error in validate(parse(model, manifest(case)))]
    assert len(found) == len(case["errors"]), found
    for seen, wanted in zip(found, case["errors"], strict=True):
        assert seen.startswith(wanted)


@pytest.mark.parametrize("case", cases("accepted"))
def test_a_manifest_that_can_work_is_accepted(case: Any) -> None:
    model, validate = KINDS[case["base"]]
    assert validate(parse(model, manifest(case))) == ()


@pytest.mark.parametrize("base", [name for name in KINDS if name != "experiment"])
def test_the_base_manifests_are_right_as_they_are(base: str) -> None:
    """Otherwise a case might be refused for what it has not changed."""
    model, validate = KINDS[base]
    assert validate(parse(model, manifest({"base": base, "patch": {}}))) == ()


def test_parsing_leaves_the_manifest_as_it_was() -> None:
    body = manifest({"base": "canary", "patch": {}})
    before = copy.deepcopy(body)
    parse(Rollout, body)
    assert body == before


@pytest.mark.parametrize("body", [[], "text", None, 7])
def test_what_is_no_map_is_no_object(body: Any) -> None:
    with pytest.raises(InvalidSpec, match="an object must be a map"):
        parse(Rollout, body)


def test_what_another_version_wrote_into_the_status_is_passed_over() -> None:
    """A status is a controller's own; only a spec is refused for an unknown field."""
    body = manifest({"base": "canary", "patch": {"status": {"stableRS": "abc", "mood": "good"}}})
    assert parse(Rollout, body).status.stable_rs == "abc"


def test_an_error_keeps_the_field_and_the_value_apart_from_the_text() -> None:
    body = manifest({"base": "canary", "patch": {"spec": {"replicas": -3}}})
    with pytest.raises(InvalidSpec) as caught:
        parse(Rollout, body)
    assert (caught.value.field, caught.value.value) == (".spec.replicas", -3)


def test_an_installed_plugin_is_accepted() -> None:
    routing = {"nginx": None, "plugins": {"example/mesh": {}}}
    body = manifest(
        {"base": "canary", "patch": {"spec": {"strategy": {"canary": {"trafficRouting": routing}}}}}
    )
    rollout = parse(Rollout, body)
    assert validate_rollout(rollout, plugins=["example/mesh"]) == ()
    assert len(validate_rollout(rollout, plugins=["example/other"])) == 1
    metrics = [{"name": "a", "provider": {"plugin": {"simple": {}}}}]
    template = parse(
        AnalysisTemplate, manifest({"base": "template", "patch": {"spec": {"metrics": metrics}}})
    )
    assert validate_analysis_template(template, plugins=["simple"]) == ()
    assert len(validate_analysis_template(template)) == 1


def test_empty_metadata_is_dropped_as_the_api_server_drops_it() -> None:
    body = manifest({"base": "canary", "patch": {}})
    body["metadata"] |= {"annotations": None, "creationTimestamp": None}
    assert parse(Rollout, body).metadata.annotations == {}


def test_a_secret_is_not_kept_in_an_error_either() -> None:
    provider = {"prometheus": {"query": "up", "authentication": {"basicAuth": {"password": 12345}}}}
    metrics = [{"name": "a", "provider": provider}]
    with pytest.raises(InvalidSpec) as caught:
        parse(AnalysisTemplate, manifest({"base": "template", "patch": {"spec": {"metrics": metrics}}}))
    assert caught.value.value is None
    assert "12345" not in str(caught.value)
