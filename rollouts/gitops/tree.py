"""Reads a repository at a commit without a work tree, and refuses what could harm.

Sizes come from the object headers: a file that is too large is refused before a byte of it is read.
"""

import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from rollouts.api.errors import InvalidSpec
from rollouts.gitops.mirror import DamagedMirror

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes."""
LARGEST_TOTAL = 100 * 1024 * 1024
"""Bytes that one Application may read."""
MOST_FILES = 10_000
_MOST_ENTRIES = 20 * MOST_FILES
_DEEPEST = 64
_LONGEST_LINK = 4096
_PATH = ".spec.source.path"


@dataclass(frozen=True, slots=True)
class File:
    """A regular file in the tree; its content is read when asked for."""

    path: str
    """From the root of the repository."""
    size: int
    oid: str
    executable: bool = False


@dataclass(slots=True)
class Tree:
    """A repository at one commit.

    Methods raise InvalidSpec, naming file and remedy, for a link that leads out of the tree, a submodule,
    a file that is too large and a folder that holds too many.
    """

    repository: pygit2.Repository
    root: pygit2.Tree
    sha: str
    _blobs: dict[str, bytes] = field(default_factory=dict)
    _visited: int = 0

    @staticmethod
    def open(git_dir: Path, sha: str) -> "Tree":
        """Open a commit of a mirror.

        Raises:
            DamagedMirror: the mirror does not hold it, or is damaged.
        """
        try:
            repository = pygit2.Repository(str(git_dir), pygit2.enums.RepositoryOpenFlag.BARE)
            return Tree(repository, repository[sha].peel(pygit2.Tree), sha)
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise DamagedMirror(f"the mirror {git_dir.name} cannot be read at {sha[:7]}: {error}") from error

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at `path`."""
        return isinstance(self._entry(path), pygit2.Tree)

    def is_file(self, path: str) -> bool:
        """Whether there is a file at `path`."""
        return isinstance(self._entry(path), pygit2.Blob)

    def folder(self, path: str) -> str:
        """The clean form of a folder's path.

        Raises:
            InvalidSpec: there is none; says what the repository has instead.
        """
        clean = clean_path(path)
        if self.is_folder(clean):
            return clean
        parent = self._entry(posixpath.dirname(clean))
        there = sorted(str(entry.name) for entry in parent) if isinstance(parent, pygit2.Tree) else []
        near = f"; beside it there are {', '.join(there[:10])}" if there else ""
        raise InvalidSpec(_PATH, f'there is no folder "{clean}" at {self.sha[:7]}{near}', path)

    def names(self, path: str) -> tuple[str, ...]:
        """The names in a folder."""
        entry = self._entry(path)
        return tuple(str(child.name) for child in entry) if isinstance(entry, pygit2.Tree) else ()

    def files(self, path: str, *, recurse: bool = True) -> tuple[File, ...]:
        """The files under a folder; links are followed while they stay in the tree."""
        entry = self._entry(path)
        if not isinstance(entry, pygit2.Tree):
            return ()
        found: list[File] = []
        total = 0
        for file in self._walk(entry, clean_path(path), recurse, 0):
            found.append(file)
            total += file.size
            if len(found) > MOST_FILES:
                raise InvalidSpec(
                    _PATH, f'"{path}" holds more than {MOST_FILES} files; give each app its own', path
                )
            if total > LARGEST_TOTAL:
                raise InvalidSpec(
                    _PATH,
                    f'the files of "{path}" hold more than {_megabytes(LARGEST_TOTAL)}; split the app',
                    path,
                )
        return tuple(found)

    def read(self, file: File) -> bytes:
        """The content of a file."""
        content = self._blobs.get(file.oid)
        if content is None:
            blob = self.repository[file.oid]
            content = blob.data if isinstance(blob, pygit2.Blob) else b""
            self._blobs[file.oid] = content
        return content

    def write(self, files: tuple[File, ...], target: Path) -> None:
        """Put files under a folder of the disk, at their own paths."""
        for file in files:
            destination = target / file.path
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(self.read(file))

    def _walk(self, tree: pygit2.Tree, path: str, recurse: bool, depth: int) -> Iterator[File]:
        if depth > _DEEPEST:
            raise InvalidSpec(_PATH, f'"{path}" lies more than {_DEEPEST} folders deep', path)
        for entry in tree:
            _check_name(path, str(entry.name))
            name = posixpath.join(path, str(entry.name))
            self._visited += 1
            if self._visited > _MOST_ENTRIES:
                raise InvalidSpec(_PATH, f'"{path}" holds too many folders and links', path)
            if entry.filemode == pygit2.enums.FileMode.COMMIT:
                raise InvalidSpec(
                    _PATH,
                    f'"{name}" is a submodule, and those are not fetched; copy its files or drop it',
                    name,
                )
            if entry.filemode == pygit2.enums.FileMode.LINK:
                yield from self._linked(entry, name, recurse, depth)
            elif entry.filemode == pygit2.enums.FileMode.TREE:
                if recurse and isinstance(entry, pygit2.Tree):
                    yield from self._walk(entry, name, recurse, depth + 1)
            else:
                yield self._file(entry, name)

    def _linked(self, entry: pygit2.Object, name: str, recurse: bool, depth: int) -> Iterator[File]:
        """A link stands for what it points at, if that is in the tree and does not hold the link."""
        target = self._target(entry, name)
        found = self._entry(target)
        if isinstance(found, pygit2.Blob):
            yield self._file(found, name)
            return
        if not isinstance(found, pygit2.Tree):
            raise InvalidSpec(
                _PATH, f'"{name}" is a link to "{target}", which is not in the repository', name
            )
        if f"{name}/".startswith(f"{target}/") or not target:
            raise InvalidSpec(_PATH, f'"{name}" is a link to a folder that holds it', name)
        if recurse:
            for file in self._walk(found, target, recurse, depth + 1):
                yield File(posixpath.join(name, posixpath.relpath(file.path, target)), file.size, file.oid)

    def _target(self, entry: pygit2.Object, name: str) -> str:
        if self._size(str(entry.id)) > _LONGEST_LINK:
            raise InvalidSpec(_PATH, f'"{name}" is a link that is too long', name)
        blob = self.repository[entry.id]
        text = blob.data.decode(errors="replace") if isinstance(blob, pygit2.Blob) else ""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), text))
        if text.startswith("/") or target == ".." or target.startswith("../"):
            raise InvalidSpec(
                _PATH,
                f'"{name}" is a link to "{text}", out of the repository; replace it by the file itself',
                name,
            )
        return "" if target == "." else target

    def _file(self, entry: pygit2.Object, name: str) -> File:
        size = self._size(str(entry.id))
        if size > LARGEST_FILE:
            raise InvalidSpec(
                _PATH,
                f'"{name}" has {_megabytes(size)}, and {_megabytes(LARGEST_FILE)} are allowed; '
                "take it out of the app's folder",
                name,
            )
        return File(name, size, str(entry.id), bool(entry.filemode & stat.S_IXUSR))

    def _size(self, oid: str) -> int:
        _, size = self.repository.odb.read_header(oid)
        return int(size)

    def _entry(self, path: str) -> pygit2.Object | None:
        """What lies at a path; the links on the way to it are followed while they stay in the tree."""
        clean = clean_path(path)
        here: pygit2.Object = self.root
        parts, at, hops = clean.split("/") if clean else [], "", 0
        while parts:
            name = parts.pop(0)
            if not isinstance(here, pygit2.Tree) or name not in here:
                return None
            here, at = here[name], posixpath.join(at, name)
            if here.filemode == pygit2.enums.FileMode.LINK:
                hops += 1
                if hops > _DEEPEST:
                    raise InvalidSpec(_PATH, f'"{at}" is a link that leads to itself', at)
                target = self._target(here, at)
                here, at, parts = self.root, "", [*(target.split("/") if target else []), *parts]
        return here


def clean_path(path: str) -> str:
    """A path from the root of the repository, without `.` and a slash at either end; empty for the root.

    Raises:
        InvalidSpec: it leads out of the repository.
    """
    clean = posixpath.normpath(path or ".").strip("/")
    if clean == ".." or clean.startswith("../") or path.startswith("/") or "\0" in path:
        raise InvalidSpec(
            _PATH, f'"{path}" must be a folder inside the repository, without a leading slash', path
        )
    return "" if clean == "." else clean


def _check_name(folder: str, name: str) -> None:
    """A tree that was made by hand may hold names which lead elsewhere once they are written to a disk."""
    if name in ("", ".", "..") or name.lower() == ".git" or "/" in name or "\0" in name:
        raise InvalidSpec(
            _PATH,
            f'"{folder or "."}" holds an entry named "{name}", which git does not make; remove it',
            name,
        )


def _megabytes(size: int) -> str:
    return f"{size / (1024 * 1024):.0f} MB"
