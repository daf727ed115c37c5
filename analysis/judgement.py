"""One measurement, judged by the conditions of its metric. Pure."""

from datetime import datetime

from analysis.conditions import ConditionError, evaluate
from analysis.values import absent, decode
from rollouts.api.analysis import AnalysisPhase, Measurement, Metric

COMPLETED: frozenset[AnalysisPhase] = frozenset({"Successful", "Failed", "Error", "Inconclusive"})


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


def _shown(value: str) -> str:
    return value if len(value) <= 80 else value[:80] + "..."
