"""Counts of both sides: what a judge may see, and what is refused with a reason."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.providers.counts import Arm, Unusable, bound, counts

BUCKETS = {"0.1": 5.0, "0.5": 9.0, "+Inf": 10.0}


def test_what_was_counted_is_the_value():
    found = counts(
        {"canary": Arm(requests=10, errors=1, buckets=BUCKETS), "stable": Arm(requests=90.5, errors=2)}
    )
    assert found == {
        "canary": {"requests": 10, "errors": 1, "buckets": {"0.1": 5, "0.5": 9, "+Inf": 10}},
        "stable": {"requests": 90.5, "errors": 2},
    }


def test_fractions_of_an_extrapolated_increase_are_counted():
    found = counts({"canary": Arm(requests=10.0016, errors=1.0002)})
    assert found == {"canary": {"requests": 10.0016, "errors": 1.0002}}


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        (Arm(requests=-1.0), "canary: requests is -1; a count is never negative: use increase()"),
        (Arm(requests=math.inf), "canary: requests is inf, which is no count"),
        (Arm(requests=math.nan), "canary: requests is nan, which is no count"),
        (Arm(requests=5, errors=-3.0), "canary: errors is -3"),
        (Arm(requests=5, errors=50.0), "canary: errors is 50 of 5 requests; are both queries about the same"),
        (Arm(requests=5, buckets={"0.1": 5.0}), 'canary: the buckets lack le="+Inf"'),
        (Arm(requests=5, buckets={}), 'canary: the buckets lack le="+Inf"'),
        (
            Arm(requests=5, buckets={"0.1": 50.0, "+Inf": 5.0}),
            'canary: the bucket le="+Inf" holds 5, fewer than the 50 of a shorter one',
        ),
        (Arm(requests=5, buckets={"0.1": math.nan, "+Inf": 5.0}), 'canary: the bucket le="0.1" is nan'),
    ],
)
def test_numbers_that_cannot_be_counts_are_refused(arm, message):
    with pytest.raises(Unusable) as refusal:
        counts({"canary": arm})
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"100": 5.0, "500": 9.0, "+Inf": 10.0}, "one counts in seconds, one in milliseconds"),
        ({"0.0001": 5.0, "0.0005": 9.0, "+Inf": 10.0}, "one counts in seconds, one in milliseconds"),
        ({"0.1": 5.0, "0.25": 9.0, "+Inf": 10.0}, "only the same bounds can be compared"),
        ({"0.1": 5.0, "+Inf": 10.0}, "only the same bounds can be compared"),
    ],
)
def test_buckets_with_other_bounds_are_refused_and_mixed_units_are_named(others, message):
    arms = {"canary": Arm(requests=10, buckets=BUCKETS), "stable": Arm(requests=10, buckets=others)}
    with pytest.raises(Unusable, match="have other bounds") as refusal:
        counts(arms)
    assert message in str(refusal.value)


def test_a_side_that_nobody_asked_anything_has_the_bounds_of_the_others():
    arms = {"canary": Arm(requests=10, buckets=BUCKETS), "stable": Arm(requests=0, buckets={"+Inf": 0.0})}
    assert counts(arms)["stable"] == {"requests": 0, "buckets": {"0.1": 0, "0.5": 0, "+Inf": 0}}


def test_errors_a_little_above_their_requests_are_all_of_them():
    assert counts({"canary": Arm(requests=10.0, errors=10.4)})["canary"] == {"requests": 10, "errors": 10}


def test_a_bucket_a_little_below_a_shorter_one_is_as_full():
    buckets = {"0.1": 9.6, "0.5": 9.4, "+Inf": 10.0}
    assert counts({"canary": Arm(requests=10, buckets=buckets)})["canary"]["buckets"] == {
        "0.1": 9.6,
        "0.5": 9.6,
        "+Inf": 10,
    }


@pytest.mark.parametrize(
    ("text", "per_second", "expected"),
    [("1", 1, "1"), ("1.0", 1, "1"), ("1e0", 1, "1"), ("25", 1000, "0.025"), ("0.5", 1000, "0.0005")],
)
def test_a_bound_is_spelled_in_one_way_and_in_seconds(text, per_second, expected):
    assert bound(text, per_second=per_second) == expected


@pytest.mark.parametrize("text", ["+Inf", "Inf", "inf"])
def test_the_last_bound_is_spelled_as_prometheus_does(text):
    assert bound(text) == "+Inf"


@pytest.mark.parametrize("text", ["", "many", "NaN", "-1", "-Inf"])
def test_what_is_no_time_is_no_bound(text):
    with pytest.raises(Unusable, match="which is no time"):
        bound(text)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
ARMS = st.builds(
    Arm,
    requests=NUMBERS,
    errors=st.none() | NUMBERS,
    buckets=st.none() | st.dictionaries(st.sampled_from(["0.1", "0.5", "100", "+Inf"]), NUMBERS),
)


@given(st.dictionaries(st.sampled_from(["canary", "stable", "baseline"]), ARMS))
def test_a_judge_never_sees_more_errors_than_requests_nor_buckets_that_shrink(arms):
    try:
        found = counts(arms)
    except Unusable:
        return
    for arm in found.values():
        assert 0 <= arm.get("errors", 0) <= arm["requests"] < math.inf
        buckets = [*arm.get("buckets", {}).values()]
        assert buckets == sorted(buckets)
        assert all(0 <= count < math.inf for count in buckets)
    bounds = {tuple(arm["buckets"]) for arm in found.values() if arm.get("buckets", {}).get("+Inf")}
    assert len(bounds) <= 1
