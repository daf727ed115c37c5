"""How large a difference is, beside how sure it is."""

import math
from typing import Literal

import numpy as np

from analysis.judges.kayenta.rank_test import Numbers

Measure = Literal["meanRatio", "cles"]


def effect_size(measure: Measure, experiment: Numbers, control: Numbers) -> float:
    """The effect by this measure; NaN where it is not defined."""
    return cles(experiment, control) if measure == "cles" else mean_ratio(experiment, control)


def no_effect(measure: Measure) -> float:
    """What the measure is when nothing differs: the default of every limit."""
    return 0.5 if measure == "cles" else 1.0


def mean_ratio(experiment: Numbers, control: Numbers) -> float:
    """The canary's mean by the control's; NaN where one of them is 0."""
    mean_experiment, mean_control = _mean(experiment), _mean(control)
    if mean_experiment == 0.0 or mean_control == 0.0:
        return math.nan
    return mean_experiment / mean_control


def _mean(values: Numbers) -> float:
    return math.fsum(values) / len(values)


def cles(experiment: Numbers, control: Numbers) -> float:
    """The common language effect size: the share of pairs in which the canary's value is greater, ties halved
    (Vargha and Delaney 2000).
    """
    y = np.sort(control)
    below = np.searchsorted(y, experiment, "left").sum() + np.searchsorted(y, experiment, "right").sum()
    return int(below) / (2 * len(experiment) * len(y))
