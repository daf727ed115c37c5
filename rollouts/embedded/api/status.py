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
        told = {"reason": self.reason, "message": self.message}
        return {**told, "field": self.field} if self.field else told


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
        if not reason:
            del self.status["reason"]

    @property
    def body(self) -> Object | str:
        """What is answered: a Status."""
        return self.status


class NoSuchPlace(Refusal):
    """404 for a path under which nothing is served at all: what is answered is plain text."""

    def __init__(self) -> None:
        super().__init__(404, "NotFound", "404 page not found")

    @property
    def body(self) -> Object | str:
        """What is answered."""
        return "404 page not found\n"


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
    """404 for a kind that is not served, or a place that it lacks."""
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


def method_not_allowed() -> Refusal:
    """405."""
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def failed(message: str) -> Refusal:
    """500: what the API server takes for its own failure, though the request is at fault."""
    return Refusal(500, "", message)


def future(version: int, current: int) -> Refusal:
    """504 for a resourceVersion that is not there yet."""
    message = f"Timeout: Too large resource version: {version}, current: {current}"
    cause = Cause("ResourceVersionTooLarge", "Too large resource version", "")
    return Refusal(504, "Timeout", message, causes=[cause], retry_after=1)


def gone(message: str) -> Refusal:
    """410 for a resourceVersion or a page that is not remembered any more."""
    return Refusal(410, "Expired", message)


def unsupported_media(accepted: Iterable[str]) -> Refusal:
    """415."""
    known = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {known}"
    return Refusal(415, "UnsupportedMediaType", message)


_LONGEST_VALUE = 1000
"""Characters of a value that are quoted."""


def forbidden(resource: str, group: str, name: str, why: str) -> Refusal:
    """403 for a write that the object's state rules out."""
    message = f'{_qualified(resource, group)} "{name}" is forbidden: {why}'
    return Refusal(403, "Forbidden", message, name=name, group=group, kind=resource)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> Refusal:
    """422, with all that is wrong, each once."""
    causes = list(dict.fromkeys(causes))
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


def too_long(field: str, most: int) -> Cause:
    """The cause for a text of too many bytes."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {most} bytes", field)


def too_many(field: str, count: int, most: int) -> Cause:
    """The cause for a list or a map of too many elements."""
    return Cause("FieldValueTooMany", f"Too many: {count}: must have at most {most} items", field)


def duplicate(field: str, value: Any) -> Cause:
    """The cause for a value that is there already."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def forbidden_field(field: str, why: str) -> Cause:
    """The cause for a field that may not be set or changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def shown(value: Any) -> str:
    """A value as messages quote it, cut short."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource
