"""`kustomize edit set image`, which the kustomize in kubectl lacks: the tag changes, every comment stays."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from rollouts.api.errors import InvalidSpec
from rollouts.gitops.manifests import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image of a kustomization is to become."""

    name: str
    """The image as the manifests spell it."""
    new_name: str = ""
    tag: str = ""
    digest: str = ""


def parse_image(text: str) -> Image:
    """Read `name:tag`, `name@digest`, `name=new`, `name=new:tag` or `name=new@digest`.

    Raises:
        InvalidSpec: the text is none of these.
    """
    name, equals, rest = text.partition("=")
    reference = rest if equals else text
    reference, _, digest = reference.partition("@")
    # A colon before the last slash is the port of a registry.
    head, slash, last = reference.rpartition("/")
    last, _, tag = last.partition(":")
    new_name = f"{head}{slash}{last}"
    if not name or not new_name or any(letter.isspace() for letter in text) or not (equals or tag or digest):
        raise InvalidSpec(
            "image", f'"{text}" is not an image to set; write name:tag, name@digest or name=new:tag', text
        )
    return Image(
        name=name if equals else new_name, new_name=new_name if equals else "", tag=tag, digest=digest
    )


def edit_images(images: list[Any], image: Image, *, quote: Callable[[str], str] = str) -> bool:
    """Change an `images:` list in place; an entry is added where none has the name, `quote` writes text.

    Returns:
        Whether it changed.
    """
    entry = next((entry for entry in images if entry.get("name") == image.name), None)
    before = None if entry is None else dict(entry)
    if entry is None:
        entry = {"name": image.name}
        images.append(entry)
    if image.new_name:
        entry["newName"] = image.new_name
    if image.tag or image.digest:
        # What is not named anew goes: a digest left behind would win over the tag.
        for field, value in (("newTag", image.tag), ("digest", image.digest)):
            if value:
                entry[field] = quote(value)
            else:
                entry.pop(field, None)
    return before != dict(entry)


def set_image(path: Path | str, image: str) -> bool:
    """Set an image in a kustomization file, keeping its comments, order and quotes.

    Args:
        path: the kustomization file, or the folder that holds it.
        image: `name:tag`, `name@digest`, `name=new`, `name=new:tag` or `name=new@digest`.

    Returns:
        Whether the file changed.

    Raises:
        InvalidSpec: the image is no such text, or the file is no kustomization.
    """
    file = _file(Path(path))
    wanted = parse_image(image)
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096
    text = file.read_text()
    try:
        content = editor.load(text)
    except YAMLError as error:
        raise InvalidSpec(str(file), f"is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise InvalidSpec(str(file), "is no kustomization: it must be a mapping")
    if not edit_images(content.setdefault("images", []), wanted, quote=_text):
        return False
    editor.indent(mapping=2, sequence=4 if "\n  - " in text else 2, offset=2 if "\n  - " in text else 0)
    out = io.StringIO()
    editor.dump(content, out)
    replacement = file.with_name(f".{file.name}.new")
    replacement.write_text(out.getvalue())
    replacement.replace(file)  # whoever reads it sees the old file or the new one
    return True


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    for name in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
        if (path / name).is_file():
            return path / name
    raise InvalidSpec(str(path), "holds no kustomization.yaml")


def _text(tag: str) -> str:
    """A tag that YAML would read as a number or a truth value stays text."""
    return tag if parse(tag.encode(), tag) == (tag,) else DoubleQuotedScalarString(tag)
