"""What a kustomization may not do to the machine that builds it. Pure.

`kubectl kustomize` loads any file over HTTP whose name is a URL, from addresses that only the engine reaches,
too; and it opens up every alias of a YAML file, whatever it comes to.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from rollouts.api.errors import InvalidSpec
from rollouts.gitops.manifests import parse, refuse_bombs

_URL = re.compile(r"(?:[^=]*=)?https?:", re.IGNORECASE)
"""As kustomize tells a remote file; generators write `key=file`."""
_FILES = frozenset(
    {"path", "files", "envs", "env", "patchesStrategicMerge", "crds", "configurations", "replacements"}
)
_PLUGINS = ("generators", "transformers", "validators")
_DATA = frozenset({"commonAnnotations", "commonLabels", "labels", "annotations", "literals", "options"})
_BUILTIN = "builtin"
_YAML = (".yaml", ".yml", ".json")


def check_kustomization(name: str, document: dict[str, Any]) -> None:
    """Refuse a kustomization that names a remote file.

    Raises:
        InvalidSpec: names file, field and address.
    """
    for where, text in _named(document, "", files=False):
        _refuse_remote(f"{name} {where}", text)
    for field in _PLUGINS:
        for number, entry in enumerate(_list(document.get(field))):
            if isinstance(entry, str) and "\n" in entry:
                _check_plugin(f"{name} .{field}[{number}]", entry.encode())


def check_file(name: str, content: bytes) -> None:
    """Refuse a file that kustomize might read as YAML, and which is a bomb or configures a remote load.

    Raises:
        InvalidSpec: names the file.
    """
    if not name.endswith(_YAML):
        return
    # Without an anchor and an alias nothing grows, and most files are spared the walk.
    if b"&" in content and b"*" in content:
        try:
            refuse_bombs(content.decode("utf-8-sig"), name)
        except (yaml.YAMLError, UnicodeDecodeError):
            return  # if it is built from, kubectl says what is wrong with it
    if _BUILTIN.encode() in content:
        _check_plugin(name, content)


def check_plugin_folder(where: str, entry: str) -> None:
    """Refuse a folder of transformers: what its own kustomization makes of them is not known beforehand.

    Raises:
        InvalidSpec: names field and folder.
    """
    if where.rpartition(".")[2].partition("[")[0] in _PLUGINS:
        raise InvalidSpec(where, f'"{entry}" is a folder, which is not supported here; name its files', entry)


def _check_plugin(where: str, content: bytes) -> None:
    for document in parse(content, where):
        if isinstance(document, dict) and document.get("apiVersion") == _BUILTIN:
            for place, text in _named(document, "", files=False):
                _refuse_remote(f"{where} {place}", text)


def _named(value: Any, at: str, *, files: bool) -> Iterator[tuple[str, str]]:
    """Every text in a place where kustomize looks for the name of a file."""
    if isinstance(value, str):
        if files:
            yield at, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _named(item, f"{at}[{number}]", files=files)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _DATA:
                yield from _named(item, f"{at}.{key}", files=key in _FILES)


def _refuse_remote(where: str, text: str) -> None:
    if "\n" not in text and _URL.match(text):
        raise InvalidSpec(
            where, f'"{text}" is remote, and only what the repository holds is built; copy it in', text
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
