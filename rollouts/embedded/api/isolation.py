"""What a write may touch: identity stays, status and the rest are written apart."""

from typing import Literal

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.status import (
    STALE,
    bad_request,
    conflict,
    failed,
    forbidden_field,
    invalid,
    wrong,
)

OTHER_NAMESPACE = "the namespace of the provided object does not match the namespace sent on the request"
Part = Literal["", "status"]
"""What a write may change: everything but the status, or the status alone."""
_SERVER_OWNED = (
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "namespace",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def identify(kind: Kind, namespace: str, body: Object, *, by_patch: bool = False) -> Object:
    """Check that a body is of the kind and the namespace that the path says; returns its metadata.

    Raises:
        Refusal: 400; 422 for what a patch or the definition of a custom kind has to do with it.
    """
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
        raise bad_request(f"the body is no {kind.kind}: it needs a map with apiVersion, kind and metadata")
    _says_what_it_is(kind, body, by_patch=by_patch)
    meta: Object = body.setdefault("metadata", {})
    if (meta.get("namespace") or namespace) != namespace:
        raise bad_request(OTHER_NAMESPACE)
    if namespace:
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)
    return meta


def _says_what_it_is(kind: Kind, body: Object, *, by_patch: bool) -> None:
    """A custom object must say its kind; of a built-in one the path says enough."""
    if not kind.custom:
        said = body.setdefault("apiVersion", kind.api_version), body.setdefault("kind", kind.kind)
        if said != (kind.api_version, kind.kind):
            why = f"{said[1]} of {said[0]} cannot be handled as a {kind.kind} of {kind.api_version}"
            raise invalid("", "", "", [wrong("patch", "", why)]) if by_patch else bad_request(why)
        return
    for key in ("kind", "apiVersion"):
        if not body.get(key):
            raise bad_request(
                f"the object provided is unrecognized (must be of type {kind.kind}): '{key}' is missing"
            )
    if body["apiVersion"] != kind.api_version and not by_patch:
        seen, wanted = body["apiVersion"], kind.api_version
        raise bad_request(
            f"the API version in the data ({seen}) does not match the expected API version ({wanted})"
        )
    causes = [
        wrong(key, body[key], f"must be {wanted}")
        for key, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind))
        if body[key] != wanted
    ]
    if causes:
        raise invalid(body["kind"], kind.group, str(body.get("metadata", {}).get("name", "")), causes)


def is_for(kind: Kind, meta: Object, before: Object, *, by_patch: bool = False) -> None:
    """Check that a write means the object as it is now.

    Raises:
        Refusal: another name (400); another incarnation or another version of it (409, 422 for the uid in a
            patch).
    """
    if (name := meta.get("name")) not in (None, "", before["name"]):
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({before['name']})"
        )
    version = meta.get("resourceVersion") or "0"
    if not str(version).isdigit():
        raise failed(f'strconv.ParseUint: parsing "{version}": invalid syntax')
    if meta.get("uid") not in (None, "", before["uid"]):
        if by_patch:
            cause = wrong("metadata.uid", meta["uid"], "field is immutable")
            raise invalid(kind.kind, kind.group, before["name"], [cause])
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {before['uid']}"
        raise conflict(kind.plural, kind.group, before["name"], why)
    if version not in ("0", before["resourceVersion"]):
        raise conflict(kind.plural, kind.group, before["name"], STALE)


def isolate(kind: Kind, old: Object, new: Object, part: Part, *, owners_too: bool) -> Object:
    """The new state with everything that this write may not change as it was.

    Args:
        kind: what it is.
        old: what is stored.
        new: what was sent; it is used up.
        part: what may change.
        owners_too: the write sets metadata.managedFields.
    """
    before = old["metadata"]
    if not owners_too and "managedFields" not in new["metadata"] and "managedFields" in before:
        new["metadata"]["managedFields"] = before["managedFields"]
    if part == "status":
        return _status_of(old, new)
    meta = new["metadata"]
    for own in _SERVER_OWNED:
        if own in before:
            meta[own] = before[own]
        else:
            meta.pop(own, None)
    meta.pop("selfLink", None)
    if before.get("generateName"):
        meta.setdefault("generateName", before["generateName"])
    if kind.status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    _keep_addresses(kind, old, new)
    return new


def _status_of(old: Object, new: Object) -> Object:
    """The old object with the new one's status, and its managedFields."""
    kept = {key: value for key, value in old.items() if key != "status"}
    kept["metadata"] = {key: value for key, value in old["metadata"].items() if key != "managedFields"}
    if owners := new["metadata"].get("managedFields"):
        kept["metadata"]["managedFields"] = owners
    return kept | ({"status": new["status"]} if new.get("status") is not None else {})


def _keep_addresses(kind: Kind, old: Object, new: Object) -> None:
    """A service that does not say its address keeps the one it was given."""
    spec = new.get("spec")
    if kind.key != ("", "services") or not isinstance(spec, dict) or spec.get("type") == "ExternalName":
        return
    for own in ("clusterIP", "clusterIPs"):
        if not spec.get(own) and own in old["spec"]:
            spec[own] = old["spec"][own]


def finalizers_only_leave(kind: Kind, new: Object, old: Object) -> None:
    """An object that is being deleted gains no finalizer.

    Raises:
        Refusal: it does (422).
    """
    if not old["metadata"].get("deletionTimestamp"):
        return
    added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
    if added:
        listed = ", ".join(f'"{each}"' for each in sorted(added))
        why = (
            "no new finalizers can be added if the object is being deleted, found new finalizers"
            f" []string{{{listed}}}"
        )
        cause = forbidden_field("metadata.finalizers", why)
        raise invalid(kind.kind, kind.group, old["metadata"]["name"], [cause])


def require_version(kind: Kind, body: Object) -> None:
    """Custom kinds take a PUT only with the version it replaces.

    Raises:
        Refusal: 422.
    """
    meta = body.get("metadata") or {}
    if kind.conditional_update and not meta.get("resourceVersion"):
        cause = wrong("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid(kind.plural, kind.group, meta.get("name", ""), [cause])
