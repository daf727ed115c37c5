"""From what a user wrote to a model, or to errors that say where, what was seen, and what to do.

`parse` refuses what has the wrong shape; the `validate_` functions list what has the right shape and still
cannot work, upstream's rules in upstream's words, and what this engine does not act on yet.
"""

import difflib
import types
from collections.abc import Collection, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json

from rollouts.api.analysis import AnalysisRun, AnalysisTemplate
from rollouts.api.analysis_rules import analysis_problems
from rollouts.api.application import Application
from rollouts.api.application_rules import application_problems
from rollouts.api.appproject import AppProject
from rollouts.api.errors import InvalidSpec
from rollouts.api.experiment import Experiment
from rollouts.api.gateway_plugin import NAME as GATEWAY_PLUGIN
from rollouts.api.meta import Object
from rollouts.api.paths import hidden, join, show
from rollouts.api.rollout import Rollout
from rollouts.api.rollout_rules import rollout_problems
from rollouts.api.unsupported import refused, unknown_plugins

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], body: Object) -> M:
    """Read an object as the API server would: no text for a number, no unknown field in a spec.

    Raises:
        InvalidSpec: the first thing that is wrong, with its path, the value seen and the remedy; the paths of
            the others follow in the message.
    """
    if not isinstance(body, dict):
        raise InvalidSpec("", f"an object must be a map, got {show(body)}", body)
    _check_kind(model, body)
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and None in metadata.values():
        # `annotations:` with nothing below it: the API server drops these, and only these, without a word.
        body = body | {"metadata": {key: value for key, value in metadata.items() if value is not None}}
    try:
        # Through JSON, because strict mode on Python values would refuse lists for tuples and text for times.
        return model.model_validate_json(to_json(body), strict=True)
    except ValidationError as error:
        first, *others = _in_order(error, model)
        path, message = _explain(model, first)
        if others:
            message += f"; also wrong: {', '.join(join(_keys(other)) for other in others[:5])}"
        unseen = first["type"] == "missing" or hidden(path)
        raise InvalidSpec(path, message, None if unseen else first["input"]) from None


def validate_rollout(rollout: Rollout, *, plugins: Collection[str] = ()) -> tuple[InvalidSpec, ...]:
    """List what is wrong with a rollout, most basic first, then what the engine does not act on yet.

    Args:
        rollout: as parsed.
        plugins: names of the router plugins that are installed beside the built-in one.
    """
    unknown = unknown_plugins("Rollout", rollout, {GATEWAY_PLUGIN, *plugins})
    return (*rollout_problems(rollout), *unknown, *refused("Rollout", rollout))


def validate_analysis_template(
    template: AnalysisTemplate | AnalysisRun, *, plugins: Collection[str] = ()
) -> tuple[InvalidSpec, ...]:
    """List what is wrong with a template, or with the metrics of a run, then what is not acted on yet.

    Args:
        template: as parsed.
        plugins: names of the metric plugins that are installed.
    """
    unknown = unknown_plugins("AnalysisTemplate", template, plugins)
    return (*analysis_problems(template), *unknown, *refused("AnalysisTemplate", template))


def validate_application(application: Application) -> tuple[InvalidSpec, ...]:
    """List what is wrong with an application, then what the engine does not act on yet."""
    return (*application_problems(application), *refused("Application", application))


def validate_project(project: AppProject) -> tuple[InvalidSpec, ...]:
    """List what of a project is not acted on yet; a limit that is passed over would be none."""
    return refused("AppProject", project)


def validate_experiment(experiment: Experiment) -> tuple[InvalidSpec, ...]:
    """Refuse an experiment: none of it is acted on yet."""
    return refused("Experiment", experiment)


def _check_kind(model: type[BaseModel], body: Object) -> None:
    for name in ("apiVersion", "kind"):
        field = model.model_fields.get("api_version" if name == "apiVersion" else name)
        if field is None or name not in body or body[name] == field.default:
            continue
        raise InvalidSpec(f".{name}", f'must be "{field.default}", got {show(body[name])}', body[name])


def _in_order(error: ValidationError, model: type[BaseModel]) -> list[ErrorDetails]:
    """Misspelt fields first: a missing one is often the same mistake seen from the other side."""
    found = error.errors(include_url=False, include_context=True)
    return sorted(found, key=lambda each: each["type"] != "extra_forbidden")


def _keys(error: ErrorDetails) -> tuple[str | int, ...]:
    # A key of a map that is itself wrong ends in a marker that is no part of the path.
    return tuple(part for part in error["loc"] if part != "[key]")


def _explain(model: type[BaseModel], error: ErrorDetails) -> tuple[str, str]:
    keys = _keys(error)
    path, seen = join(keys), show(error["input"], join(keys))
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return path, f"unknown field, got {seen}; {_nearest(model, keys)}"
        case "missing":
            return path, "required, and missing; set it"
        case "greater_than_equal":
            return path, f"must be at least {context['ge']}, got {seen}"
        case "less_than_equal":
            return path, f"must be at most {context['le']}, got {seen}"
        case "literal_error":
            return path, f"must be one of {context['expected']}, got {seen}"
        case "value_error":
            return path, f"{context['error']}, got {seen}"
        case "none_required":
            return path, f"must be left out, got {seen}"
    wanted = _WANTED.get(error["type"].removesuffix("_type").removesuffix("_parsing"))
    return path, f"{f'must be {wanted}' if wanted else error['msg']}, got {seen}"


_WANTED = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text (put it in quotes)",
    "tuple": "a list",
    "dict": "a map",
    "model": "a map",
    "datetime": "a time like 2026-01-31T12:00:00Z",
    "datetime_from_date": "a time like 2026-01-31T12:00:00Z",
    "int_from_float": "a whole number",
}


def _nearest(model: type[BaseModel], keys: Sequence[str | int]) -> str:
    known = sorted(_fields_at(model, keys[:-1]))
    if not known:
        return "no field is known here; remove it"
    seen = str(keys[-1])
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(seen.lower(), lowered, n=2, cutoff=0.75)
    if close:
        return f"did you mean {' or '.join(lowered[name] for name in close)}?"
    return f"remove it or use one of {', '.join(known)}"


def _fields_at(model: type[BaseModel], keys: Sequence[str | int]) -> set[str]:
    """The fields that the schema knows at a path."""
    at: Any = model
    for key in keys:
        at = _inner(at, key)
    found = _model_of(at)
    return {field.alias or name for name, field in found.model_fields.items()} if found else set()


def _inner(at: Any, key: str | int) -> Any:
    model = _model_of(at)
    if model is not None:
        for name, field in model.model_fields.items():
            if key in (field.alias, name):
                return field.annotation
        return None
    for option in _options(at):
        if get_origin(option) is tuple:
            return get_args(option)[0]
        if get_origin(option) is dict:
            return get_args(option)[1]
    return None


def _model_of(at: Any) -> type[BaseModel] | None:
    return next(
        (each for each in _options(at) if isinstance(each, type) and issubclass(each, BaseModel)), None
    )


def _options(at: Any) -> tuple[Any, ...]:
    if get_origin(at) in (Union, types.UnionType):
        return get_args(at)
    return (at,)
