"""Full examples: every field of every kind survives reading and writing, and stands in the schema."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from rollouts.api.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from rollouts.api.application import Application
from rollouts.api.appproject import AppProject
from rollouts.api.experiment import Experiment
from rollouts.api.meta import dump
from rollouts.api.rollout import Rollout
from rollouts.api.validation import parse

MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        AnalysisRun,
        AnalysisTemplate,
        ClusterAnalysisTemplate,
        Application,
        AppProject,
        Experiment,
        Rollout,
    )
}
FULL = {
    path.stem: yaml.safe_load(path.read_text()) for path in (Path(__file__).parent / "full").glob("*.yaml")
}


@pytest.mark.parametrize("name", FULL)
def test_what_is_written_is_what_was_read(name: str) -> None:
    body = FULL[name]
    assert dump(parse(MODELS[body["kind"]], body)) == body


def test_the_full_examples_leave_no_field_of_any_model_out() -> None:
    seen: dict[type[BaseModel], set[str]] = {}
    for body in FULL.values():
        look(parse(MODELS[body["kind"]], body), seen)
    left = {model.__name__: set(model.model_fields) - fields for model, fields in seen.items()}
    assert {name: fields for name, fields in left.items() if fields} == {}


@pytest.mark.parametrize("kind", MODELS)
def test_what_names_the_kind_is_always_written(kind: str) -> None:
    """Even of an object that was made in a program and has nothing else set."""
    body = next(each for each in FULL.values() if each["kind"] == kind)
    bare = {"spec": body["spec"]}
    assert list(dump(parse(MODELS[kind], bare)))[:2] == ["apiVersion", "kind"]


def test_defaults_are_upstreams() -> None:
    """Where upstream's types are pointers, unset stays unset, so that a default is applied in one place."""
    rollout = parse(Rollout, {"spec": {"strategy": {"blueGreen": {"activeService": "a"}}}})
    assert rollout.spec.replicas is None
    assert rollout.spec.min_ready_seconds == 0
    assert rollout.spec.strategy.blue_green is not None
    assert rollout.spec.strategy.blue_green.auto_promotion_enabled is None
    assert rollout.spec.strategy.blue_green.auto_promotion_seconds == 0
    assert rollout.status.observed_generation == ""


def test_models_cannot_be_changed() -> None:
    rollout = parse(Rollout, {"spec": {}})
    with pytest.raises(ValueError, match="frozen"):
        rollout.spec.paused = True  # type: ignore[misc]


def look(value: Any, seen: dict[type[BaseModel], set[str]]) -> None:
    """Note which fields are set, in every model within a value."""
    if isinstance(value, BaseModel):
        seen.setdefault(type(value), set()).update(value.model_fields_set)
        for name in value.model_fields_set:
            look(getattr(value, name), seen)
    elif isinstance(value, dict | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            look(each, seen)
