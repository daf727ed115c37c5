"""One metric: whether the canary's values are high or low against the control's.

The order of the questions is that of Kayenta's MannWhitneyClassifier, and so are the words.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from analysis.judges.kayenta.effect import Measure, effect_size, mean_ratio, no_effect
from analysis.judges.kayenta.rank_test import Numbers, Shift, Values, mann_whitney_test

Label = Literal["Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"]
Direction = Literal["increase", "decrease", "either"]

TOLERANCE = 0.25
"""The share of the estimated shift that its whole interval must be beyond."""
CONFIDENCE = 0.98
"""How sure the judge's interval is; Kayenta's classifier by itself has DEFAULT_CONFIDENCE."""
DEFAULT_CONFIDENCE = 0.95
"""How sure the interval is of whoever asks the classifier and not the judge."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What one metric comes to."""

    name: str
    """The metric."""
    label: Label
    """High and Low fail it, Nodata and Error leave it out of the score, NodataFailMetric fails it."""
    reason: str = ""
    """Why, in Kayenta's words; empty where there is nothing to explain."""
    critical: bool = False
    """Unless it passes, the whole canary fails."""
    muted: bool = False
    """It has no say."""
    groups: tuple[str, ...] = ()
    """The groups it counts in."""
    deviation: float = 1.0
    """The canary's mean by the control's; NaN where one is 0."""
    effect: float = math.nan
    """The effect that was compared with the limits; NaN where it was not measured."""
    shift: Shift | None = None
    """What the rank test gave, where it came to it."""
    counts: tuple[int, int] = (0, 0)
    """The canary's and the control's values that were compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Effects below (for an increase) or above (for a decrease) which a difference does not matter."""

    decrease: float
    increase: float


def classify(
    experiment: Numbers,
    control: Numbers,
    *,
    name: str = "metric",
    direction: Direction = "either",
    replace_missing: bool = False,
    critical: bool = False,
    must_have_data: bool = False,
    tolerance: float = TOLERANCE,
    confidence: float = DEFAULT_CONFIDENCE,
    measure: Measure = "meanRatio",
    allowed: Limits | None = None,
    critical_limits: Limits | None = None,
) -> Classification:
    """Compare values that are cleaned already.

    Args:
        experiment: The canary's values, without NaN.
        control: The values to compare with, without NaN.
        name: The metric, for the reason.
        direction: Which difference is bad.
        replace_missing: Missing points have been replaced by 0, so that no values at all are a Pass.
        critical: The metric is a critical one.
        must_have_data: No data fails the metric.
        tolerance: The share of the estimated shift that its interval must be beyond.
        confidence: How sure that interval is; the judge asks for CONFIDENCE.
        measure: How large a difference is is measured by this.
        allowed: Effects that do not matter; by default those in the right direction.
        critical_limits: Effects that do not fail the whole; by default as above.

    Raises:
        Untestable: the rank test cannot be made.
    """
    counts = len(experiment), len(control)
    experiment, control = np.asarray(experiment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    default = Limits(decrease=no_effect(measure), increase=no_effect(measure))
    if 0 in counts:
        if replace_missing:
            return Classification(name, "Pass", counts=counts)
        fails = must_have_data and not critical
        label: Label = "NodataFailMetric" if fails else "Nodata"
        return Classification(name, label, f"Missing data for {name}", critical and not fails, counts=counts)
    if len(experiment) == len(control) and np.array_equal(np.sort(experiment), np.sort(control)):
        return Classification(name, "Pass", "The Canary and Baseline data are identical", counts=counts)
    if _constant(np.concatenate((experiment, control))):
        return Classification(name, "Pass", counts=counts)
    if _constant(experiment) and _constant(control):
        experiment, control = _spread(experiment), _spread(control)
    shift = mann_whitney_test(experiment, control, confidence)
    effect = effect_size(measure, experiment, control)
    label = _compare(shift, effect, direction, tolerance, allowed or default)
    fails_all = critical and _matters(label, effect, critical_limits or default)
    if fails_all:
        reason = f"The metric {name} was classified as {label} (Critical)"
    else:
        reason = "" if label == "Pass" else f"{name} was classified as {label}"
    return Classification(
        name,
        label,
        reason,
        fails_all,
        deviation=mean_ratio(experiment, control),
        effect=effect,
        shift=shift,
        counts=counts,
    )


def _compare(shift: Shift, effect: float, direction: Direction, tolerance: float, allowed: Limits) -> Label:
    bound = tolerance * abs(shift.estimate)
    if direction != "decrease" and shift.lower > bound and _matters("High", effect, allowed):
        return "High"
    if direction != "increase" and shift.upper < -bound and _matters("Low", effect, allowed):
        return "Low"
    return "Pass"


def _matters(label: Label, effect: float, limits: Limits) -> bool:
    """Whether the effect reaches its limit; one that cannot be measured does."""
    if label == "High":
        return math.isnan(effect) or effect >= limits.increase
    return label == "Low" and (math.isnan(effect) or effect <= limits.decrease)


def _constant(values: Values) -> bool:
    return bool((values == values[0]).all())


def _spread(values: Values) -> Values:
    """The values with a spread of a hundred-thousandth, so that ranks are not all tied.

    Kayenta draws it at random from a normal distribution; here it is that distribution's quantiles, because
    a judge says the same of the same values.
    """
    size = len(values)
    normal = NormalDist()
    noise = np.array([normal.inv_cdf((place + 0.5) / size) for place in range(size)])
    spread: Values = values + noise * values[0] * 1e-5
    return spread
