"""The metrics with the kayenta judge, scored together: what they come to for the run. Pure."""

from collections.abc import Collection, Mapping, Sequence

from analysis.assessment import Verdict, has_a_score
from analysis.judges.kayenta import judge
from analysis.judging import classification
from analysis.policies import is_kayenta
from rollouts.api.analysis import Metric, MetricResult
from rollouts.api.judges import Score


def score(
    metrics: Sequence[Metric],
    results: Mapping[str, MetricResult],
    dry: Collection[str],
    config: Score | None,
) -> Verdict | None:
    """The verdict of the score, with the score and its groups in words.

    None while one of the metrics that have a say was not judged yet, and where there are none.
    """
    scored = [metric for metric in metrics if is_kayenta(metric) and metric.name not in dry]
    found = [
        classification(metric, results[metric.name]) if metric.name in results else None for metric in scored
    ]
    known = [each for each in found if each is not None]
    if len(known) < len(found) or all(each.muted for each in known):
        return None
    verdict = judge(known, config)
    groups = ", ".join(
        f"{group.name} {'without data' if group.no_data else f'{group.score:g}'}" for group in verdict.groups
    )
    return verdict.phase, f"{verdict.reason} ({groups})"


def ends_run(
    metrics: Sequence[Metric],
    results: Mapping[str, MetricResult],
    dry: Collection[str],
    config: Score | None,
) -> bool:
    """Whether something was found that the run need not look any further for.

    A metric of the kayenta judge does that by its part of the score, which may be borne.
    """
    scored = score(metrics, results, dry, config)
    if scored is not None and scored[0] == "Failed":
        return True
    return any(
        result.phase in ("Failed", "Error", "Inconclusive") and not has_a_score(metric, result)
        for metric in metrics
        if metric.name not in dry and (result := results.get(metric.name)) is not None
    )
