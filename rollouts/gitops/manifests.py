"""Kubernetes objects out of YAML and JSON, typed as Kubernetes reads them, with bombs refused.

Kubernetes reads YAML 1.1 without its timestamps and base-60 numbers, and with
`1e3` as a number; so does this.
"""

import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops.shape import check, check_object

_DEEPEST = 128
"""How deep a document may nest."""
_MOST_NODES = 1_000_000
"""Values that a file may hold once its aliases stand for what they mean."""
_INT = re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$")
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$")
_REPLACED = ("int", "float", "timestamp", "value")


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes types it; a key that appears twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key.value}" appears twice', key.start_mark
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _REPLACED]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def parse(content: bytes, where: str) -> tuple[Any, ...]:
    """The documents of a file, empty ones left out.

    Args:
        content: YAML or JSON, in UTF-8.
        where: the file, for messages.

    Raises:
        InvalidSpec: not YAML, or more than a file may hold; names the file, and the line where there is one.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSpec(where, f"is not UTF-8 text: {error.reason} at byte {error.start}") from error
    try:
        refuse_bombs(text, where)
        documents = tuple(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise InvalidSpec(where, f"is not YAML: {_where(error)}") from error
    except (ValueError, RecursionError, TypeError) as error:
        raise InvalidSpec(where, f"is not YAML that Kubernetes reads: {error}") from error
    return tuple(_as_json(document) for document in documents if document is not None)


def objects(content: bytes, where: str) -> tuple[Object, ...]:
    """The Kubernetes objects of a file; a List stands for its items.

    Raises:
        InvalidSpec: as `parse`, and where a document is no object: names file, document and what it lacks.
    """
    return tuple(
        found
        for number, document in enumerate(parse(content, where), start=1)
        for found in _objects(document, f"{where} (document {number})")
    )


def _objects(document: Any, where: str) -> Iterator[Object]:
    if not isinstance(document, dict):
        seen = f"{type(document).__name__}: {str(document)[:60]}"
        raise InvalidSpec(where, f"is no Kubernetes object but {seen}")
    check(document, where)
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        for number, item in enumerate(document["items"]):
            yield from _objects(item, f"{where} .items[{number}]")
        return
    check_object(document, where)
    yield document


def refuse_bombs(text: str, where: str) -> None:
    """Walk the events, which cost nothing to hold, and count what the aliases would become.

    Raises:
        InvalidSpec: too deep or too much; names the file and the line.
        yaml.YAMLError: not YAML.
    """
    sizes: dict[str, int] = {}
    parents: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            sizes, total = {}, 0
        elif isinstance(event, yaml.AliasEvent):
            # An alias inside what it stands for has no size yet, and no end.
            total += sizes.get(event.anchor or "", _MOST_NODES + 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = parents.pop()
            sizes[anchor or ""] = total - before
        elif isinstance(event, yaml.NodeEvent):
            total += 1
            sizes[event.anchor or ""] = 1
            if isinstance(event, yaml.CollectionStartEvent):
                sizes.pop(event.anchor or "", None)
                parents.append((event.anchor, total - 1))
        if len(parents) > _DEEPEST:
            raise InvalidSpec(where, f"nests deeper than {_DEEPEST} levels, at line {_line(event)}")
        if total > _MOST_NODES:
            raise InvalidSpec(
                where, f"expands to more than {_MOST_NODES} values, at line {_line(event)}; use fewer aliases"
            )


def _line(event: yaml.Event) -> int:
    return int(event.start_mark.line) + 1 if event.start_mark is not None else 0


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def _as_json(value: Any) -> Any:
    """Keys as text, as JSON has them, and nothing that two places share."""
    if isinstance(value, dict):
        return {_key(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise ValueError(f"a value of type {type(value).__name__} has no JSON form")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise ValueError(f"a key of type {type(key).__name__} has no JSON form")
