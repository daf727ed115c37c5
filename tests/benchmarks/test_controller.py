"""`make bench-controller` runs and counts; how long things take is for its reader to judge."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import REPOSITORY

Figures = dict[str, Any]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """Of a fleet of five."""
    output = tmp_path_factory.mktemp("bench") / "figures.json"
    options = ("--rollouts", "5", "--pods", "2", "--sample", "3", "--window", "2", "--output", str(output))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.controller", *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| rollouts | 5 |"), done.stdout
    (found,) = json.loads(Path(output).read_text())["figures"]
    return found


def test_a_settled_fleet_costs_no_writes_though_all_of_it_is_looked_at_again(figures: Figures) -> None:
    assert figures["idle"]["writes"] == 0
    assert figures["resync"]["passes"] >= 5
    assert figures["resync"]["writes"] == 0


def test_an_update_in_four_steps_takes_two_dozen_requests_and_its_events(figures: Figures) -> None:
    for update in (figures["one"], figures["many"]):
        calls = {call: times for call, times in update["by_call"].items() if not call.startswith("Watch")}
        assert calls.pop("Patch rollouts") <= 14
        assert calls.pop("Patch replicasets") <= 4
        assert calls.pop("Patch ingresses") <= 4
        assert calls.pop("Patch services") <= 2
        assert calls.pop("Create replicasets") == 1
        assert sum(calls.values()) <= 1, calls
        # 21 events in all: what is told last may be written after the count, and fall into the next one's.
        assert update["event_requests_per_rollout"] <= 24


def test_whatever_changed_while_the_controller_was_down_is_acted_on_after_the_start(figures: Figures) -> None:
    assert figures["start"]["first_decision_s"] > 0
    assert figures["start"]["writes"] > 0
