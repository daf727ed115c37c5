"""Field paths as users write them: `.spec.strategy.canary.steps[2].setWeight`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from rollouts.api.errors import InvalidSpec

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT = re.compile(r'\.(?P<name>[A-Za-z_]\w*)|\["(?P<key>[^"]+)"\]|(?P<each>\[\]|\.\*)')
_HIDDEN = re.compile(r"password|secret|token|authorization|api-?key|headers", re.IGNORECASE)


def join(parts: Iterable[str | int]) -> str:
    """Write a path; a key that is no plain word stands in brackets."""
    return "".join(_written(part) for part in parts)


def find(body: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield the path and value of everything in `body` that a pattern names.

    `[]` stands for each entry of a list, `.*` for each of a map, `["key"]` for one key that is no plain word.
    """
    yield from _walk(body, _segments(pattern), [])


def hidden(path: str) -> bool:
    """Whether the value at a path may be a secret."""
    return _HIDDEN.search(path) is not None


def show(value: object, path: str = "") -> str:
    """Write a value for a message: short, and not at all where it may be a secret."""
    if hidden(path):
        return "a value that is not shown"
    text = f'"{value}"' if isinstance(value, str) else _flat(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def wrong(path: str, message: str, value: object) -> InvalidSpec:
    """An error whose message ends in the value seen."""
    return InvalidSpec(path, f"{message}, got {show(value, path)}", None if hidden(path) else value)


@cache
def _segments(pattern: str) -> tuple[str, ...]:
    return tuple(next(filter(None, match.groups())) for match in _SEGMENT.finditer(pattern))


def _written(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN.fullmatch(part) else f'["{part}"]'


def _flat(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(str(key) for key in value) + "}"
        case list() | tuple():
            return f"a list of {len(value)}"
    return str(value)


def _walk(body: Any, segments: Sequence[str], seen: list[str | int]) -> Iterator[tuple[str, Any]]:
    if not segments:
        yield join(seen), body
        return
    head, rest = segments[0], segments[1:]
    entries: Iterable[tuple[str | int, Any]] = ()
    if head == "[]" and isinstance(body, list):
        entries = enumerate(body)
    elif head == ".*" and isinstance(body, dict):
        entries = body.items()
    elif isinstance(body, dict) and head in body:
        entries = [(head, body[head])]
    for key, value in entries:
        yield from _walk(value, rest, [*seen, key])
