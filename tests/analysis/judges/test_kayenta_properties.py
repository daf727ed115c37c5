"""What the judge `kayenta` promises, on values that nobody chose."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analysis.judges.kayenta import (
    Classification,
    Untestable,
    classify,
    classify_many,
    classify_metric,
    detect_outliers,
    judge,
    mann_whitney_test,
    score,
    wilcoxon_deviation,
)
from analysis.judges.kayenta.roots import TOLERANCE
from rollouts.api.judges import KayentaEffectSize, KayentaJudge, KayentaOutliers, Score

LABELS = ("Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error")
_number = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
_arm = st.lists(_number, min_size=2, max_size=40).map(np.array)
_thousands = st.lists(st.integers(-9, 9), min_size=3, max_size=12, unique=True).map(
    lambda given: np.array(given) * 1000.0
)
_below_a_thousand = st.lists(st.integers(0, 990), min_size=3, max_size=12, unique=True).map(
    lambda given: np.array(given, dtype=float)
)
_points = st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=2)), max_size=12)
_config = st.builds(
    KayentaJudge,
    direction=st.sampled_from(("increase", "decrease", "either")),
    nan_strategy=st.sampled_from(("remove", "replace")),
    outliers=st.builds(
        KayentaOutliers,
        strategy=st.sampled_from(("keep", "remove")),
        outlier_factor=st.floats(allow_nan=True),
    ),
    effect_size=st.builds(
        KayentaEffectSize,
        measure=st.sampled_from(("meanRatio", "cles")),
        allowed_increase=st.none() | st.floats(0, 3),
        critical_decrease=st.none() | st.floats(0, 3),
    ),
    critical=st.booleans(),
    must_have_data=st.booleans(),
    muted=st.booleans(),
)


def healthy(runs, points, seed):
    rng = np.random.default_rng(seed)
    return rng.gamma(4.0, 25.0, (runs, points)), rng.gamma(4.0, 25.0, (runs, points))


def test_a_healthy_metric_is_reported_in_at_most_two_of_a_hundred_judgements():
    labels = classify_many(*healthy(3000, 60, seed=11))
    assert labels.count("Pass") >= 0.98 * 3000


def test_the_promise_is_for_one_judgement_and_not_for_twelve_of_a_growing_window():
    canary, stable = healthy(600, 60, seed=12)
    looks = [classify_many(canary[:, :end], stable[:, :end]) for end in range(5, 61, 5)]
    once = sum(label != "Pass" for label in looks[-1])
    ever = sum(any(label != "Pass" for label in run) for run in zip(*looks, strict=True))
    assert ever > once


@given(_points, _points, _config)
def test_whatever_is_measured_is_classified_and_never_raises(experiment, control, config):
    found = classify_metric("m", config, experiment, control)
    assert found.label in LABELS
    if found.label == "Error":
        assert found.reason.startswith("Metric Classification Failed: ")


@given(_thousands, _below_a_thousand, st.sampled_from((0.9, 0.95, 0.98)))
def test_the_interval_ends_where_the_rank_sum_is_as_far_from_chance_as_it_may_be(x, y, confidence):
    # No two differences are equal: a tie would be a step of its own.
    found = mann_whitney_test(x, y, confidence)
    low, high = x.min() - y.max(), x.max() - y.min()
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    assert low <= found.lower <= found.upper <= high
    if found.lower > low:
        assert wilcoxon_deviation(found.lower - 2 * TOLERANCE, x, y) >= z
        assert wilcoxon_deviation(found.lower + 2 * TOLERANCE, x, y) <= z
    if found.upper < high:
        assert wilcoxon_deviation(found.upper - 2 * TOLERANCE, x, y) >= -z
        assert wilcoxon_deviation(found.upper + 2 * TOLERANCE, x, y) <= -z


_long_arm = st.lists(_number, min_size=8, max_size=40).map(np.array)


@given(_long_arm, _long_arm)
def test_values_that_are_all_far_above_the_control_are_high_whatever_they_are(x, y):
    above = x - x.min() + np.abs(y).max() + 4 * (np.ptp(x) + np.ptp(y)) + 1
    found = classify(above, np.abs(y))
    assert found.label == "High"
    assert classify(np.abs(y), above).label == "Low"


@given(_arm, _arm)
def test_nothing_is_high_or_low_in_a_direction_that_was_not_asked_for(x, y):
    try:
        assert classify(x, y, direction="increase").label in ("Pass", "High")
        assert classify(x, y, direction="decrease").label in ("Pass", "Low")
    except Untestable:
        assume(False)


@given(_arm, st.permutations(range(12)))
def test_the_order_of_points_does_not_matter(x, order):
    y = np.arange(12.0)
    try:
        assert classify(x, y) == classify(x[::-1], y[np.array(order)])
    except Untestable:
        assume(False)


@given(st.lists(_number, min_size=1, max_size=200).map(np.array), st.floats(0.1, 10))
def test_the_judges_fences_lose_no_more_than_a_hundredth_at_either_end(values, factor):
    lost = detect_outliers(values, factor, reduce_sensitivity=True)
    median = np.median(values)
    assert (lost & (values < median)).sum() <= len(values) / 100 + 1
    assert (lost & (values > median)).sum() <= len(values) / 100 + 1
    assert not (lost & ~detect_outliers(values, factor)).any()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from((0.001, 1.0, 50.0)), st.booleans())
def test_many_runs_at_once_are_classified_as_one_by_one(seed, scale, tied):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(3.2, 1.0, (12, 20)) * scale, rng.normal(3.0, 1.0, (12, 30)) * scale
    if tied:
        x, y = np.round(x, 1), np.round(y, 1)
    assert classify_many(x, y) == [
        classify(one, other, confidence=0.98).label for one, other in zip(x, y, strict=True)
    ]


_metric = st.builds(
    Classification,
    st.just("m"),
    st.sampled_from(LABELS),
    critical=st.booleans(),
    muted=st.booleans(),
    groups=st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True).map(tuple),
)


@given(st.lists(_metric, max_size=10), st.floats(0, 50), st.floats(0, 50))
def test_a_score_is_a_percentage_and_its_limits_are_what_the_phase_says(metrics, one, other):
    assert 0 <= score(metrics, {"a": one, "b": other}).score <= 100.01
    verdict = judge(metrics, Score.model_validate({"pass": 90, "marginal": 50}))
    counted = [metric for metric in metrics if not metric.muted]
    if verdict.phase == "Successful":
        assert verdict.score >= 90
        assert not any(metric.label == "Error" for metric in counted)
        assert not any(metric.critical and metric.label != "Pass" for metric in counted)
    if verdict.phase == "Inconclusive":
        assert 50 <= verdict.score < 90
    assert judge(counted).score == judge(metrics).score


@given(st.lists(_metric, min_size=1, max_size=8), st.integers(0, 7))
def test_a_metric_that_turns_bad_never_raises_the_score(metrics, which):
    at = which % len(metrics)
    worse = Classification("m", "High", critical=metrics[at].critical, groups=metrics[at].groups)
    if metrics[at].label == "Pass":
        assert score([*metrics[:at], worse, *metrics[at + 1 :]]).score <= score(metrics).score


BROKEN = [
    ([1.0, math.inf], "point 2 is infinite, or as good as"),
    ([1.0, -math.inf], "point 2 is infinite, or as good as"),
    ([10**400], "point 1 is infinite, or as good as"),
    ([1e308, -1e308], "point 1 is infinite, or as good as"),
    (["1"], "point 1 is no number"),
    ([True], "point 1 is no number"),
    ([[1.0]], "point 1 is no number"),
]


@pytest.mark.parametrize(("points", "reason"), BROKEN)
def test_a_point_that_is_no_finite_number_is_an_error_and_no_pass(points, reason):
    found = classify_metric("m", KayentaJudge(), points, [1.0, 2.0])
    assert found.label == "Error"
    assert found.reason == f"Metric Classification Failed: {reason}"
    assert judge([found]).phase == "Error"


def test_values_too_far_apart_to_subtract_are_not_compared():
    with pytest.raises(Untestable, match="too far apart"):
        mann_whitney_test(np.array([1e308, -1e308]), np.array([-1e308, 1e308, 3.0]))


def test_one_value_on_either_side_cannot_be_tested_and_is_no_pass():
    found = classify_metric("m", KayentaJudge(), [10.0], [1.0])
    assert found.label == "Error"
    assert found.reason.startswith("Metric Classification Failed: all values are tied")


def test_a_factor_of_outliers_that_makes_no_sense_is_an_error_that_names_it():
    config = KayentaJudge(outliers=KayentaOutliers(strategy="remove", outlier_factor=0))
    found = classify_metric("m", config, [1.0, 2.0], [1.0, 3.0])
    assert found.reason == "Metric Classification Failed: the outlier factor must be above 0, not 0.0"
