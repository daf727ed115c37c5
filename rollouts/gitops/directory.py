"""A plain folder of manifests."""

import posixpath
import re

from rollouts.api.application_source import ApplicationSourceDirectory
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops.manifests import objects
from rollouts.gitops.tree import Tree

_MANIFEST = (".yaml", ".yml", ".json")
_MOST_BYTES = 10 * 1024 * 1024
"""Of all manifests together."""


def render(tree: Tree, path: str, options: ApplicationSourceDirectory) -> tuple[Object, ...]:
    """The objects of a folder, file by file in the order of their names.

    Raises:
        InvalidSpec: a file cannot be read as manifests, or there are too many; names the file.
    """
    if options.jsonnet is not None and (
        options.jsonnet.ext_vars or options.jsonnet.tlas or options.jsonnet.libs
    ):
        raise InvalidSpec(
            ".spec.source.directory.jsonnet", "is not supported yet; commit the rendered manifests"
        )
    include, exclude = _glob(options.include), _glob(options.exclude)
    found: list[Object] = []
    total = 0
    for file in sorted(tree.files(path, recurse=options.recurse), key=lambda f: f.path):
        name = posixpath.relpath(file.path, path or ".")
        if (exclude and exclude.fullmatch(name)) or (include and not include.fullmatch(name)):
            continue
        if name.endswith(".jsonnet"):
            raise InvalidSpec(
                ".spec.source.path",
                f'"{file.path}" is Jsonnet, which is not supported yet; exclude it',
                file.path,
            )
        if not name.endswith(_MANIFEST):
            continue
        total += file.size
        if total > _MOST_BYTES:
            raise InvalidSpec(
                ".spec.source.path",
                f'the manifests of "{path}" hold more than {_MOST_BYTES >> 20} MB at "{file.path}"; '
                "split the app",
                path,
            )
        found += objects(tree.read(file), file.path)
    return tuple(found)


def _glob(pattern: str) -> re.Pattern[str] | None:
    """A glob of `*`, `?`, `[...]` and `{a,b}`; a `*` also stands for slashes."""
    if not pattern:
        return None
    text, depth = "", 0
    for letter in pattern:
        if letter == "*":
            text += ".*"
        elif letter == "?":
            text += "."
        elif letter == "{":
            text, depth = f"{text}(?:", depth + 1
        elif letter == "}" and depth:
            text, depth = f"{text})", depth - 1
        elif letter == "," and depth:
            text += "|"
        elif letter in "[]":
            text += letter
        else:
            text += re.escape(letter)
    try:
        return re.compile(text.replace("[!", "[^"), re.DOTALL)
    except re.error as error:
        raise InvalidSpec(".spec.source.directory", f'"{pattern}" is not a glob: {error}', pattern) from error
