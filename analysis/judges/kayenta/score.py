"""The metrics of a run together: scores of groups, the score of all, pass or marginal or fail."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from analysis.judges.kayenta.classify import Classification, Label
from rollouts.api.analysis import AnalysisPhase
from rollouts.api.judges import Score

NO_DATA_LIMIT = 50
"""Percent of metrics without data from which there is no score."""
_COUNTED: frozenset[Label] = frozenset({"Pass", "High", "Low", "NodataFailMetric"})
_PHASES: Mapping[str, AnalysisPhase] = {"Pass": "Successful", "Marginal": "Inconclusive", "Fail": "Failed"}


@dataclass(frozen=True, slots=True)
class GroupScore:
    """What a group of metrics comes to."""

    name: str
    """The group."""
    score: float
    """Percent of its metrics that pass; 0 where none could be judged."""
    no_data: bool
    """None of its metrics could be judged; the group counts as 100 in the sum."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The score of all metrics."""

    score: float
    """Percent, to two places."""
    groups: tuple[GroupScore, ...]
    """The groups in order of their first metric."""
    reason: str = ""
    """Why the score is 0 whatever the groups say; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run comes to."""

    label: Literal["Pass", "Marginal", "Fail"]
    """In Kayenta's words."""
    score: float
    """Percent, to two places."""
    groups: tuple[GroupScore, ...]
    """The groups in order of their first metric."""
    phase: AnalysisPhase
    """The phase of the run. Other than in Kayenta, no run with a metric in Error is a success."""
    reason: str
    """Why, in one sentence."""


def judge(metrics: Sequence[Classification], config: Score | None = None) -> Verdict:
    """The verdict on a run.

    Args:
        metrics: What its metrics come to.
        config: Weights of groups, and the limits of pass and marginal.
    """
    config = config or Score()
    counted = [metric for metric in metrics if not metric.muted]
    summary = score(counted, {group.name: group.weight for group in config.groups})
    label: Literal["Pass", "Marginal", "Fail"] = "Fail"
    if summary.score >= config.pass_:
        label = "Pass"
    elif summary.score >= config.marginal:
        label = "Marginal"
    phase = _PHASES[label]
    reason = summary.reason or f"{label}: the score is {summary.score:g}; pass is {config.pass_:g}"
    broken = [metric for metric in counted if metric.label == "Error"]
    if broken and phase != "Failed":
        phase, reason = "Error", f"{broken[0].name}: {broken[0].reason}"
    return Verdict(label, summary.score, summary.groups, phase, reason)


def score(metrics: Sequence[Classification], weights: Mapping[str, float] | None = None) -> Summary:
    """The weighted score of metrics.

    Args:
        metrics: Those that have a say.
        weights: Percent by group; groups without one share what is left of 100.
    """
    groups = tuple(_group(name, labels) for name, labels in _by_group(metrics).items())
    failures = [metric for metric in metrics if metric.critical and metric.label != "Pass"]
    if failures:
        return Summary(0.0, groups, f"Canary Failed: {failures[0].reason}")
    missing = sum(metric.label == "Nodata" for metric in metrics)
    if metrics and missing / len(metrics) * 100 >= NO_DATA_LIMIT:
        return Summary(0.0, groups, f"Canary Failed: {NO_DATA_LIMIT}% or more metrics returned NODATA")
    return Summary(_sum(groups, weights or {}), groups)


def _by_group(metrics: Sequence[Classification]) -> dict[str, list[Label]]:
    found: dict[str, list[Label]] = {}
    for metric in metrics:
        for group in metric.groups:
            found.setdefault(group, []).append(metric.label)
    return found


def _group(name: str, labels: Sequence[Label]) -> GroupScore:
    counted = sum(label in _COUNTED for label in labels)
    passed = labels.count("Pass") / counted * 100 if counted else 0.0
    return GroupScore(name, passed, counted == 0)


def _sum(groups: Sequence[GroupScore], weights: Mapping[str, float]) -> float:
    without = [group for group in groups if group.name not in weights]
    share = (100 - math.fsum(weights.values())) / len(without) if without else 0.0
    total = 0.0
    for group in groups:
        total += (100.0 if group.no_data else group.score) * (weights.get(group.name, share) / 100)
    return float(Decimal(repr(total)).quantize(Decimal("0.01"), ROUND_HALF_UP))
