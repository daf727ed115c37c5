"""The images of the embedded cluster: ConfigMap `kube-system/images`, key `images.yaml`.

    example.com/app:1.2.0: {env: {ERROR_RATE: "0.1"}}
    example.com/tool:3:    {command: [python3, tool.py]}
    example.com/app:typo:  {missing: true}

An image that is not listed runs the stand-in web server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object

NAMESPACE, NAME, DATA_KEY = "kube-system", "images", "images.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image reference stands for."""

    command: tuple[str, ...] = ()
    """What runs; empty for the stand-in web server."""
    env: Mapping[str, str] = field(default_factory=dict)
    missing: bool = False
    """Cannot be pulled."""
    broken: bool = False
    """Starts, and never becomes ready."""


def parse(config_map: Object | None) -> Mapping[str, Image]:
    """Read the ConfigMap; without one there are no listed images.

    Raises:
        InvalidSpec: the text is no such map; names the image and the field.
    """
    text = ((config_map or {}).get("data") or {}).get(DATA_KEY, "")
    try:
        listed = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise InvalidSpec(f".data[{DATA_KEY}]", f"is no YAML: {error}") from error
    if not isinstance(listed, dict):
        raise InvalidSpec(f".data[{DATA_KEY}]", "must be a map of image references", listed)
    return {str(reference): _image(str(reference), entry or {}) for reference, entry in listed.items()}


def _image(reference: str, entry: Any) -> Image:
    where = f".data[{DATA_KEY}].{reference}"
    if not isinstance(entry, dict):
        raise InvalidSpec(where, "must be a map of command, env, missing and broken", entry)
    if unknown := sorted(set(entry) - {"command", "env", "missing", "broken"}):
        raise InvalidSpec(f"{where}.{unknown[0]}", "is not known; use command, env, missing or broken")
    command, env = entry.get("command", []), entry.get("env", {})
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise InvalidSpec(f"{where}.command", "must be a list of strings", command)
    if not isinstance(env, dict):
        raise InvalidSpec(f"{where}.env", "must be a map", env)
    return Image(
        command=tuple(command),
        env={str(name): str(value) for name, value in env.items()},
        missing=bool(entry.get("missing")),
        broken=bool(entry.get("broken")),
    )


def tag_of(reference: str) -> str:
    """The tag of an image reference, or its digest's first twelve digits; `latest` where it has neither."""
    name, _, digest = reference.partition("@")
    if digest:
        return digest.partition(":")[2][:12]
    last = name.rpartition("/")[2]
    return last.partition(":")[2] or "latest"
