"""The numbers of Kayenta's own suites come out of our judge."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from analysis.judges.kayenta import (
    Classification,
    Limits,
    classify,
    detect_outliers,
    effect_size,
    mann_whitney_test,
    score,
    wilcoxon_deviation,
)
from analysis.judges.kayenta.outliers import detect_by_deviation

VECTORS = yaml.safe_load(Path(__file__).with_name("kayenta_vectors.yaml").read_text(encoding="utf-8"))


def values(name):
    return np.array(VECTORS["values"][name], dtype=float)


def called(case):
    return " ".join(str(case.get(key, "")) for key in ("is", "experiment", "control", "measure")).strip()


def limits(pair):
    return None if pair is None else Limits(decrease=pair[0], increase=pair[1])


@pytest.mark.parametrize("case", VECTORS["classify"], ids=called)
def test_a_metric_is_classified_as_kayenta_does(case):
    found = classify(
        values(case["experiment"]),
        values(case["control"]),
        direction=case.get("direction", "either"),
        replace_missing=case.get("replace-missing", False),
        critical=case.get("is-critical", False),
        tolerance=case.get("tolerance", 0.1),
        confidence=case.get("confidence", 0.95),
        measure=case.get("measure", "meanRatio"),
        allowed=limits(case.get("allowed")),
        critical_limits=limits(case.get("critical-limits")),
    )
    assert found.label == case["is"]
    assert found.critical == case.get("critical", found.critical)
    assert found.reason == case.get("reason", found.reason)
    if "deviation" in case:
        assert found.deviation == pytest.approx(case["deviation"], nan_ok=True)


@pytest.mark.parametrize("case", VECTORS["intervals"], ids=called)
def test_the_interval_of_a_shift_is_that_of_r(case):
    found = mann_whitney_test(values(case["experiment"]), values(case["control"]), case["confidence"])
    assert found.lower == pytest.approx(case["lower"], abs=1e-6)
    assert found.upper == pytest.approx(case["upper"], abs=1e-6)
    assert found.estimate == pytest.approx(case["estimate"], abs=case["estimate-within"])


@pytest.mark.parametrize("case", VECTORS["deviations"], ids=called)
def test_the_rank_sum_deviates_from_chance_as_r_says(case):
    x, y = values(case["experiment"]), values(case["control"])
    assert wilcoxon_deviation(case["shift"], x, y, case["quantile"]) == pytest.approx(case["is"], abs=1e-6)


@pytest.mark.parametrize("case", VECTORS["effects"], ids=called)
def test_an_effect_is_as_large_as_kayenta_says(case):
    found = effect_size(case["measure"], values(case["experiment"]), values(case["control"]))
    assert found == pytest.approx(case["is"], abs=case.get("within", 1e-12), nan_ok=True)


@pytest.mark.parametrize("case", VECTORS["outliers"])
def test_the_outliers_are_those_that_kayenta_finds(case):
    given = np.array(case["values"], dtype=float)
    if "factor" in case:
        found = detect_outliers(given, case["factor"])
    else:
        found = detect_by_deviation(given, case["deviations"])
    assert given[found].tolist() == case["are"]


@pytest.mark.parametrize("case", VECTORS["scores"])
def test_the_score_of_metrics_is_that_of_kayenta(case):
    metrics = [
        Classification("metric", label.rstrip("!"), critical=label.endswith("!"), groups=(group,))
        for group, labels in case["metrics"].items()
        for label in labels
    ]
    found = score(metrics, case.get("weights", {}))
    assert found.score == case["is"]
    if "groups" in case:
        assert {group.name: group.score for group in found.groups} == case["groups"]


def test_plain_lists_are_taken_as_arrays_are():
    canary, stable = VECTORS["values"]["in-20s"], VECTORS["values"]["below-3"]
    assert classify(canary, stable).label == "High"
    assert mann_whitney_test([10, 20, 30, 40], [1, 2, 3, 4]).estimate == pytest.approx(22.5)
    assert effect_size("cles", canary, stable) == 1.0
    assert detect_outliers([1, 1, 1, 1, 9], 3.0).tolist() == [False] * 4 + [True]
