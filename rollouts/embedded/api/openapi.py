"""OpenAPI v3 documents: one for each group and version, enough for `kubectl apply`, `explain` and `diff`."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import orjson

from rollouts.api.meta import Object
from rollouts.embedded.api.definitions import MERGE_KEY, STRATEGY, definitions
from rollouts.embedded.api.kinds import Kind, Registry
from rollouts.embedded.api.patch import accepted
from rollouts.embedded.api.status import no_such_path
from rollouts.kube.transport import Response

_V2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_NO_V2 = b"\x0a\x032.0"
"""A version 2 document (`swagger: "2.0"`) without types: kubectl asks it for kinds that version 3 lacks."""
_FIELD_VALIDATION = {
    "name": "fieldValidation",
    "in": "query",
    "description": "What to do with unknown and duplicate fields: Ignore, Warn or Strict.",
    "schema": {"type": "string", "uniqueItems": True},
}
_DRY_RUN = {
    "name": "dryRun",
    "in": "query",
    "description": "All: go through all the steps of a write, and store nothing.",
    "schema": {"type": "string", "uniqueItems": True},
}


def answer(registry: Registry, path: str) -> Response:
    """The index, or one document.

    Raises:
        Refusal: no such document (404).
    """
    if path == "/openapi/v2":
        return Response(code=200, body=_NO_V2, headers={"content-type": _V2})
    if path == "/openapi/v3":
        return Response(code=200, body=_index(registry))
    wanted = path.removeprefix("/openapi/v3/")
    kinds = [kind for kind in registry if _place(kind) == wanted]
    if not path.startswith("/openapi/v3/") or not kinds:
        raise no_such_path()
    return Response(code=200, body=_document(kinds))


def _place(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _index(registry: Registry) -> Object:
    shapes: dict[str, Any] = {}
    for kind in registry:
        shape = sha256(orjson.dumps([kind.kind, kind.all_subresources, kind.schema]))
        shapes.setdefault(_place(kind), sha256()).update(shape.digest())
    paths = {
        place: {"serverRelativeURL": f"/openapi/v3/{place}?hash={found.hexdigest().upper()}"}
        for place, found in shapes.items()
    }
    return {"paths": paths}


def _document(kinds: list[Kind]) -> Object:
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for kind in kinds:
        name = _schema_name(kind)
        schemas[name] = _kind_schema(kind)
        paths.update(_paths(kind, name))
    for needed in _closure(schemas):
        schemas[needed] = _published(definitions()[needed])
    return {
        "openapi": "3.0.0",
        "info": {"title": "Rollouts embedded cluster", "version": "v1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema_name(kind: Kind) -> str:
    group = ".".join(reversed((kind.group or "core").split(".")))
    return f"{group}.{kind.version}.{kind.kind}"


def _kind_schema(kind: Kind) -> Object:
    schema = kind.schema or {"type": "object"}
    ref = schema.get("$ref")
    found = _published(definitions()[ref] if ref else schema)
    properties = dict(found.get("properties") or {})
    if not ref:
        properties = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            **properties,
            "metadata": _reference("V1ObjectMeta"),
        }
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return {**found, "properties": properties, "x-kubernetes-group-version-kind": [own]}


def _reference(name: str) -> Object:
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "default": {}}


def _published(schema: Any) -> Any:
    """A schema as it is published, with its references in full."""
    if isinstance(schema, list):
        return [_published(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        extras = {key: schema[key] for key in (MERGE_KEY, STRATEGY) if key in schema}
        return {**_reference(schema["$ref"]), **extras}
    return {key: _published(value) for key, value in schema.items()}


def _closure(schemas: Mapping[str, Any]) -> Iterator[str]:
    """The built-in types that these schemas reach."""
    seen: set[str] = set()
    pending = list(_references(schemas))
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        pending += _references(_published(definitions()[name]))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(ref := value.get("$ref"), str):
            yield ref.rpartition("/")[2]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _paths(kind: Kind, schema: str) -> Iterator[tuple[str, Object]]:
    root = f"/{_place(kind)}" + ("/namespaces/{namespace}" if kind.namespaced else "") + f"/{kind.plural}"
    body = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    done = {"200": {"description": "OK", "content": {"application/json": body}}}
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}

    def operation(verb: str, *parameters: Object) -> Object:
        return {
            "x-kubernetes-action": verb,
            "x-kubernetes-group-version-kind": own,
            "parameters": list(parameters),
            "responses": done,
        }

    write = (_DRY_RUN, _FIELD_VALIDATION)
    patch = {
        **operation("patch", *write),
        "requestBody": {"content": {each: {"schema": {"type": "object"}} for each in accepted(kind)}},
    }
    yield (
        root,
        {
            "get": operation("list"),
            "post": {**operation("post", *write), "requestBody": {"content": {"application/json": body}}},
        },
    )
    yield (
        f"{root}/{{name}}",
        {
            "get": operation("get"),
            "put": {**operation("put", *write), "requestBody": {"content": {"application/json": body}}},
            "patch": patch,
            "delete": operation("delete", _DRY_RUN),
        },
    )
