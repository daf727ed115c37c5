"""The tree of a rollout: each case is a manifest, and beside it the text that it must become.

After a wanted change of the drawing: `UPDATE_CASES=1 pytest tests/cli/test_tree.py`, and read the difference.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rollouts.cli.tree import tree
from rollouts.cli.tree.age import short
from rollouts.cli.tree.icons import colour

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 1, 31, 12, 10, tzinfo=UTC)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_tree(case: Path) -> None:
    drawn = tree(yaml.safe_load_all(case.read_text()), NOW) + "\n"
    expected = case.with_suffix(".txt")
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(drawn)
    assert drawn == expected.read_text()


def test_colours_are_added_around_the_signs_and_change_nothing_else() -> None:
    text = tree(yaml.safe_load_all((CASES / "canary-aborted.yaml").read_text()), NOW)
    painted = colour(text)
    assert "\x1b[31m✖ Degraded\x1b[0m" in painted
    codes = ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[90m", "\x1b[0m")
    for code in codes:
        painted = painted.replace(code, "")
    assert painted == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-5, "0s"),
        (119, "119s"),
        (192, "3m12s"),
        (180, "3m"),
        (1500, "25m"),
        (18600, "5h10m"),
        (108000, "30h"),
        (273600, "3d4h"),
        (1036800, "12d"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    assert short(timedelta(seconds=seconds)) == text


words = st.sampled_from(["", "Healthy", "Paused", "Degraded", "Nonsense"])
statuses = st.fixed_dictionaries(
    {},
    optional={
        "phase": words,
        "message": words,
        "abort": st.booleans(),
        "currentStepIndex": st.integers(0, 9),
        "currentPodHash": st.sampled_from(["a", "b"]),
        "stableRS": st.sampled_from(["a", "b"]),
        "pauseConditions": st.just([]),
        "canary": st.sampled_from([{}, {"weights": {"canary": {"weight": 5}}}]),
        "blueGreen": st.sampled_from([{}, {"activeSelector": "a"}]),
    },
)
strategies = st.sampled_from(
    [
        {},
        {"canary": {}},
        {"canary": {"steps": [{"setWeight": 5}, {"pause": {}}, {"pause": None}, {}]}},
        {"blueGreen": {"activeService": "x"}},
    ]
)


@given(status=statuses, strategy=strategies, sets=st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
def test_every_rollout_can_be_drawn_however_odd(
    status: dict[str, Any], strategy: dict[str, Any], sets: list[str]
) -> None:
    rollout = {
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {"strategy": strategy},
        "status": status,
    }
    children = [
        {
            "kind": "ReplicaSet",
            "metadata": {"name": f"shop-{name}", "labels": {"rollouts-pod-template-hash": name}},
            "spec": {"template": {}},
        }
        for name in sets
    ]
    drawn = tree([rollout, *children], NOW)
    assert all(f"shop-{name}" in drawn for name in sets)
