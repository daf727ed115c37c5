"""The JSONPath of printer columns: fields, indices, slices, wildcards and equality filters."""

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""
    \.(?P<field>[A-Za-z0-9_$-](?:\\.|[^.\[\\])*)      # .field, with dots escaped as \.
  | \.?\[\s*'(?P<quoted>[^']*)'\s*\]                   # ['field']
  | \.?\[\s*"(?P<double>[^"]*)"\s*\]
  | \.?\[(?P<index>-?\d+)\]
  | \.?(?P<all>\[\*\]|\.\*)
  | \.?\[\?\(\s*@(?P<left>(?:\.[^=!<>\s]+)+)\s*(?P<op>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\]
    """,
    re.VERBOSE,
)


class BadPath(ValueError):
    """The text is no JSONPath that this reader knows."""


@lru_cache(maxsize=512)
def parse(path: str) -> tuple[tuple[str, Any], ...]:
    """Read a path into steps.

    Raises:
        BadPath: it cannot be read.
    """
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps: list[tuple[str, Any]] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise BadPath(f'cannot read the JSONPath "{path}" at "{text[at:]}"')
        at = match.end()
        groups = match.groupdict()
        if groups["index"] is not None:
            steps.append(("index", int(groups["index"])))
        elif groups["all"] is not None:
            steps.append(("all", None))
        elif groups["left"] is not None:
            keys = tuple(groups["left"].strip(".").split("."))
            steps.append(("filter", (keys, groups["op"] == "==", groups["right"].strip("\"'"))))
        else:
            name = next(groups[key] for key in ("field", "quoted", "double") if groups[key] is not None)
            steps.append(("field", name.replace("\\.", ".")))
    return tuple(steps)


def find(path: str, value: Any) -> list[Any]:
    """All values at a path, none when it leads nowhere.

    Raises:
        BadPath: it cannot be read.
    """
    found = [value]
    for word, argument in parse(path):
        found = [inner for outer in found for inner in _take(word, argument, outer)]
    return found


def _take(word: str, argument: Any, value: Any) -> list[Any]:
    if word == "field":
        return [value[argument]] if isinstance(value, dict) and argument in value else []
    if word == "index":
        inside = isinstance(value, list) and -len(value) <= argument < len(value)
        return [value[argument]] if inside else []
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if word == "all":
        return items
    keys, equal, right = argument
    return [item for item in items if (_text(item, keys) == right) is equal]


def _text(item: Any, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        if not isinstance(item, dict) or key not in item:
            return None
        item = item[key]
    return str(item).lower() if isinstance(item, bool) else str(item)
