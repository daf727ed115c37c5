"""OpenAPI v3 documents: one for each group and version, enough for `kubectl apply`, `explain` and `diff`."""

import re
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

_MODEL = re.compile(r"(.*?)(V\d+)(.*)")
_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert"
    " recognized schemas to the latest internal value, and may reject unrecognized values. More info:"
    f" {_CONVENTIONS}#resources"
)
_KIND = (
    "Kind is a string value representing the REST resource this object represents. Servers may infer this"
    " from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info:"
    f" {_CONVENTIONS}#types-kinds"
)
_METADATA = f"Standard object's metadata. More info: {_CONVENTIONS}#metadata"
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
    names = {_published_name(name): name for name in definitions()}
    for needed in _closure(schemas, names):
        schemas[needed] = _published(definitions()[names[needed]])
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
            **properties,
            "apiVersion": {"type": "string", "description": _API_VERSION},
            "kind": {"type": "string", "description": _KIND},
            "metadata": {**_reference("V1ObjectMeta"), "description": _METADATA},
        }
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return {**found, "properties": properties, "x-kubernetes-group-version-kind": [own]}


def _reference(name: str) -> Object:
    return {"allOf": [{"$ref": f"#/components/schemas/{_published_name(name)}"}], "default": {}}


def _published_name(name: str) -> str:
    """`V1ObjectMeta` as kubectl shows it: the kind behind the last dot."""
    before, version, kind = _MODEL.fullmatch(name).groups()  # type: ignore[union-attr]
    return ".".join(part for part in ("io.k8s", before.lower(), version.lower(), kind) if part)


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


def _closure(schemas: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """The built-in types that these schemas reach."""
    seen: set[str] = set()
    pending = list(_references(schemas))
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        pending += _references(_published(definitions()[names[name]]))


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
