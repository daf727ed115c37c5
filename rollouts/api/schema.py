"""Turns models into structural OpenAPI schemas, the dialect that CustomResourceDefinitions speak.

Every value has a type or is marked open; nothing is shared by reference; fields keep the order of the models.
"""

import inspect
import types
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollouts.api.meta import Object, ObjectMeta, Status

_SCALARS: dict[Any, Object] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
}
_INT_OR_STRING: Object = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}


def structural(model: type[BaseModel]) -> Object:
    """The schema of a model, as an object with all of its fields.

    Raises:
        TypeError: a field's type has no counterpart; it names the field.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    properties = {name: _field(model, name, field) for name, field in fields.items()}
    schema: Object = {"type": "object", "description": _summary(model), "properties": properties}
    required = [name for name, field in fields.items() if field.is_required()]
    return schema | {"required": required} if required else schema


def _field(model: type[BaseModel], name: str, field: FieldInfo) -> Object:
    try:
        # What a controller writes is described and not policed, so that versions of it can differ.
        schema = _schema(field.annotation, enums=not issubclass(model, Status))
    except TypeError as error:
        raise TypeError(f"{model.__name__}.{name}: {error}") from None
    # Of metadata the API server has words of its own, and refuses a definition that brings others.
    if field.description and field.annotation is not ObjectMeta:
        schema = {"description": " ".join(field.description.split())} | {
            key: value for key, value in schema.items() if key != "description"
        }
    for bound in field.metadata:
        if isinstance(bound, Ge):
            schema |= {"minimum": bound.ge}
        if isinstance(bound, Le):
            schema |= {"maximum": bound.le}
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    if "x-kubernetes-int-or-string" in extra:
        return {key: value for key, value in schema.items() if key == "description"} | _INT_OR_STRING
    if extra.get("x-kubernetes-preserve-unknown-fields"):
        schema.pop("additionalProperties", None)
    return schema | extra


def _schema(annotation: Any, *, enums: bool) -> Object:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _of_union(args, enums=enums)
    if origin is Annotated:
        return _of_annotated(args, enums=enums)
    if origin is Literal:
        return {"type": "string"} | ({"enum": list(args)} if enums else {})
    if origin is tuple:
        return {"type": "array", "items": _schema(args[0], enums=enums)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(args[1], enums=enums)}
    if annotation is Any:
        return {}
    if annotation is ObjectMeta:
        return {"type": "object"}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return structural(annotation)
    if annotation in _SCALARS:
        return dict(_SCALARS[annotation])
    raise TypeError(f"{annotation} has no structural schema")


def _of_union(options: tuple[Any, ...], *, enums: bool) -> Object:
    kept = [option for option in options if option is not type(None)]
    if set(kept) == {int, str}:
        return dict(_INT_OR_STRING)
    if len(kept) != 1:
        raise TypeError(f"{options} is a choice, which has no structural schema")
    return _schema(kept[0], enums=enums)


def _of_annotated(args: tuple[Any, ...], *, enums: bool) -> Object:
    return _schema(args[0], enums=enums)


def _summary(model: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(model) or "").split())
