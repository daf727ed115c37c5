"""Failed checks are counted as in Flagger, and nothing but a number within the range is a good one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judges.consecutive import check
from rollouts.api.judges import ConsecutiveJudge

RANGE = ConsecutiveJudge(min=99, max=100, threshold=3)


def failed_after(config, values):
    failed, over = 0, []
    for value in values:
        found = check(config, failed, value)
        failed = found.failed
        over.append(found.over)
    return failed, over


def test_a_good_check_does_not_set_the_number_back():
    assert failed_after(RANGE, [98, 100, 98, 100, 98]) == (3, [False, False, False, False, True])


def test_in_a_row_a_good_check_sets_the_number_back():
    config = RANGE.model_copy(update={"in_a_row": True})
    assert failed_after(config, [98, 98, 100, 98, 98, 98]) == (3, [False] * 5 + [True])


@pytest.mark.parametrize("value", [99, 100, 99.5, [99.0], (100,)])
def test_a_value_within_the_range_is_good_and_the_ends_belong_to_it(value):
    found = check(RANGE, 2, value)
    assert found.good
    assert found.failed == 2


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (98.9, "98.9 is below min (99)"),
        (100.1, "100.1 is above max (100)"),
        (math.inf, "the value is infinite, or as good as"),
        (-math.inf, "the value is infinite, or as good as"),
        (10**400, "the value is infinite, or as good as"),
        (None, "no data"),
        ([], "no data"),
        ([None], "no data"),
        (math.nan, "no data (NaN)"),
        ([math.nan], "no data (NaN)"),
        ([99, 99], "2 values where one was meant; write a query that gives one series"),
        ([99] * 10_000, "10000 values where one was meant; write a query that gives one series"),
        ("99", "'99' is no number"),
        (True, "True is no number"),
        ({"a": 99}, "{'a': 99} is no number"),
        ("x" * 5000, "'" + "x" * 39 + "... is no number"),
        ([[99]], "[99] is no number"),
    ],
)
def test_anything_else_is_a_failed_check_that_says_why(value, reason):
    found = check(RANGE, 0, value)
    assert not found.good
    assert found.evidence.reason.startswith(f"{reason}; 1 failed checks of 3")


def test_an_error_of_the_provider_is_a_failed_check():
    found = check(RANGE, 2, None, error="connection refused")
    assert found.over
    assert found.evidence.reason == "connection refused; 3 failed checks of 3 that fail the metric"


def test_without_limits_any_number_is_good_and_no_data_still_is_not():
    config = ConsecutiveJudge()
    assert check(config, 0, -1e300).good
    assert check(config, 0, math.inf).over
    assert check(config, 0, None).over


_values = st.one_of(
    st.floats(), st.integers(), st.none(), st.text(max_size=3), st.lists(st.floats(), max_size=3)
)


@given(
    values=st.lists(_values, max_size=30),
    threshold=st.integers(1, 6),
    ends=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
)
def test_it_fails_at_the_failed_check_with_the_number_threshold_and_never_recovers(values, threshold, ends):
    config = ConsecutiveJudge(min=min(ends), max=max(ends), threshold=threshold)
    good = [check(config, 0, value).good for value in values]
    _, over = failed_after(config, values)
    expected = [good[: look + 1].count(False) >= threshold for look in range(len(values))]
    assert over == expected


@given(values=st.lists(_values, max_size=20), threshold=st.integers(1, 4))
def test_in_a_row_fails_no_earlier_than_the_sum_of_all(values, threshold):
    config = ConsecutiveJudge(min=-1, max=1, threshold=threshold)
    row = config.model_copy(update={"in_a_row": True})
    for either, both in zip(failed_after(config, values)[1], failed_after(row, values)[1], strict=True):
        assert either or not both
