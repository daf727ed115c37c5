"""From paths to documents."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from rollouts.api.errors import InvalidSpec
from rollouts.cli.linting.finding import Document, Finding
from rollouts.gitops.manifests import parse

_SUFFIXES = (".yaml", ".yml", ".json")
_NO_MANIFESTS = ("kustomization.yaml", "kustomization.yml")


def read(paths: Sequence[Path], stdin: BinaryIO) -> tuple[list[Document], list[Finding]]:
    """Read files, folders (with all below them) and `-`; a file that is not YAML is a finding."""
    documents: list[Document] = []
    findings: list[Finding] = []
    for path in paths:
        for file, named in _files(path):
            try:
                content = stdin.read() if str(file) == "-" else file.read_bytes()
                bodies = parse(content, str(file))
            except OSError as error:
                findings.append(Finding(file=str(file), message=f"cannot be read: {error.strerror}"))
                continue
            except InvalidSpec as error:
                findings.append(Finding(file=str(file), message=error.message))
                continue
            for number, body in enumerate(bodies, start=1):
                # In a folder there may be YAML of other kinds (values, workflows): not ours to judge.
                if named or (isinstance(body, dict) and "kind" in body):
                    documents.extend(_items(Document(file=str(file), number=number, body=body)))
    return documents, findings


def strays(paths: Sequence[Path]) -> dict[str, bytes]:
    """Files named `kustomize`, which is the name of the command and of no file that it reads."""
    folders = [path for path in paths if path.is_dir()]
    return {
        str(file): file.read_bytes()
        for folder in folders
        for file in sorted(folder.rglob("kustomize"))
        if file.is_file()
    }


def _files(path: Path) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether the user named it."""
    if not path.is_dir():
        yield path, True
        return
    for file in sorted(path.rglob("*")):
        if file.suffix in _SUFFIXES and file.name not in _NO_MANIFESTS and file.is_file():
            yield file, False


def _items(document: Document) -> Iterator[Document]:
    """A List stands for its items."""
    body = document.body
    if isinstance(body, dict) and body.get("kind") == "List" and isinstance(body.get("items"), list):
        for item in body["items"]:
            yield Document(file=document.file, number=document.number, body=item)
    else:
        yield document
