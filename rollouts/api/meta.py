"""What all resources share: the base models, times, int-or-string and object metadata."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

GROUP = "argoproj.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Spec(BaseModel):
    """What a user writes: frozen, camelCase on the wire, and an unknown field is refused by name."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )


class Status(BaseModel):
    """What a controller writes: as Spec, but fields of other versions of the controller are passed over."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )


def format_time(moment: datetime) -> str:
    """Write a moment as Kubernetes does: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time.

    Raises:
        ValueError: the text is not one, or names no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f'"{text}" has no time zone; write it like 2026-01-31T12:00:00Z')
    return moment


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone, like 2026-01-31T12:00:00Z")
    return value


Time = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(format_time, return_type=str, when_used="always"),
]
"""A moment; on the wire RFC 3339 in UTC, to the second."""


def _int_or_string(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be an integer or a string")
    return value


IntOrString = Annotated[
    int | str,
    BeforeValidator(_int_or_string),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True}),
]
"""A count, or a percentage or templated count as text."""

OPEN: JsonDict = {"x-kubernetes-preserve-unknown-fields": True}
"""Marks a field whose contents the schema leaves open."""

MAX_INT32 = 2**31 - 1
"""The most that a field of seconds holds upstream; more would leave the calendar."""

Object = dict[str, Any]
"""A Kubernetes object, or a part of one, as JSON gives it."""


class LabelSelectorRequirement(Spec):
    """One term of a label selector."""

    key: str
    """The label."""
    operator: str
    """`In`, `NotIn`, `Exists` or `DoesNotExist`."""
    values: tuple[str, ...] = ()
    """The values to compare with, for In and NotIn."""


class LabelSelector(Spec):
    """Which labels an object must carry."""

    match_labels: dict[str, str] = {}
    """Labels and the values that they must have."""
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    """Further terms; all must hold."""


class OwnerReference(Status):
    """Whose child this object is."""

    api_version: str
    """The API version of the owner."""
    kind: str
    """The kind of the owner."""
    name: str
    """The name of the owner."""
    uid: str
    """The identity of the owner."""
    controller: bool | None = None
    """The owner is the one that manages this object."""
    block_owner_deletion: bool | None = None
    """The owner waits for this object when it is deleted."""


class ObjectMeta(Status):
    """The part of metadata that the engine reads."""

    name: str = ""
    """The name, unique for its kind in the namespace."""
    namespace: str = ""
    """The namespace; empty for an object of the whole cluster."""
    generate_name: str = ""
    """What a generated name begins with."""
    uid: str = ""
    """The identity; never used again."""
    resource_version: str = ""
    """Changes with every write."""
    generation: int = 0
    """Counts the changes of the spec."""
    creation_timestamp: Time | None = None
    """When it was created."""
    deletion_timestamp: Time | None = None
    """When its deletion was asked for."""
    labels: dict[str, str] = {}
    """Labels."""
    annotations: dict[str, str] = {}
    """Annotations."""
    owner_references: tuple[OwnerReference, ...] = ()
    """The objects that it belongs to, and goes with."""
    finalizers: tuple[str, ...] = ()
    """What must happen before it is gone."""


class Condition(Status):
    """One observed aspect of an object."""

    type: str
    """The aspect, such as `Progressing`."""
    status: str
    """`True`, `False` or `Unknown`."""
    reason: str = ""
    """Why, as one word."""
    message: str = ""
    """Why, as a sentence."""
    last_update_time: Time | None = None
    """When it was looked at and changed in any way."""
    last_transition_time: Time | None = None
    """When its status changed."""


def dump(model: BaseModel) -> Object:
    """Write a model as Kubernetes JSON: camelCase, and nothing that was not set.

    A field at its default is left out; the API server would add the same default again. What names the kind
    of an object is always written.
    """
    body = model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    head = {field: getattr(model, field, "") for field in ("api_version", "kind")}
    if all(head.values()) and hasattr(model, "metadata"):
        return {"apiVersion": head["api_version"], "kind": head["kind"]} | body
    return body
