"""One measurement, judged by the conditions of its metric: the judge `threshold`. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analysis.conditions import ConditionError, evaluate
from analysis.values import absent, decode
from rollouts.api.analysis import AnalysisPhase, Evidence, Measurement, Metric, MetricResult
from rollouts.api.meta import dump

COMPLETED: frozenset[AnalysisPhase] = frozenset({"Successful", "Failed", "Error", "Inconclusive"})

JUDGE = "judge"
"""Note on a metric: what its judge has to remember."""
NOT_JUDGED = "notJudged"
"""Note on a metric: how many values were measured and not judged."""
VERDICT = "verdict"
"""Note on a metric: the phase that its judge has settled, whatever the limits are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A measurement with all that its judge makes of it; recorded and written in one piece."""

    measurement: Measurement
    notes: Mapping[str, str] = field(default_factory=dict)
    """What changes in the metadata of the metric; an empty text removes a note."""
    evidence: Evidence | None = None
    """What the metric now rests on; None leaves what was."""
    proven: bool | None = None
    """Whether the canary is proven good; None leaves what was."""


def under_way(measurement: Measurement | None) -> bool:
    """Whether a measurement is still to be gone on with; one that is Pending and finished was not judged."""
    return measurement is not None and measurement.phase not in COMPLETED and not not_judged(measurement)


def not_judged(measurement: Measurement) -> bool:
    """Whether a value was measured and does not count: it came too early, or there was none to wait for."""
    return measurement.phase == "Pending" and measurement.finished_at is not None


def not_counted(result: MetricResult) -> int:
    """How many values of a metric were measured and not judged."""
    number = result.metadata.get(NOT_JUDGED, "")
    return int(number) if number.isdecimal() else 0


def judge(metric: Metric, measurement: Measurement, now: datetime) -> Measurement:
    """Give a finished measurement its phase; one that has a phase already keeps it.

    Without conditions any data is success. With a success condition alone, not true is Failed; with a failure
    condition alone, not true is Successful; with both, neither true is Inconclusive and both true is Failed.

    No data (nil, empty, NaN) is never success, whatever the conditions say: it is Failed where the failure
    condition holds, and Error otherwise. A condition that cannot be evaluated is Error.

    Args:
        metric: With its arguments in place.
        measurement: What the provider answered.
        now: For conditions that ask, and for a measurement that names no end.
    """
    finished = measurement.model_copy(update={"finished_at": measurement.finished_at or now})
    if measurement.phase in COMPLETED:
        return finished
    if measurement.phase == "Running":
        return measurement
    phase, message = _verdict(metric, measurement, now)
    return finished.model_copy(update={"phase": phase, "message": message})


def _verdict(metric: Metric, measurement: Measurement, now: datetime) -> tuple[AnalysisPhase, str]:
    result = decode(measurement.value)
    missing = absent(result)
    no_data = f"metric result is {missing}: no data returned from the metric provider"
    if missing and measurement.message:
        no_data += f": {measurement.message}"
    try:
        failed = bool(metric.failure_condition) and evaluate(metric.failure_condition, result, now)
        if missing:
            return ("Failed", measurement.message or no_data) if failed else ("Error", no_data)
        passed = bool(metric.success_condition) and evaluate(metric.success_condition, result, now)
    except ConditionError as error:
        if missing:
            return "Error", no_data
        return "Error", f'condition "{error.value}" on result {_shown(measurement.value)}: {error}'
    if failed:
        return "Failed", measurement.message
    if passed or not metric.success_condition:
        return "Successful", measurement.message
    return ("Inconclusive" if metric.failure_condition else "Failed"), measurement.message


def reason(metric: Metric, measurement: Measurement) -> str:
    """The verdict on one measurement in one sentence: the value, and the condition that decided."""
    shown, success, failure = _shown(measurement.value), metric.success_condition, metric.failure_condition
    if measurement.phase == "Error" or not measurement.value:
        return measurement.message
    if measurement.phase == "Failed" and failure:
        return f'{shown} satisfies failureCondition "{failure}"'
    if measurement.phase == "Failed":
        return f'{shown} does not satisfy successCondition "{success}"'
    if measurement.phase == "Inconclusive":
        return f'{shown} satisfies neither successCondition "{success}" nor failureCondition "{failure}"'
    if success:
        return f'{shown} satisfies successCondition "{success}"'
    return f'{shown} does not satisfy failureCondition "{failure}"' if failure else f"{shown} is a value"


def asked(metric: Metric, measurement: Measurement) -> str:
    """What was asked of the source, as far as one text says it."""
    told = next((text for name, text in measurement.metadata.items() if name.startswith("Resolved")), "")
    if told:
        return told
    for settings in dump(metric.provider).values():
        for name in ("query", "url", "metric"):
            if isinstance(settings.get(name), str):
                return str(settings[name])
        if parts := tuple(_parts(settings)):
            return "; ".join(parts)
    return ""


def _parts(settings: Mapping[str, Any]) -> Iterator[str]:
    """What is asked in several parts: by Datadog a formula over queries, by CloudWatch a list of both."""
    if formula := settings.get("formula"):
        yield str(formula)
    if isinstance(queries := settings.get("queries"), dict):
        yield from (f"{name} = {query}" for name, query in sorted(queries.items()))
    for query in settings.get("metricDataQueries") or ():
        stat = query.get("metricStat") or {}
        metric = (stat.get("metric") or {}).get("metricName", "")
        what = query.get("expression") or f"{stat.get('stat')} of {metric}"
        yield f"{query.get('id')} = {what}"


def _shown(value: str) -> str:
    return value if len(value) <= 80 else value[:80] + "..."
