"""The part of Kubernetes' JSONPath that picks one value: `{$.items[0].status['phase']}`. Pure."""

import re
from typing import Any

from rollouts.api.errors import InvalidSpec

_STEP = re.compile(r"\.([A-Za-z0-9_$-]+)|\[\s*(-?\d+)\s*\]|\[\s*'([^']*)'\s*\]|\[\s*\"([^\"]*)\"\s*\]")

Path = tuple[str | int, ...]


def parse(text: str) -> Path:
    """Read a path; the empty one is `{$}`, everything.

    Raises:
        InvalidSpec: it is no path, or one that may pick several values (`*`, `..`, slices, filters).
    """
    inner = text.strip() or "{$}"
    if not (inner.startswith("{") and inner.endswith("}")):
        raise InvalidSpec("jsonPath", f'"{text}" must stand in braces, like {{$.data.value}}', text)
    rest = inner[1:-1].strip().removeprefix("$")
    if rest in ("", "."):
        return ()
    if not rest.startswith((".", "[")):
        rest = "." + rest
    steps: list[str | int] = []
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise InvalidSpec(
                "jsonPath",
                f'"{rest[:40]}" in "{text}" is not supported; name one value with fields and indexes, '
                "like {$.items[0].value}",
                text,
            )
        field, index, *quoted = step.groups()
        steps.append(
            int(index) if index is not None else next(part for part in (field, *quoted) if part is not None)
        )
        rest = rest[step.end() :]
    return tuple(steps)


def find(path: Path, data: Any) -> Any:
    """The value that a path leads to.

    Raises:
        KeyError: it leads nowhere; its argument says where it ended.
    """
    here = data
    for step in path:
        if isinstance(here, dict) and isinstance(step, str):
            if step not in here:
                raise KeyError(f"{step} is not found")
            here = here[step]
        elif isinstance(here, list) and isinstance(step, int) and -len(here) <= step < len(here):
            here = here[step]
        elif isinstance(here, list) and isinstance(step, int):
            raise KeyError(f"array index out of bounds: index {step}, length {len(here)}")
        else:
            raise KeyError(
                f"{step} is not found in what is no {'array' if isinstance(step, int) else 'object'}"
            )
    return here
