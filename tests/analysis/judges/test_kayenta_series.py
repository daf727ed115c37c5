"""What is measured for the judge `kayenta`: the shape it reads, what it refuses, and what it says of it."""

import json

import pytest

from analysis.judges.kayenta import NoSeries, classify_metric, evidence, judge, read_series
from analysis.values import decode
from rollouts.api.judges import KayentaEffectSize, KayentaJudge, KayentaOutliers, Score

SLOW = [200 + step for step in range(30)]
FAST = [100 + step for step in range(30)]


def test_the_canary_is_compared_with_stable_and_a_missing_point_is_null():
    series = read_series(decode('{"canary": [1, null, 3.5], "stable": [2, NaN]}'))
    assert series.experiment == (1.0, None, 3.5)
    assert len(series.control) == 2
    assert series.against == "stable"


def test_where_there_is_a_baseline_the_canary_is_compared_with_it():
    series = read_series({"canary": [1], "stable": [2], "baseline": [3]})
    assert series.control == (3.0,)
    assert series.against == "baseline"


REFUSED = [
    (None, 'the kayenta judge compares two lists, as in {"canary": [1, ...], "stable": [1, ...]}'),
    ([1, 2], 'the kayenta judge compares two lists, as in {"canary": [1, ...], "stable": [1, ...]}'),
    ({"canary": {}}, '"canary" must be one series, a list of numbers with null for a missing point'),
    (
        {"canary": 1, "stable": [1]},
        '"canary" must be one series, a list of numbers with null for a missing point',
    ),
    ({"canary": [1], "stable": ["2"]}, "point 1 of \"stable\" is '2', no number"),
    ({"canary": [True], "stable": [1]}, "point 1 of \"canary\" is 'True', no number"),
    ({"canary": [float("inf")], "stable": [1]}, 'point 1 of "canary" is infinite'),
    ({"canary": [10**400], "stable": [1]}, 'point 1 of "canary" is infinite'),
    (
        {"canary": [[1, 2]] * 10_000, "stable": [1]},
        'point 1 of "canary" is a series itself; the query must give one, not several',
    ),
    ({"canary": [1] * 10_001, "stable": [1]}, '"canary" has 10001 points; at most 10000 are judged'),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_another_shape_is_refused_with_its_place(value, message):
    with pytest.raises(NoSeries) as caught:
        read_series(value)
    assert str(caught.value) == message


def test_the_evidence_says_what_was_compared_and_by_how_much_it_differs():
    shown = evidence(classify_metric("latency", KayentaJudge(), SLOW, FAST), "stable", looks=3)
    assert (shown.judge, shown.against, shown.looks) == ("kayenta", "stable", 3)
    assert shown.canary.requests == 30
    assert shown.reference.requests == 30
    assert shown.ratio == pytest.approx(1.87, abs=0.01)
    assert shown.reason.startswith(
        "High: latency was classified as High; the canary's values are shifted by 100 ("
    )
    assert shown.reason.endswith("comparing 30 points with 30 of stable")


def test_the_evidence_is_json_whatever_was_measured():
    for experiment, control in (([], [1]), ([0, 0], [1, 2]), ([0.0] * 9, [5.0] * 9), (["x"], [1])):
        found = classify_metric("m", KayentaJudge(), experiment, control)
        text = evidence(found, "stable").model_dump_json()
        json.loads(text, parse_constant=pytest.fail)


def test_a_critical_metric_without_data_fails_the_run_and_says_which():
    found = classify_metric("latency", KayentaJudge(critical=True), [None] * 30, FAST)
    verdict = judge([found, classify_metric("other", KayentaJudge(), FAST, FAST)])
    assert verdict.phase == "Failed"
    assert verdict.reason == "Canary Failed: Missing data for latency"


def test_a_metric_that_must_have_data_fails_without_it_and_only_itself():
    found = classify_metric("latency", KayentaJudge(must_have_data=True), [], FAST)
    assert found.label == "NodataFailMetric"
    good = [classify_metric(name, KayentaJudge(), FAST, FAST) for name in ("a", "b", "c")]
    verdict = judge([found, *good])
    assert (verdict.score, verdict.phase) == (75.0, "Inconclusive")


def test_half_of_the_metrics_without_data_is_no_score():
    metrics = [
        classify_metric("a", KayentaJudge(), [], FAST),
        classify_metric("b", KayentaJudge(), FAST, FAST),
    ]
    verdict = judge(metrics)
    assert (verdict.score, verdict.phase) == (0.0, "Failed")
    assert verdict.reason == "Canary Failed: 50% or more metrics returned NODATA"


def test_values_in_milliseconds_against_values_in_seconds_are_a_difference():
    found = classify_metric("latency", KayentaJudge(), [point * 1000 for point in FAST], FAST)
    assert found.label == "High"
    assert evidence(found, "stable").ratio == pytest.approx(1000)


def test_an_arm_that_is_not_there_has_no_points():
    series = read_series({"canary": [1], "stable": None})
    assert series.control == ()
    assert read_series({}).experiment == ()


TEN = [10.0 + step for step in range(10)]


@pytest.mark.parametrize(("shift", "label"), [(6, "High"), (5, "Pass"), (-5, "Pass"), (-6, "Low")])
def test_the_whole_interval_must_be_beyond_a_quarter_of_the_estimate(shift, label):
    found = classify_metric("m", KayentaJudge(), [value + shift for value in TEN], TEN)
    assert found.shift.lower > 0 or found.shift.upper < 0
    assert found.label == label


@pytest.mark.parametrize(("limit", "label"), [(2.0, "High"), (2.001, "Pass")])
def test_an_effect_that_is_just_as_large_as_its_limit_counts(limit, label):
    config = KayentaJudge(effect_size=KayentaEffectSize(allowed_increase=limit))
    assert classify_metric("m", config, [2 * value for value in SLOW], SLOW).label == label


@pytest.mark.parametrize(("limit", "label"), [(0.5, "Low"), (0.499, "Pass")])
def test_a_decrease_that_is_just_as_large_as_its_limit_counts(limit, label):
    config = KayentaJudge(effect_size=KayentaEffectSize(allowed_decrease=limit))
    assert classify_metric("m", config, [value / 2 for value in SLOW], SLOW).label == label


def test_a_critical_metric_that_must_have_data_is_critical_without_it():
    found = classify_metric("m", KayentaJudge(critical=True, must_have_data=True), [], FAST)
    assert (found.label, found.critical) == ("Nodata", True)


def test_a_score_that_is_just_enough_passes():
    worse = [value * 3 for value in FAST]
    metrics = [classify_metric(str(each), KayentaJudge(), FAST, FAST) for each in range(3)]
    metrics.append(classify_metric("worse", KayentaJudge(), worse, FAST))
    assert judge(metrics, Score.model_validate({"pass": 75})).phase == "Successful"
    assert judge(metrics, Score.model_validate({"pass": 75.01})).phase == "Inconclusive"
    assert judge(metrics, Score.model_validate({"pass": 90, "marginal": 75})).phase == "Inconclusive"
    assert judge(metrics, Score.model_validate({"pass": 90, "marginal": 75.01})).phase == "Failed"


def test_outliers_are_left_out_on_request_and_counted_no_more():
    config = KayentaJudge(outliers=KayentaOutliers(strategy="remove", outlier_factor=1))
    canary = [*FAST * 5, 1e6]
    assert classify_metric("m", config, canary, FAST).counts == (150, 30)
    assert classify_metric("m", KayentaJudge(), canary, FAST).counts == (151, 30)


def test_a_muted_metric_has_no_say_however_critical_it_is():
    muted = classify_metric("m", KayentaJudge(muted=True, critical=True), [value * 3 for value in FAST], FAST)
    assert muted.critical
    assert judge([muted, classify_metric("n", KayentaJudge(), FAST, FAST)]).phase == "Successful"
