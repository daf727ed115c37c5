"""What each HTTP method does to a resource and to its subresources."""

from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import apply as server_side_apply
from rollouts.embedded.api import patch, query
from rollouts.embedded.api.conform import check_applied
from rollouts.embedded.api.deletion import DeleteOptions, delete
from rollouts.embedded.api.isolation import OTHER_NAMESPACE, Part, is_for, require_version
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.managers import Manager
from rollouts.embedded.api.objects import Objects, Options, copy
from rollouts.embedded.api.reading import list_objects
from rollouts.embedded.api.routes import Route
from rollouts.embedded.api.scale import scale_of, scaled
from rollouts.embedded.api.status import (
    Refusal,
    bad_request,
    conflict,
    method_not_allowed,
    no_such_path,
    not_found,
    unsupported_media,
)
from rollouts.embedded.api.subresources import bind, evict
from rollouts.kube.transport import Request


def perform(objects: Objects, route: Route, request: Request, warnings: list[str]) -> tuple[int, Any]:
    """Do what a request asks of a resource: the code of the answer, and its body.

    Raises:
        Refusal: whatever speaks against it; 405 for a method that is not served there.
    """
    options = query.write_options(request, warnings)
    match request.method, bool(route.name), route.subresource:
        case "GET", False, _:
            return 200, list_objects(objects, route, request.query)
        case "GET", True, "" | "status":
            return 200, _get(objects, route)
        case "GET", True, "scale":
            return 200, _read_scale(route, _get(objects, route))
        case "POST", False, _:
            return 201, objects.create(route.kind, route.namespace, _body(request), options)
        case "POST", True, "eviction" | "binding":
            return 201, _post(objects, route, _body(request), options)
        case "PUT", True, "" | "status" | "scale" | "finalize":
            return 200, _put(objects, route, _body(request), options)
        case "PATCH", True, "" | "status" | "scale":
            return _patch(objects, route, request, options)
        case "DELETE", True, "":
            delete_options = DeleteOptions.read(request.body, request.query)
            return 200, delete(objects, route.kind, route.namespace, route.name, delete_options)
        case "DELETE", False, _:
            return 200, _delete_collection(objects, route, request)
    raise method_not_allowed()


def _get(objects: Objects, route: Route) -> Object:
    return objects.get(route.kind, route.namespace, route.name)


def _read_scale(route: Route, obj: Object) -> Object:
    if route.kind.scale is None:
        raise no_such_path()
    return scale_of(route.kind, route.kind.scale, obj)


def _post(objects: Objects, route: Route, body: Object, options: Options) -> Object:
    if route.subresource == "binding":
        return bind(objects, route.kind, _get(objects, route), body, options)
    return evict(objects, route.kind, route.namespace, route.name, body, dry_run=options.dry_run)


def _put(objects: Objects, route: Route, body: Object, options: Options) -> Object:
    old = _get(objects, route)
    if route.subresource == "scale" and route.kind.scale is not None:
        body = scaled(route.kind, route.kind.scale, old, body)
        return _read_scale(route, objects.replace(route.kind, old, copy(body), options))
    if route.subresource == "":
        require_version(route.kind, body)
    return objects.replace(route.kind, old, body, options, _part(route))


def _patch(objects: Objects, route: Route, request: Request, options: Options) -> tuple[int, Object]:
    kind = route.kind
    content_type = query.content_type(request)
    if content_type == patch.APPLY:
        return _apply(objects, route, request, options)
    if content_type not in patch.accepted(kind):
        raise _unknown_patch(kind)
    old = _get(objects, route)
    if route.subresource == "scale" and kind.scale is not None:
        wanted = patch.patched(kind, patch.MERGE if content_type == patch.STRATEGIC else content_type,
                               _read_scale(route, copy(old)), request.body)  # fmt: skip
        new = objects.replace(kind, old, scaled(kind, kind.scale, copy(old), wanted), options)
        return 200, _read_scale(route, new)
    new = patch.patched(kind, content_type, copy(old), request.body)
    return 200, objects.replace(kind, old, new, options, _part(route))


def _unknown_patch(kind: Kind) -> Refusal:
    """415, in the words of the two servers that there are for built-in and for custom kinds."""
    if kind.custom:
        return unsupported_media(patch.accepted(kind))
    return Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type")


def _apply(objects: Objects, route: Route, request: Request, options: Options) -> tuple[int, Object]:
    kind, config = route.kind, _body(request)
    if route.subresource == "scale":
        raise Refusal(
            501, "NotImplemented", "server-side apply of a Scale is not supported; use a merge patch"
        )
    me = Manager(
        name=options.manager,
        operation="Apply",
        api_version=kind.api_version,
        subresource=_part(route),
        time=objects.now(),
    )
    live = objects.storage.get(kind.key, route.namespace, route.name)
    _check_applied(route, config, live)
    check_applied(kind, config)
    options.applied = True
    force = query.flag(request.query, "force")
    merged = copy(server_side_apply.apply(kind, live, config, me, force=force))
    if live is None:
        return 201, objects.create(kind, route.namespace, merged, options)
    return 200, objects.replace(kind, live, merged, options, _part(route))


def _check_applied(route: Route, config: Object, live: Object | None) -> None:
    """An applied object says what it is, and is meant for the place it is sent to."""
    kind, meta = route.kind, config.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("metadata must be a map")
    group, _, version = str(config.get("apiVersion", "")).rpartition("/")
    if (group, version, config.get("kind")) != (kind.group, kind.version, kind.kind):
        raise bad_request(f"invalid object type: {group}/{version}, Kind={config.get('kind', '')}")
    if (name := meta.setdefault("name", route.name)) != route.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({route.name})"
        )
    if route.namespace and meta.setdefault("namespace", route.namespace) != route.namespace:
        raise bad_request(OTHER_NAMESPACE)
    if "managedFields" in meta:
        raise bad_request("metadata.managedFields must be nil")
    if live is None and _part(route):
        raise not_found(kind.plural, kind.group, route.name)
    if live is None and meta.get("uid"):
        why = f"uid mismatch: the object with uid {meta['uid']} is not there"
        raise conflict(kind.plural, kind.group, route.name, why)
    if live is not None:
        is_for(kind, meta, live["metadata"])


def _delete_collection(objects: Objects, route: Route, request: Request) -> Object:
    if route.kind.key == ("", "namespaces"):
        raise method_not_allowed()
    found = list_objects(objects, route, request.query)
    options = DeleteOptions.read(request.body, request.query)
    for obj in found["items"]:
        meta = obj["metadata"]
        delete(objects, route.kind, meta.get("namespace", ""), meta["name"], options)
    return found


def _part(route: Route) -> Part:
    return "status" if route.subresource == "status" else ""


def _body(request: Request) -> Object:
    if not isinstance(request.body, dict):
        raise bad_request(
            "the body of the request must be a map: an object with apiVersion, kind and metadata"
        )
    return request.body
