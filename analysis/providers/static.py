"""The shipped test double: values by metric name, no I/O, no clock of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.judgement import not_counted
from analysis.providers.answers import Clock, error, no_data, value
from rollouts.api.analysis import AnalysisRun, Measurement, Metric


class StaticProvider:
    """Answers with the values that it was given, in order, and then with the last for ever.

    `StaticProvider({"error-rate": [0.01, 0.2]}, clock)`. None is no data; an exception is an Error with its
    message. A metric that it does not know has no data.
    """

    def __init__(self, values: Mapping[str, Sequence[Any]], clock: Clock) -> None:
        self._values = values
        self._clock = clock

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        now = self._clock()
        values = self._values.get(metric.name, ())
        known = (result for result in run.status.metric_results if result.name == metric.name)
        taken = next((result.count + result.error + not_counted(result) for result in known), 0)
        if not values:
            return no_data(now, now, f"no values for {metric.name}")
        answer = values[min(taken, len(values) - 1)]
        return error(now, now, str(answer)) if isinstance(answer, Exception) else value(now, now, answer)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        now = self._clock()
        return error(previous.started_at or now, now, "a value is never under way")
