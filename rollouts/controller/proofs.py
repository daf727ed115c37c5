"""Whether what waits for a proof can get one: the analysis templates of a rollout, found and looked into."""

from collections.abc import Iterator

from analysis.templates import flatten
from analysis.validation import matching
from rollouts.api.analysis import AnalysisTemplate, AnalysisTemplateRef, ClusterAnalysisTemplate
from rollouts.api.canary import RolloutAnalysis
from rollouts.api.errors import InvalidSpec
from rollouts.api.rollout import Rollout
from rollouts.api.validation import parse
from rollouts.kube.resources import ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES
from rollouts.kube.store import Store


def problems(store: Store, rollout: Rollout) -> Iterator[str]:
    """Steps that wait for a proof, and whose templates have no judge that could give one."""
    canary = rollout.spec.strategy.canary
    for index, step in enumerate(canary.steps if canary is not None else ()):
        path = f".spec.strategy.canary.steps[{index}]"
        waits: RolloutAnalysis | None = None
        if step.analysis is not None and step.analysis.advance:
            waits, path = step.analysis, f"{path}.analysis.advance"
        elif canary is not None and step.pause is not None and step.pause.advance:
            waits, path = canary.analysis, f"{path}.pause.advance"
        if waits is not None and not _can_prove(store, rollout, waits):
            names = ", ".join(f'"{ref.template_name}"' for ref in waits.templates)
            yield (
                f"{path} is evidence, and no metric of {names} can prove anything: give one that is no dry "
                "run judge.sequential, or remove advance"
            )


def _can_prove(store: Store, rollout: Rollout, analysis: RolloutAnalysis) -> bool:
    """Whether a metric with a say has a judge that proves; true of templates that are not known."""
    refs = (AnalysisTemplateRef(**dict(ref)) for ref in analysis.templates)
    try:
        spec = flatten(refs, lambda ref: find_template(store, rollout.metadata.namespace, ref))
        dry = matching(
            [rule.metric_name for rule in (*analysis.dry_run, *spec.dry_run)],
            [metric.name for metric in spec.metrics],
            "dryRun",
        )
    except InvalidSpec:  # told of the template itself
        return True
    return any(
        metric.judge is not None and metric.judge.sequential is not None and metric.name not in dry
        for metric in spec.metrics
    )


def find_template(store: Store, namespace: str, ref: AnalysisTemplateRef) -> AnalysisTemplate | None:
    """The template that a reference means.

    Raises:
        InvalidSpec: it has not the shape of one.
    """
    if ref.cluster_scope:
        found = store.get(CLUSTER_ANALYSIS_TEMPLATES, ref.template_name)
        return parse(ClusterAnalysisTemplate, found) if found is not None else None
    found = store.get(ANALYSIS_TEMPLATES, ref.template_name, namespace)
    return parse(AnalysisTemplate, found) if found is not None else None
