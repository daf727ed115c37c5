"""What the score of a template must satisfy beyond its shape."""

import math
from collections.abc import Iterator

from rollouts.api.analysis import Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.judges import Score
from rollouts.api.paths import wrong

_PATH = ".spec.score"


def score_problems(score: Score | None, metrics: tuple[Metric, ...], *, alone: bool) -> Iterator[InvalidSpec]:
    """List what is wrong with the score.

    Args:
        score: As written.
        metrics: Those that it stands beside.
        alone: Whether there are no further metrics, of nested templates, that may be scored.
    """
    if score is None:
        return
    for name, value in (("pass", score.pass_), ("marginal", score.marginal)):
        if not 0 <= value <= 100:
            yield wrong(f"{_PATH}.{name}", "must be a score from 0 to 100", value)
    if score.marginal > score.pass_:
        yield wrong(f"{_PATH}.marginal", f"must not be above pass ({score.pass_:g})", score.marginal)
    groups = _groups(metrics)
    if alone and not groups:
        yield InvalidSpec(_PATH, "scores metrics with the kayenta judge, and there is none; remove it")
    yield from _weight_problems(score, groups if alone else frozenset())


def _weight_problems(score: Score, groups: frozenset[str]) -> Iterator[InvalidSpec]:
    """Where no groups are known, those of the weights are not looked for."""
    seen: set[str] = set()
    for index, group in enumerate(score.groups):
        here = f"{_PATH}.groups[{index}]"
        if not 0 <= group.weight <= 100:
            yield wrong(f"{here}.weight", "must be percent, from 0 to 100", group.weight)
        if group.name in seen:
            yield wrong(f"{here}.name", "must not have a second weight", group.name)
        elif groups and group.name not in groups:
            known = ", ".join(sorted(groups))
            yield wrong(f"{here}.name", f"no metric is in that group; the groups are {known}", group.name)
        seen.add(group.name)
    total = math.fsum(group.weight for group in score.groups)
    if total > 100:
        yield wrong(f"{_PATH}.groups", "the weights must come to 100 at most", total)


def _groups(metrics: tuple[Metric, ...]) -> frozenset[str]:
    return frozenset(
        group
        for metric in metrics
        if metric.judge is not None and metric.judge.kayenta is not None
        for group in metric.judge.kayenta.groups or (metric.name,)
    )
