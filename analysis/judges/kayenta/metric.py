"""One metric as configured: its points are cleaned, then classified."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.judges.kayenta.classify import CONFIDENCE, TOLERANCE, Classification, Limits, classify
from analysis.judges.kayenta.effect import no_effect
from analysis.judges.kayenta.outliers import detect_outliers
from analysis.judges.kayenta.rank_test import Values
from rollouts.api.judges import KayentaEffectSize, KayentaJudge

FAILED = "Metric Classification Failed"
"""How the reason of an Error begins."""
GREATEST = 1e100
"""Beyond this a value is no measurement, and means and differences need not be finite."""


def classify_metric(
    name: str,
    config: KayentaJudge,
    experiment: Sequence[float | None],
    control: Sequence[float | None],
    *,
    confidence: float = CONFIDENCE,
) -> Classification:
    """What a metric comes to. What cannot be judged is an Error with a reason, never an exception.

    Args:
        name: The metric.
        config: Its judge.
        experiment: The canary's values in order of time; None and NaN are missing points.
        control: The values of the baseline, or of stable.
        confidence: How sure the interval of the difference is.
    """
    try:
        cleaned = _clean(experiment, config), _clean(control, config)
        found = _classified(name, config, *cleaned, confidence)
    except ValueError as error:
        counts = len(experiment), len(control)
        found = Classification(name, "Error", f"{FAILED}: {error}", counts=counts)
    return replace(found, muted=config.muted, groups=config.groups or (name,))


def _classified(
    name: str, config: KayentaJudge, experiment: Values, control: Values, confidence: float
) -> Classification:
    effect = config.effect_size
    return classify(
        experiment,
        control,
        name=name,
        direction=config.direction,
        replace_missing=config.nan_strategy == "replace",
        critical=config.critical,
        must_have_data=config.must_have_data,
        tolerance=TOLERANCE,
        confidence=confidence,
        measure=effect.measure,
        allowed=_limits(effect, effect.allowed_decrease, effect.allowed_increase),
        critical_limits=_limits(effect, effect.critical_decrease, effect.critical_increase),
    )


def _limits(effect: KayentaEffectSize, decrease: float | None, increase: float | None) -> Limits:
    default = no_effect(effect.measure)
    return Limits(
        decrease=default if decrease is None else decrease,
        increase=default if increase is None else increase,
    )


def _clean(points: Sequence[float | None], config: KayentaJudge) -> Values:
    values = np.array([_number(point, place) for place, point in enumerate(points)], dtype=np.float64)
    missing = np.isnan(values)
    values = np.where(missing, 0.0, values) if config.nan_strategy == "replace" else values[~missing]
    if config.outliers.strategy == "remove":
        factor = config.outliers.outlier_factor
        values = values[~detect_outliers(values, factor, reduce_sensitivity=True)]
    return values


def _number(point: object, place: int) -> float:
    if point is None:
        return math.nan
    if isinstance(point, bool) or not isinstance(point, int | float):
        raise ValueError(f"point {place + 1} is no number")
    try:
        value = float(point)
    except OverflowError:
        value = math.inf
    if abs(value) > GREATEST:
        raise ValueError(f"point {place + 1} is infinite, or as good as")
    return value
