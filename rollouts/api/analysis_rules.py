"""What a template's metrics and arguments must satisfy beyond their shape.

Not for: the grammar of conditions, which `analysis` knows.
"""

import re
from collections.abc import Iterator

from rollouts.api.analysis import AnalysisRun, AnalysisTemplate, Argument, Metric
from rollouts.api.duration_rules import TEMPLATED, duration_problems
from rollouts.api.errors import InvalidSpec
from rollouts.api.judge_rules import judge_problems, policy_problems
from rollouts.api.meta import IntOrString
from rollouts.api.paths import wrong
from rollouts.api.provider_rules import provider_problems
from rollouts.api.score_rules import score_problems


def analysis_problems(template: AnalysisTemplate | AnalysisRun) -> tuple[InvalidSpec, ...]:
    """List what is wrong with the metrics, then with the arguments, then with what refers to metrics."""
    return tuple(_problems(template))


def _problems(template: AnalysisTemplate | AnalysisRun) -> Iterator[InvalidSpec]:
    spec = template.spec
    nested = template.spec.templates if isinstance(template, AnalysisTemplate) else ()
    if not spec.metrics and not nested:
        yield InvalidSpec(".spec.metrics", "no metrics specified; list at least one", [])
    names: set[str] = set()
    for index, metric in enumerate(spec.metrics):
        path = f".spec.metrics[{index}]"
        if metric.name in names:
            message = f"two metrics have the same name '{metric.name}'; rename one of them"
            yield InvalidSpec(f"{path}.name", message, metric.name)
        names.add(metric.name)
        yield from _metric_problems(metric, path)
    for index, reference in enumerate(nested):
        if not reference.template_name:
            yield InvalidSpec(f".spec.templates[{index}].templateName", "must name an AnalysisTemplate", "")
    yield from score_problems(spec.score, spec.metrics, alone=not nested)
    yield from _argument_problems(spec.args)
    for index, dry_run in enumerate(spec.dry_run):
        yield from _pattern_problems(dry_run.metric_name, f".spec.dryRun[{index}].metricName")
    for index, retention in enumerate(spec.measurement_retention):
        path = f".spec.measurementRetention[{index}]"
        yield from _pattern_problems(retention.metric_name, f"{path}.metricName")


def _metric_problems(metric: Metric, path: str) -> Iterator[InvalidSpec]:
    if not metric.name:
        yield InvalidSpec(f"{path}.name", "must be set", "")
    for name, text in (("interval", metric.interval), ("initialDelay", metric.initial_delay)):
        yield from duration_problems(text, f"{path}.{name}")
    limits: dict[str, int | None] = {}
    for name, value in (
        ("count", metric.count),
        ("failureLimit", metric.failure_limit),
        ("inconclusiveLimit", metric.inconclusive_limit),
        ("consecutiveErrorLimit", metric.consecutive_error_limit),
        ("consecutiveSuccessLimit", metric.consecutive_success_limit),
    ):
        limits[name], problem = _number(value, f"{path}.{name}")
        if problem is not None:
            yield problem
    yield from _limit_problems(metric, limits, path)
    yield from policy_problems(metric, path)
    yield from judge_problems(metric, path)
    yield from provider_problems(metric.provider, f"{path}.provider")


def _limit_problems(metric: Metric, limits: dict[str, int | None], path: str) -> Iterator[InvalidSpec]:
    count, failures = limits["count"], limits["failureLimit"]
    successes = limits["consecutiveSuccessLimit"]
    for name in ("count", "inconclusiveLimit", "consecutiveErrorLimit", "consecutiveSuccessLimit"):
        value = limits[name]
        if value is not None and value < 0:
            yield wrong(f"{path}.{name}", f"{name} must be >= 0", value)
    if failures is not None and failures < -1:
        yield wrong(f"{path}.failureLimit", "failureLimit must be >= -1", failures)
    if failures == -1 and successes == 0:
        message = "failureLimit must be >= 0 unless consecutiveSuccessLimit is set; -1 alone never ends"
        yield wrong(f"{path}.failureLimit", message, failures)
    if count is None or count <= 0:
        return
    if count > 1 and not metric.interval:
        yield wrong(f"{path}.interval", "interval must be specified when count > 1", count)
    needed = max(failures or 0, 0) + (successes or 0)
    if successes and count < needed:
        yield wrong(
            f"{path}.count", f"count must be >= failureLimit + consecutiveSuccessLimit ({needed})", count
        )
    elif failures is not None and count < failures:
        yield wrong(f"{path}.count", f"count must be >= failureLimit ({failures})", count)
    inconclusive = limits["inconclusiveLimit"]
    if inconclusive is not None and count < inconclusive:
        yield wrong(f"{path}.count", f"count must be >= inconclusiveLimit ({inconclusive})", count)


def _number(value: IntOrString | None, path: str) -> tuple[int | None, InvalidSpec | None]:
    """The number of a limit: 0 if unset, None if an argument stands for it."""
    if value is None:
        return 0, None
    if isinstance(value, int):
        return value, None
    if TEMPLATED in value:
        return None, None
    if re.fullmatch(r"[-+]?\d+", value):
        return int(value), None
    return None, wrong(path, "must be a number, or an argument such as {{args.count}}", value)


def _argument_problems(arguments: tuple[Argument, ...]) -> Iterator[InvalidSpec]:
    names: set[str] = set()
    for index, argument in enumerate(arguments):
        path, source = f".spec.args[{index}]", argument.value_from
        if not argument.name or argument.name in names:
            yield wrong(f"{path}.name", "must be set, and only once", argument.name)
        names.add(argument.name)
        if argument.value is not None and source is not None:
            yield wrong(path, "must have one of value and valueFrom", argument.name)
        if source is not None and (source.secret_key_ref is None) == (source.field_ref is None):
            yield wrong(f"{path}.valueFrom", "must have one of secretKeyRef and fieldRef", argument.name)


def _pattern_problems(pattern: str, path: str) -> Iterator[InvalidSpec]:
    try:
        re.compile(pattern)
    except re.error as error:
        message = f"is no regular expression ({error}); write .* for any name"
        yield wrong(path, message, pattern)
