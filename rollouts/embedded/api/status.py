"""What the API refuses, as Kubernetes says it: an exception that becomes a Status object."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from rollouts.api.meta import Object


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong, and how."""

    reason: str
    """`FieldValueInvalid`, `FieldValueRequired`, `FieldManagerConflict` ..."""
    message: str
    field: str

    def to_json(self) -> Object:
        """As it stands in `details.causes`."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class Refusal(Exception):
    """An answer other than success. Never leaves the server: `ApiServer.handle` turns it into a Response."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        name: str = "",
        group: str = "",
        kind: str = "",
        uid: str = "",
        causes: Sequence[Cause] = (),
        retry_after: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        details: Object = {"name": name, "group": group, "kind": kind, "uid": uid}
        details["causes"] = [cause.to_json() for cause in causes]
        details["retryAfterSeconds"] = retry_after
        details = {key: value for key, value in details.items() if value}
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }


def not_found(resource: str, group: str, name: str) -> Refusal:
    """404 for an object."""
    return Refusal(
        404,
        "NotFound",
        f'{_qualified(resource, group)} "{name}" not found',
        name=name,
        group=group,
        kind=resource,
    )


def no_such_path() -> Refusal:
    """404 for a path or a kind that is not served."""
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: str, group: str, name: str) -> Refusal:
    """409 for a name that is taken."""
    message = f'{_qualified(resource, group)} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, name=name, group=group, kind=resource)


def conflict(resource: str, group: str, name: str, why: str) -> Refusal:
    """409 for a write that was meant for another version of the object."""
    message = f'Operation cannot be fulfilled on {_qualified(resource, group)} "{name}": {why}'
    return Refusal(409, "Conflict", message, name=name, group=group, kind=resource)


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def bad_request(message: str) -> Refusal:
    """400."""
    return Refusal(400, "BadRequest", message)


def method_not_allowed(method: str) -> Refusal:
    """405."""
    message = f"the server does not allow this method on the requested resource: {method}"
    return Refusal(405, "MethodNotAllowed", message)


def gone(message: str) -> Refusal:
    """410 for a resourceVersion or a page that is not remembered any more."""
    return Refusal(410, "Expired", message)


def unsupported_media(content_type: str, accepted: Iterable[str]) -> Refusal:
    """415."""
    message = (
        "the body of the request was in an unknown format - accepted media types include:"
        f" {', '.join(accepted)} (seen: {content_type or 'none'})"
    )
    return Refusal(415, "UnsupportedMediaType", message)


def forbidden(resource: str, group: str, name: str, why: str) -> Refusal:
    """403 for a write that the object's state rules out."""
    message = f'{_qualified(resource, group)} "{name}" is forbidden: {why}'
    return Refusal(403, "Forbidden", message, name=name, group=group, kind=resource)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> Refusal:
    """422, one cause per field."""
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    return Refusal(
        422,
        "Invalid",
        f'{_qualified(kind, group)} "{name}" is invalid: {text}',
        name=name,
        group=group,
        kind=kind,
        causes=causes,
    )


def required(field: str, why: str = "") -> Cause:
    """The cause for a field that must be there."""
    return Cause("FieldValueRequired", "Required value" + (f": {why}" if why else ""), field)


def wrong(field: str, value: Any, why: str) -> Cause:
    """The cause for a value that cannot be."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", field)


def wrong_type(field: str, value: Any, why: str) -> Cause:
    """The cause for a value of the wrong type."""
    return Cause("FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {why}", field)


def unsupported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    """The cause for a value outside an enumeration."""
    choices = ", ".join(f'"{choice}"' for choice in supported)
    message = f"Unsupported value: {shown(value)}: supported values: {choices}"
    return Cause("FieldValueNotSupported", message, field)


def forbidden_field(field: str, why: str) -> Cause:
    """The cause for a field that may not be set or changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def shown(value: Any) -> str:
    """A value as messages quote it, cut short."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 200 else text[:200] + "..."


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource
