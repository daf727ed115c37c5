"""What must hold of metrics before anything is measured: at admission, in lint, at the start. Pure.

The shape of metrics and the rules on their numbers are `rollouts.api`'s; this adds what needs the
condition language and the providers.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from analysis import jsonpath
from analysis.conditions import ConditionError, check
from analysis.expressions import patterns
from rollouts.api.analysis import AnalysisRun, AnalysisRunSpec, AnalysisTemplate, Metric
from rollouts.api.analysis_rules import analysis_problems
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import dump
from rollouts.api.providers import MetricProvider
from rollouts.api.unsupported import refused

CONSECUTIVE_ERROR_LIMIT = 4
"""Upstream's default."""


def whole(value: int | str | None, default: int) -> int:
    """A count or limit, which may have come as text out of an argument.

    Raises:
        ValueError: the text is no whole number.
    """
    return default if value is None or value == "" else int(value)


def effective_count(metric: Metric) -> int | None:
    """How many measurements are to be taken: 1 without count and interval, None for no end.

    A count of 0 is none.
    """
    return whole(metric.count, 0) or (None if metric.interval else 1)


def interval(metric: Metric) -> timedelta | None:
    """The time between measurements, or None for a metric that is measured once."""
    return parse_duration(metric.interval) if metric.interval else None


def template_problems(template: AnalysisTemplate) -> tuple[InvalidSpec, ...]:
    """Everything that is wrong with a template; what still waits for an argument is left for later."""
    return (*_shape_problems(template), *_metric_problems(template.spec.metrics))


def run_problems(spec: AnalysisRunSpec, *, endless: bool = True) -> tuple[InvalidSpec, ...]:
    """Everything that is wrong with a run.

    Args:
        spec: With or without the arguments in place; what still waits for one is left for later.
        endless: Whether a metric may go on for ever, as in a background analysis, and in a step that ends
            with a proof.
    """
    return (
        *_shape_problems(AnalysisRun(spec=spec)),
        *_metric_problems(spec.metrics),
        *(() if endless else _endless_problems(spec.metrics)),
    )


def _shape_problems(template: AnalysisTemplate | AnalysisRun) -> tuple[InvalidSpec, ...]:
    """Without the question whether a plugin is installed: whoever measures knows that, and says so."""
    return (*analysis_problems(template), *refused("AnalysisTemplate", template))


def _metric_problems(metrics: Sequence[Metric]) -> Iterator[InvalidSpec]:
    for place, metric in enumerate(metrics):
        here = f".spec.metrics[{place}]"
        yield from _condition_problems(metric, here)
        web = metric.provider.web
        if web is None or is_open(web.json_path):
            continue
        try:
            jsonpath.parse(web.json_path)
        except InvalidSpec as error:
            yield InvalidSpec(f"{here}.provider.web.jsonPath", error.message, web.json_path)


def _condition_problems(metric: Metric, here: str) -> Iterator[InvalidSpec]:
    for name, condition in (
        ("successCondition", metric.success_condition),
        ("failureCondition", metric.failure_condition),
    ):
        if not condition or is_open(condition):
            continue
        try:
            check(condition)
        except ConditionError as error:
            # What YAML takes for a comment is cut off before anyone sees it.
            hint = '; one with "#" in it needs quotes in YAML' if error.position == len(condition) else ""
            yield InvalidSpec(f"{here}.{name}", f'condition "{condition}": {error}{hint}', condition)


def _endless_problems(metrics: Sequence[Metric]) -> Iterator[InvalidSpec]:
    for place, metric in enumerate(metrics):
        if not is_open(str(metric.count)) and effective_count(metric) is None:
            yield InvalidSpec(
                f".spec.metrics[{place}].count",
                f'metric "{metric.name}" never ends: set count, or use it in a background analysis, or in a '
                "step with advance: evidence",
            )


def is_open(text: str) -> bool:
    """Whether an argument still stands in the text, so that it cannot be judged yet."""
    return "{{" in text


def provider_names(provider: MetricProvider) -> tuple[str, ...]:
    """The names of the providers that are set; a plugin stands by its own name."""
    return (*(name for name in dump(provider) if name != "plugin"), *provider.plugin)


def matching(rules: Sequence[str], names: Sequence[str], label: str) -> dict[str, int]:
    """For every metric, the last rule whose expression is found anywhere in its name.

    Raises:
        InvalidSpec: an expression does not compile, or is found in no name.
    """
    matched: dict[str, int] = {}
    for place, rule in enumerate(rules):
        field = f".spec.{label}[{place}].metricName"
        try:
            expression = patterns.compile(rule)
            hits = [name for name in names if expression.search(name)]
        except patterns.PatternError as error:
            raise InvalidSpec(field, f'"{rule}" is not a regular expression: {error}', rule) from None
        if not hits:
            raise InvalidSpec(
                field,
                f"Rule didn't match any metric name(s); the metrics are: {', '.join(names)}",
                rule,
            )
        matched.update(dict.fromkeys(hits, place))
    return matched
