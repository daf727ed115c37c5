"""Bring an object into its kind's shape: unknown fields, defaults, validation."""

from typing import TYPE_CHECKING

from rollouts.api.meta import Object
from rollouts.embedded.api.defaults import apply_defaults
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.schema import Walk
from rollouts.embedded.api.status import bad_request, invalid
from rollouts.embedded.api.validation import kind_errors, metadata_errors

if TYPE_CHECKING:
    from rollouts.embedded.api.objects import Options


def conform(kind: Kind, obj: Object, old: Object | None, options: "Options") -> Object:
    """Drop or refuse what the schema lacks, fill defaults, check.

    Raises:
        Refusal: 400 for what cannot be read as this kind, 422 for what it may not say.
    """
    walk = Walk(drop_nulls=not kind.custom)
    obj = walk.object(kind.schema or {"x-kubernetes-preserve-unknown-fields": True}, obj)
    _unknown(walk, options)
    _mistyped(kind, obj, walk)
    name = str(obj["metadata"].get("name", ""))
    causes = [*metadata_errors(kind, obj["metadata"]), *walk.causes]
    if causes:
        raise invalid(kind.kind, kind.group, name, causes)
    apply_defaults(kind.key, obj)
    causes = list(kind_errors(kind, obj, old))
    if causes:
        raise invalid(kind.kind, kind.group, name, causes)
    return obj


def check_types(kind: Kind, obj: Object) -> None:
    """Check that a part of an object could be read as this kind; all else is left to `conform`.

    Raises:
        Refusal: 400 or 422 for a value of the wrong type.
    """
    walk = Walk(drop_nulls=not kind.custom)
    walk.object(kind.schema or {"x-kubernetes-preserve-unknown-fields": True}, obj)
    _mistyped(kind, obj, walk)


def _mistyped(kind: Kind, obj: Object, walk: Walk) -> None:
    if not walk.mistyped:
        return
    if kind.custom:
        meta = obj["metadata"]
        name = str(meta.get("name", "")) if isinstance(meta, dict) else ""
        raise invalid(kind.kind, kind.group, name, [*walk.mistyped, *walk.causes])
    told = "; ".join(f"{cause.field}: {cause.message}" for cause in walk.mistyped)
    raise bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {told}')


def _unknown(walk: Walk, options: "Options") -> None:
    if not walk.unknown or options.field_validation == "Ignore":
        return
    told = [f'unknown field "{path}"' for path in walk.unknown]
    if options.field_validation == "Strict":
        raise bad_request(f"strict decoding error: {', '.join(told)}")
    options.warnings += told
