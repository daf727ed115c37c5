"""From AnalysisTemplates to an AnalysisRun. Pure: templates and values come in, an object goes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis import arguments
from analysis.validation import is_open, matching, run_problems
from rollouts.api.analysis import (
    AnalysisRunSpec,
    AnalysisTemplate,
    AnalysisTemplateRef,
    AnalysisTemplateSpec,
    Argument,
    DryRun,
    MeasurementRetention,
    RunBaseline,
)
from rollouts.api.canary import RolloutAnalysis, StepAnalysis
from rollouts.api.errors import InvalidSpec
from rollouts.api.judges import Score
from rollouts.api.meta import API_VERSION, Object, dump

POD_HASH_LABEL = "rollouts-pod-template-hash"
TYPE_LABEL = "rollout-type"
STEP_LABEL = "step-index"
INSTANCE_LABEL = "argo-rollouts.argoproj.io/controller-instance-id"
REVISION_ANNOTATION = "rollout.argoproj.io/revision"

Find = Callable[[AnalysisTemplateRef], AnalysisTemplate | None]
"""Looks a template up in the namespace of the run, or among the cluster's."""


def flatten(roots: Iterable[AnalysisTemplateRef], find: Find) -> AnalysisTemplateSpec:
    """Join templates and the templates that they name, each once, in the order in which they are met.

    Raises:
        InvalidSpec: a template is missing, names itself over others, repeats a metric, or contradicts
            another about an argument or the score.
    """
    specs: dict[tuple[bool, str], AnalysisTemplateSpec] = {}
    for ref in roots:
        _collect(ref, find, specs, ())
    metrics = tuple(metric for spec in specs.values() for metric in spec.metrics)
    _require_unique([metric.name for metric in metrics])
    dry_run = tuple(rule for spec in specs.values() for rule in spec.dry_run)
    retention = tuple(rule for spec in specs.values() for rule in spec.measurement_retention)
    _require_unique_rules(dry_run, retention)
    return AnalysisTemplateSpec(
        metrics=metrics,
        args=arguments.combine(spec.args for spec in specs.values()),
        dry_run=dry_run,
        measurement_retention=retention,
        score=_one_score(specs.values()),
    )


def _one_score(specs: Iterable[AnalysisTemplateSpec]) -> Score | None:
    scores = [spec.score for spec in specs if spec.score is not None]
    if any(score != scores[0] for score in scores):
        raise InvalidSpec(".spec.score", "two templates have different scores; keep one of them")
    return scores[0] if scores else None


def _collect(
    ref: AnalysisTemplateRef,
    find: Find,
    specs: dict[tuple[bool, str], AnalysisTemplateSpec],
    above: tuple[tuple[bool, str], ...],
) -> None:
    key = (ref.cluster_scope, ref.template_name)
    kind = "ClusterAnalysisTemplate" if ref.cluster_scope else "AnalysisTemplate"
    if key in above:
        circle = " -> ".join(name for _, name in (*above[above.index(key) :], key))
        raise InvalidSpec(
            ".spec.templates",
            f"{kind} '{ref.template_name}' refers to itself: {circle}; remove one of the references",
            ref.template_name,
        )
    if key in specs:
        return
    template = find(ref)
    if template is None:
        raise InvalidSpec(
            ".spec.templates[].templateName",
            f"{kind} '{ref.template_name}' not found; create it or correct the name",
            ref.template_name,
        )
    specs[key] = template.spec
    for nested in template.spec.templates:
        _collect(nested, find, specs, (*above, key))


def _require_unique(names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidSpec(".spec.metrics", f"two metrics have the same name '{name}'", name)


def _require_unique_rules(dry_run: Sequence[DryRun], retention: Sequence[MeasurementRetention]) -> None:
    for field, what, rules in (
        (".spec.dryRun", "Dry-Run", [rule.metric_name for rule in dry_run]),
        (".spec.measurementRetention", "Measurement Retention", [rule.metric_name for rule in retention]),
    ):
        for place, name in enumerate(rules):
            if name in rules[:place]:
                raise InvalidSpec(field, f"two {what} metric rules have the same name '{name}'", name)


def new_run(
    *,
    name: str,
    namespace: str,
    analysis: RolloutAnalysis,
    args: Mapping[str, str],
    find: Find,
    owner: Object,
    run_type: str,
    pod_hash: str,
    revision: int,
    step_index: int | None = None,
    labels: Mapping[str, str] | None = None,
    instance_id: str = "",
    baseline: RunBaseline | None = None,
) -> Object:
    """The AnalysisRun that an action StartAnalysis asks for.

    Args:
        name: Deterministic, so that AlreadyExists is success.
        namespace: Of the run and of its owner.
        analysis: Which templates, and what is added to their rules.
        args: Values by name; one that no template knows is passed over.
        find: Looks templates up.
        owner: The object that the run belongs to, as the API gave it.
        run_type: `Step`, `Background`, `PrePromotion` or `PostPromotion`.
        pod_hash: Of the revision under test.
        revision: Its number.
        step_index: Of the step that waits for the run.
        labels: More labels: the owner's selector.
        instance_id: Of the controller that answers for the run.
        baseline: The pods to compare with instead of the stable ones.

    Raises:
        InvalidSpec: templates or arguments do not fit; names template, field, value and remedy.
    """
    template = flatten(_roots(analysis), find)
    merged = arguments.merge(with_fields(template.args, owner), args)
    spec = _joined(analysis, template, merged, background=run_type == "Background")
    spec = spec.model_copy(update={"baseline": baseline})
    extra = analysis.analysis_run_metadata
    all_labels = {
        **(labels or {}),
        **(extra.labels if extra else {}),
        POD_HASH_LABEL: pod_hash,
        TYPE_LABEL: run_type,
        **({STEP_LABEL: str(step_index)} if step_index is not None else {}),
        **({INSTANCE_LABEL: instance_id} if instance_id else {}),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": all_labels,
            "annotations": {**(extra.annotations if extra else {}), REVISION_ANNOTATION: str(revision)},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": dump(spec),
    }


def require_startable(analysis: RolloutAnalysis, find: Find, *, background: bool) -> None:
    """See that a run can be made of an analysis, long before its time comes.

    Values that are fields and hashes of that time are left open, with all that depends on them.

    Args:
        analysis: Of a rollout.
        find: Looks templates up.
        background: Whether it goes on beside the steps, so that its metrics need no end.

    Raises:
        InvalidSpec: as `new_run` would then.
    """
    template = flatten(_roots(analysis), find)
    taken_later = {each.name for each in template.args if each.value_from and each.value_from.field_ref}
    taken_later |= {each.name for each in analysis.args if each.value_from is not None}
    known = {each.name: each.value for each in analysis.args if each.value is not None}
    values = {**{name: f"{{{{args.{name}}}}}" for name in taken_later}, **known}
    _joined(analysis, template, arguments.merge(template.args, values), background=background)


def _roots(analysis: RolloutAnalysis) -> tuple[AnalysisTemplateRef, ...]:
    return tuple(
        AnalysisTemplateRef(template_name=ref.template_name, cluster_scope=ref.cluster_scope)
        for ref in analysis.templates
    )


def _joined(
    analysis: RolloutAnalysis, template: AnalysisTemplateSpec, args: tuple[Argument, ...], *, background: bool
) -> AnalysisRunSpec:
    """What a run of an analysis measures, seen to be valid."""
    spec = AnalysisRunSpec(
        metrics=template.metrics,
        score=template.score,
        args=args,
        dry_run=analysis.dry_run + template.dry_run,
        measurement_retention=analysis.measurement_retention + template.measurement_retention,
    )
    _require_unique_rules(spec.dry_run, spec.measurement_retention)
    ended_by_proof = isinstance(analysis, StepAnalysis) and bool(analysis.advance)
    require_valid(spec, endless=background or ended_by_proof)
    return spec


def owner_reference(owner: Object) -> Object:
    """The reference by which `owner` controls an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"].get("uid", ""),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def require_valid(spec: AnalysisRunSpec, *, endless: bool = True) -> None:
    """See that a run can be carried out, as far as can be known without secrets.

    Raises:
        InvalidSpec: the first thing that is wrong.
    """
    arguments.require(spec.args)
    values = arguments.open_values(spec.args)
    resolved = [arguments.resolve(metric, values) for metric in spec.metrics]
    for problem in run_problems(spec.model_copy(update={"metrics": tuple(resolved)}), endless=endless):
        raise problem
    names = [metric.name for metric in resolved]
    if any(is_open(name) for name in names):
        return
    matching([rule.metric_name for rule in spec.dry_run], names, "dryRun")
    matching([rule.metric_name for rule in spec.measurement_retention], names, "measurementRetention")


def with_fields(args: Sequence[Argument], owner: Object) -> tuple[Argument, ...]:
    """The arguments with what their `fieldRef` points at in the owner.

    Raises:
        InvalidSpec: the path leads nowhere, or to something that is no single value.
    """
    return tuple(
        Argument(name=argument.name, value=_field(argument, owner, argument.value_from.field_ref.field_path))
        if argument.value_from and argument.value_from.field_ref
        else argument
        for argument in args
    )


def _field(argument: Argument, owner: Object, path: str) -> str:
    here: object = owner
    for part in _path_parts(path):
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            here = None
    if isinstance(here, bool):
        return "true" if here else "false"
    if not isinstance(here, str | int | float):
        raise InvalidSpec(
            f".spec.args[{argument.name}].valueFrom.fieldRef.fieldPath",
            f'"{path}" is no single value of {owner["kind"]} {owner["metadata"]["name"]}',
            path,
        )
    return str(here)


def _path_parts(path: str) -> list[str]:
    """Split `metadata.labels['a.b/c'].x[0]` at dots and brackets; quotes keep dots together."""
    parts: list[str] = []
    rest = path.removeprefix("$").removeprefix(".")
    while rest:
        if rest.startswith("["):
            inside, _, rest = rest[1:].partition("]")
            parts.append(inside.strip("'\""))
            rest = rest.removeprefix(".")
            continue
        cut = min((at for at in (rest.find("."), rest.find("[")) if at >= 0), default=len(rest))
        parts.append(rest[:cut])
        rest = rest[cut:].removeprefix(".")
    return parts
