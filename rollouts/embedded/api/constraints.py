"""What a schema says of a value beyond its type: bounds, patterns, choices, and combinations of schemas."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from rollouts.api.meta import parse_time
from rollouts.embedded.api.definitions import Schema
from rollouts.embedded.api.status import Cause, too_long, too_many, unsupported, wrong, wrong_type

_BOUNDED = ("Length", "Items", "Properties", "imum")
KEYWORDS = frozenset(
    {"enum", "pattern", "format", "multipleOf", "allOf", "anyOf", "oneOf", "not"}
    | {bound + what for bound in ("min", "max") for what in _BOUNDED}
)
"""Those that say more than a type."""
Errors = Callable[[Schema, Any], list[Cause]]
"""All that is wrong with a value by a schema of its own."""


def violations(schema: Schema, value: Any, at: str, errors: Errors) -> Iterator[Cause]:
    """What is wrong with a value, which stands at a path, by its schema's keywords.

    Of a text or a list only the first fault is told, as the API server does.
    """
    yield from choice(schema, value, at)
    if isinstance(value, str):
        yield from _first(_text(schema, value, at))
    elif isinstance(value, list):
        yield from _first(_size(schema, value, at, "Items"))
    elif isinstance(value, dict):
        yield from _first(_size(schema, value, at, "Properties"))
    elif not isinstance(value, bool):
        yield from _number(schema, value, at)
    yield from combinations(schema, value, at, errors)


def choice(schema: Schema, value: Any, at: str) -> Iterator[Cause]:
    """Whether a value is one of those that may be; a value of the wrong type is none of them."""
    choices = schema.get("enum")
    if choices is not None and value not in choices:
        yield unsupported(at, value, [str(each) for each in choices])


def combinations(schema: Schema, value: Any, at: str, errors: Errors) -> Iterator[Cause]:
    """Whether a value fits other schemas as it must. For a count or text, what its type says is enough."""
    for part in schema.get("allOf") or ():
        yield from errors(part, value)
    some, one = schema.get("anyOf"), schema.get("oneOf")
    if some and all(found := [errors(part, value) for part in some]):
        yield _of_all(f'"{at}" must validate at least one schema (anyOf)')
        yield from found[0]
    if one and sum(not errors(part, value) for part in one) != 1:
        yield _of_all(f'"{at}" must validate one and only one schema (oneOf)')
    if schema.get("not") and not errors(schema["not"], value):
        yield _of_all(f'"{at}" must not validate the schema (not)')


def _of_all(why: str) -> Cause:
    """The cause for what the API server gives no place."""
    return wrong("<nil>", "", why)


def whole_number(at: str) -> Cause:
    """What is said of a fraction besides its being no integer."""
    return _of_all(f"Checked value must be of type integer (default format) in {at}")


def _first(causes: Iterator[Cause]) -> Iterator[Cause]:
    cause = next(causes, None)
    if cause is not None:
        yield cause


def _text(schema: Schema, value: str, at: str) -> Iterator[Cause]:
    low, high, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    if high is not None and len(value) > high:
        yield too_long(at, high)
    if low is not None and len(value) < low:
        yield wrong(at, value, f"{at} in body should be at least {low} chars long")
    if pattern is not None and not _compiled(pattern).search(value):
        yield wrong(at, value, f"{at} in body should match '{pattern}'")
    if schema.get("format") == "date-time" and not is_time(value):
        yield wrong_type(at, value, f'{at} in body must be of type date-time: "{value}"')
    if schema.get("format") == "byte" and not _is_base64(value):
        yield wrong_type(at, value, f"{at} in body must be of type byte: illegal base64 data")


def _size(schema: Schema, value: Any, at: str, what: str) -> Iterator[Cause]:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    if low is not None and len(value) < low:
        yield wrong(at, len(value), f"{at} in body should have at least {low} {what.lower()}")
    if high is not None and len(value) > high:
        yield too_many(at, len(value), high)


def _number(schema: Schema, value: float, at: str) -> Iterator[Cause]:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        more = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield wrong(at, value, f"{at} in body should be {more} {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        less = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield wrong(at, value, f"{at} in body should be {less} {high}")
    if step and value % step:
        yield wrong(at, value, f"{at} in body should be a multiple of {step}")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def is_time(text: str) -> bool:
    """Whether a text is an RFC 3339 time."""
    try:
        parse_time(text)
    except ValueError:
        return False
    return True
