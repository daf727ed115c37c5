"""Bring an object into its kind's shape: unknown fields, defaults, validation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rollouts.api.meta import Object
from rollouts.embedded.api.defaults import apply_defaults
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.metadata import finalizer_warnings, metadata_errors
from rollouts.embedded.api.scale import read_path, scale_errors
from rollouts.embedded.api.schema import Walk
from rollouts.embedded.api.status import Cause, Refusal, bad_request, failed, invalid, wrong
from rollouts.embedded.api.validation import kind_errors

if TYPE_CHECKING:
    from rollouts.embedded.api.objects import Options

_ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}
_BLOCKING = frozenset(
    f"FieldValue{reason}" for reason in ("NotSupported", "Required", "TooLong", "TooMany", "TypeInvalid")
)
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to"
    " complete validation"
)


def conform(kind: Kind, obj: Object, old: Object | None, options: "Options") -> Object:
    """Drop or refuse what the schema lacks, fill defaults, check.

    Raises:
        Refusal: 400 for what cannot be read as this kind, 422 for what it may not say.
    """
    walk = Walk(builtin=not kind.custom)
    obj = walk.object(kind.schema or _ANYTHING, obj)
    _unknown(kind, walk, options)
    _unreadable(kind, walk, options)
    if not kind.custom:
        apply_defaults(kind.key, obj)
    causes = list(_custom_errors(kind, obj, walk) if kind.custom else _builtin_errors(kind, obj, old, walk))
    if causes:
        raise invalid(kind.kind, kind.group, str(obj["metadata"].get("name", "")), causes)
    options.warnings += finalizer_warnings(kind, obj, old)
    return obj


def check_applied(kind: Kind, obj: Object) -> None:
    """Check that what is applied is a part of this kind; all else is left to `conform`.

    Raises:
        Refusal: 500 for a value of the wrong type, an unknown field, or two elements of one key.
    """
    walk = Walk(builtin=not kind.custom)
    walk.object(kind.schema or _ANYTHING, obj)
    faults = [cause.message for cause in (*walk.unreadable, *walk.mistyped)]
    faults += [f".{path}: field not declared in schema" for path in walk.unknown]
    faults += [
        f".{cause.field}: {cause.message}" for cause in walk.causes if cause.reason == "FieldValueDuplicate"
    ]
    if faults:
        told = f"/{obj['metadata'].get('name', '')}; {kind.group}/{kind.version}, Kind={kind.kind}"
        raise failed(f"failed to create typed patch object ({told}): {'; '.join(faults)}")


def _custom_errors(kind: Kind, obj: Object, walk: Walk) -> Iterator[Cause]:
    causes = [*metadata_errors(kind, obj["metadata"]), *walk.mistyped, *walk.causes]
    yield from causes
    yield from scale_errors(kind, obj)
    if kind.has_rules and any(cause.reason in _BLOCKING for cause in causes):
        yield wrong("<nil>", None, _UNCHECKED)


def _builtin_errors(kind: Kind, obj: Object, old: Object | None, walk: Walk) -> Iterator[Cause]:
    yield from metadata_errors(kind, obj["metadata"])
    own = list(kind_errors(kind, obj, old))
    yield from own
    for cause in walk.causes:
        parent = cause.field.rpartition(".")[0] + "."
        is_told = any(each.field.startswith(parent) for each in own)
        if cause.reason == "FieldValueRequired" and not is_told and read_path(obj, cause.field) is None:
            yield cause


def _unreadable(kind: Kind, walk: Walk, options: "Options") -> None:
    faults = walk.unreadable
    if not kind.custom:
        faults += walk.mistyped + [cause for cause in walk.causes if cause.reason == "FieldValueTypeInvalid"]
    if faults:
        raise _not_read(kind, "; ".join(f"{cause.field}: {cause.message}" for cause in faults), options)


def _unknown(kind: Kind, walk: Walk, options: "Options") -> None:
    if not walk.unknown or options.field_validation == "Ignore":
        return
    # The API server has a custom object as a map, and goes through it in order.
    told = [f'unknown field "{path}"' for path in (sorted(walk.unknown) if kind.custom else walk.unknown)]
    if options.field_validation == "Strict":
        raise _not_read(kind, f"strict decoding error: {', '.join(told)}", options)
    options.warnings += told


def _not_read(kind: Kind, why: str, options: "Options") -> Refusal:
    """400; or 422 when it is a patch that has made of an object what cannot be read."""
    if options.patched:
        return invalid("", "", "", [wrong("patch", "", why)])
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')
