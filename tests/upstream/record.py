"""Records anew what the suite holds the hashes to: `python -m tests.upstream.record`. It needs Go.

- strategies/shapes.json: Go's types of a pod template and of a step, as peers/go.mod pins them;
- tests/strategies/hashes/corners.yaml: upstream's names of the templates and steps that stand there;
- tests/strategies/hashes/manifests.yaml: those of every template and list of steps in examples and tests.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from rollouts.api.meta import Object
from tests.upstream import oracle, programs

ROOT = Path(__file__).parents[2]
HASHES = ROOT / "tests" / "strategies" / "hashes"
SHAPES = ROOT / "strategies" / "shapes.json"


def main() -> None:
    """Write all three."""
    written = subprocess.run([programs.peer("shape")], capture_output=True, check=True)
    SHAPES.write_bytes(written.stdout)
    corners = HASHES / "corners.yaml"
    lines = corners.read_text(encoding="utf-8").splitlines(keepends=True)
    heading = "".join(line for line in lines if line.startswith("#"))
    _record(corners, heading, yaml.safe_load("".join(lines)))
    heading = "# Recorded: the templates and steps of examples and tests, and upstream's names of them.\n"
    _record(HASHES / "manifests.yaml", heading, list(in_manifests()))


def _record(path: Path, heading: str, cases: list[Object]) -> None:
    asked = [
        {"rollout": oracle.rollout(case.get("template"), case.get("steps", ()), case.get("collisionCount"))}
        for case in cases
    ]
    lines = []
    for case, answer in zip(cases, oracle.answers(asked), strict=True):
        if "malformed" not in answer:  # what upstream itself cannot read has no name worth keeping
            case["hash"] = answer["steps" if "steps" in case else "hash"]
            lines.append(f"- {_in_yaml(case)}\n")
    path.write_text(heading + "".join(lines), encoding="utf-8")


def _in_yaml(value: Object) -> str:
    """JSON that is YAML, too: that does not take all characters as they are."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def in_manifests() -> Iterator[Object]:
    """Each template and list of steps once, under the name of the file in which it was found first."""
    seen = set()
    for folder in ("examples", "tests"):
        for path in sorted((ROOT / folder).rglob("*.yaml")):
            if path.is_relative_to(HASHES):
                continue
            for found in _within(list(yaml.safe_load_all(path.read_text(encoding="utf-8")))):
                text = json.dumps(found, sort_keys=True)
                if text not in seen:
                    seen.add(text)
                    yield {"case": str(path.relative_to(ROOT)), **found}


def _within(value: Any) -> Iterator[Object]:
    match value:
        case {"spec": {"containers": [{"name": str()}, *_]}} if value.get("kind") != "Pod":
            yield {"template": value}
        case {"canary": {"steps": [*steps]}}:
            yield {"steps": steps}
        case dict():
            for each in value.values():
                yield from _within(each)
        case list():
            for each in value:
                yield from _within(each)


if __name__ == "__main__":
    main()
