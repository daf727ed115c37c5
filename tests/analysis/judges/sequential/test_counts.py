"""What is taken for counts."""

import json
import math

import pytest

from analysis.judges.sequential.counts import BadCounts, read

GOOD = {"requests": 100, "errors": 1}


def refused(value):
    with pytest.raises(BadCounts) as caught:
        read(value if isinstance(value, str) else json.dumps(value))
    return str(caught.value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -1, -0.5, 1e300])
@pytest.mark.parametrize("field", ["requests", "errors"])
def test_a_number_that_is_no_count_is_refused_by_name(field, number):
    says = refused({"canary": {**GOOD, field: number}, "stable": GOOD})
    assert says.startswith(f"canary.{field} must be a count from 0 up, got ")


@pytest.mark.parametrize("given", ["12", True, [1], {"a": 1}])
def test_what_is_no_number_is_refused_by_name(given):
    says = refused({"canary": GOOD, "stable": {**GOOD, "errors": given}})
    assert says.startswith("stable.errors must be a number, got ")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ("3", "must be an object with canary and stable, got 3"),
        (
            {"canary": 3, "stable": GOOD},
            "canary must be an object with requests and errors or buckets, got 3",
        ),
        ({"canary": {"errors": 1}, "stable": GOOD}, "canary.requests is missing"),
        (
            {"canary": {"requests": 5}, "stable": GOOD},
            "canary and stable need errors or buckets in common, to be compared by",
        ),
        (
            {"canary": {"requests": 10, "errors": 12}, "stable": GOOD},
            "canary has 12 errors in 10 requests; count both with the same selector",
        ),
        (
            {"canary": {"requests": 10, "buckets": 3}, "stable": GOOD},
            "canary.buckets must be an object of counts by le, got 3",
        ),
        (
            {"canary": {"requests": 10, "buckets": {"1": 3}}, "stable": GOOD},
            "canary.buckets lacks +Inf, the count of all requests",
        ),
        (
            {"canary": {"requests": 10, "buckets": {"1": 9, "2": 3, "+Inf": 10}}, "stable": GOOD},
            "canary.buckets[2] is 3, fewer than the 9 of a lower edge; buckets must be cumulative, ",
        ),
        (
            {"canary": {"requests": 10, "buckets": {"fast": 9, "+Inf": 10}}, "stable": GOOD},
            "canary.buckets has fast, and an edge must be a number of seconds, or +Inf",
        ),
    ],
)
def test_what_is_no_counts_is_refused_with_what_was_seen(value, says):
    assert refused(value).startswith(says)


def test_queries_that_differ_by_a_little_are_no_contradiction():
    look = read(json.dumps({"canary": {"requests": 100.2, "errors": 101.0}, "stable": GOOD}))
    assert look.signals["errors"].canary_bad == 100.2
    assert look.fractional


def test_a_histogram_alone_says_how_many_requests_there_were():
    arm = {"buckets": {"0.5": 90, "+Inf": 100}}
    look = read(json.dumps({"canary": arm, "stable": arm}))
    assert look.canary_requests == 100
    assert look.signals["0.5"].canary_bad == 10
    assert not look.fractional


def test_an_edge_is_the_same_however_it_is_written():
    canary, stable = {"buckets": {"1.0": 9, "+Inf": 10}}, {"buckets": {"1": 9, "inf": 10}}
    assert [*read(json.dumps({"canary": canary, "stable": stable})).signals] == ["1"]
