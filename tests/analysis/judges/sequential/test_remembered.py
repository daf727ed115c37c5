"""What an earlier version remembered: `remembered.json` was written by the one of 1f51a5d."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analysis.judges.sequential.judge import judge
from rollouts.api.judges import SequentialJudge

CASES = json.loads((Path(__file__).parent / "remembered.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_an_earlier_version_remembered_is_read_and_goes_on_as_it_would_have(case):
    at = datetime.fromisoformat(case["before"]["at"]) + timedelta(minutes=1)
    memory, verdict = judge(SequentialJudge(), 0.05, json.dumps(case["before"]), json.dumps(case["look"]), at)
    after = json.loads(memory)
    for name, numbers in case["after"]["signals"].items():
        assert after["signals"].pop(name) == pytest.approx(numbers, rel=1e-9, abs=1e-12)
    assert {**after, "signals": {}} == {**case["after"], "signals": {}}
    assert verdict.outcome == case["outcome"]
    assert verdict.evidence.model_dump(mode="json", exclude_defaults=True) == case["evidence"]
