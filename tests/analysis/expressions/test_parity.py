"""The language means what expr-lang/expr v1.17.8 means by it, and where it does not, it says so."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from analysis.conditions import ConditionError, calculate
from tests.analysis.expressions.notation import show
from tests.places import REPOSITORY

HERE = Path(__file__).parent
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PARITY = yaml.safe_load((HERE / "parity.yaml").read_text(encoding="utf-8"))
DIFFERENCES = yaml.safe_load((HERE / "differences.yaml").read_text(encoding="utf-8"))


def outcome(case):
    try:
        return show(calculate(case["expression"], case.get("result"), NOW))
    except ConditionError as error:
        return f"error: {error.message}"


@pytest.mark.parametrize("case", PARITY, ids=lambda case: case["expression"][:60])
def test_an_expression_comes_to_what_it_does_upstream(case):
    if "value" in case:
        assert outcome(case) == case["value"]
    else:
        assert outcome(case).startswith("error: ")


@pytest.mark.parametrize("case", DIFFERENCES, ids=lambda case: case["expression"][:60])
def test_a_difference_is_what_it_is_said_to_be(case):
    assert outcome(case) == case["here"]
    both_refuse = case["upstream"].startswith("error: ") and case["here"].startswith("error: ")
    assert case["upstream"] != case["here"]
    assert not both_refuse


def test_each_difference_is_told_to_users():
    told = (REPOSITORY / "docs" / "conditions.md").read_text(encoding="utf-8")
    assert [case["about"] for case in DIFFERENCES if case["about"] not in told] == []
