"""What must hold of metrics before anything is measured: at admission, in lint, at the start. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from analysis.conditions import ConditionError, check
from analysis.expressions import patterns
from rollouts.api.analysis import Metric
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import MetricProvider

CONSECUTIVE_ERROR_LIMIT = 4
"""Upstream's default."""


def whole(value: int | str | None, default: int) -> int:
    """A count or limit, which may have come as text out of an argument.

    Raises:
        ValueError: the text is no whole number.
    """
    if value is None or value == "":
        return default
    try:
        return int(value)
    except ValueError:
        raise ValueError(f'"{value}" is not a whole number') from None


def effective_count(metric: Metric) -> int | None:
    """How many measurements are to be taken: 1 without count and interval, None for no end."""
    if metric.count is None and not metric.interval:
        return 1
    count = whole(metric.count, 0)
    return count if count > 0 else None


def interval(metric: Metric) -> timedelta | None:
    """The time between measurements, or None for a metric that is measured once."""
    return parse_duration(metric.interval) if metric.interval else None


def problems(
    metrics: Sequence[Metric], *, field: str = ".spec.metrics", endless: bool = True
) -> tuple[InvalidSpec, ...]:
    """Everything that is wrong with these metrics.

    Args:
        metrics: With or without their arguments in place; what still holds an argument is left for later.
        field: Where they stand, for the errors.
        endless: Whether a metric may go on for ever, as in a background analysis.
    """
    found: list[InvalidSpec] = []
    if not metrics:
        found.append(InvalidSpec(field, "no metrics specified"))
    seen: set[str] = set()
    for place, metric in enumerate(metrics):
        here = f"{field}[{place}]"
        if metric.name in seen:
            found.append(
                InvalidSpec(f"{here}.name", f"two metrics have the same name '{metric.name}'", metric.name)
            )
        seen.add(metric.name)
        found += _metric_problems(metric, here, endless=endless)
    return tuple(found)


def _metric_problems(metric: Metric, here: str, *, endless: bool) -> Iterator[InvalidSpec]:
    yield from _duration_problems(metric, here)
    yield from _limit_problems(metric, here, endless=endless)
    yield from _provider_problems(metric.provider, here)
    for name, condition in (
        ("successCondition", metric.success_condition),
        ("failureCondition", metric.failure_condition),
    ):
        if not condition or _open(condition):
            continue
        try:
            check(condition)
        except ConditionError as error:
            yield InvalidSpec(f"{here}.{name}", f'condition "{condition}": {error}', condition)


def _open(text: str) -> bool:
    """Whether an argument still stands in the text, so that it cannot be judged yet."""
    return "{{" in text


def _duration_problems(metric: Metric, here: str) -> Iterator[InvalidSpec]:
    for name, label, text in (
        ("interval", "interval", metric.interval),
        ("initialDelay", "startDelay", metric.initial_delay),
    ):
        if not text or _open(text):
            continue
        try:
            length = parse_duration(text)
        except ValueError as error:
            yield InvalidSpec(f"{here}.{name}", f"invalid {label} string: {error}", text)
            continue
        if length < timedelta() or (name == "interval" and not length):
            yield InvalidSpec(f"{here}.{name}", f'invalid {label} string: "{text}" must be above zero', text)


def _limit_problems(metric: Metric, here: str, *, endless: bool) -> Iterator[InvalidSpec]:
    given = {
        "count": metric.count,
        "failureLimit": metric.failure_limit,
        "inconclusiveLimit": metric.inconclusive_limit,
        "consecutiveErrorLimit": metric.consecutive_error_limit,
        "consecutiveSuccessLimit": metric.consecutive_success_limit,
    }
    numbers: dict[str, int] = {}
    for name, value in given.items():
        if isinstance(value, str) and _open(value):
            return  # The rest can be judged once the arguments are in place.
        try:
            numbers[name] = whole(value, 0)
        except ValueError as error:
            yield InvalidSpec(f"{here}.{name}", f"{error}; write a whole number", value)
            return
    yield from _range_problems(numbers, here)
    count = numbers["count"]
    if count > 1 and not metric.interval:
        yield InvalidSpec(f"{here}.interval", "interval must be specified when count > 1")
    if not endless and effective_count(metric) is None:
        yield InvalidSpec(
            f"{here}.count",
            f'metric "{metric.name}" never ends: set count, or use it in a background analysis',
        )


def _range_problems(numbers: dict[str, int], here: str) -> Iterator[InvalidSpec]:
    successes = numbers["consecutiveSuccessLimit"]
    for name, number in numbers.items():
        if number < 0 and not (name == "failureLimit" and number == -1 and successes > 0):
            more = "; -1 needs consecutiveSuccessLimit" if name == "failureLimit" else ""
            yield InvalidSpec(f"{here}.{name}", f"{name} must be >= 0{more}", number)
    count, failures = numbers["count"], numbers["failureLimit"]
    if count <= 0:
        return
    if count < failures + successes:
        limit = "failureLimit + consecutiveSuccessLimit" if successes else "failureLimit"
        yield InvalidSpec(f"{here}.count", f"count must be >= {limit}", count)
    if count < numbers["inconclusiveLimit"]:
        yield InvalidSpec(f"{here}.count", "count must be >= inconclusiveLimit", count)


def provider_names(provider: MetricProvider) -> tuple[str, ...]:
    """The names of the providers that are set; a plugin stands by its own name."""
    names = [name for name in ("prometheus", "web", "job", "traffic") if getattr(provider, name) is not None]
    return (*names, *provider.plugin)


def _provider_problems(provider: MetricProvider, here: str) -> Iterator[InvalidSpec]:
    names = provider_names(provider)
    if not names:
        yield InvalidSpec(f"{here}.provider", "no provider specified")
    if len(names) > 1:
        yield InvalidSpec(f"{here}.provider", "multiple providers specified", ", ".join(names))


def matching(rules: Sequence[str], names: Sequence[str], label: str) -> dict[str, int]:
    """For every metric, the last rule whose expression is found anywhere in its name.

    Raises:
        InvalidSpec: an expression does not compile, or is found in no name.
    """
    matched: dict[str, int] = {}
    for place, rule in enumerate(rules):
        field = f".spec.{label}[{place}].metricName"
        # A lone `*` means every metric: upstream's field says so, though its code refuses it.
        try:
            expression = patterns.compile(".*" if rule == "*" else rule)
        except patterns.PatternError as error:
            raise InvalidSpec(field, f'"{rule}" is not a regular expression: {error}', rule) from None
        hits = [name for name in names if expression.search(name)]
        if not hits:
            raise InvalidSpec(
                field,
                f"Rule didn't match any metric name(s); the metrics are: {', '.join(names)}",
                rule,
            )
        matched.update(dict.fromkeys(hits, place))
    return matched
