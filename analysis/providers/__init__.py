"""Metric providers: where a value comes from. They do I/O, and nothing else does it for an analysis."""

from typing import Protocol

from rollouts.api.analysis import AnalysisRun, Measurement, Metric


class Provider(Protocol):
    """One source of values.

    A provider answers with a finished Measurement (a value, or phase Error with a message), or with one in
    phase Running that carries `resume_at`, and in `metadata` all that is needed to go on, because the
    controller may be killed in between. It sets no other phase unless the source itself is the judge (a Job).
    No data is a finished measurement without a value, never success.
    """

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        """Take a value, or go on with `previous`, the measurement that is still Running.

        Arguments and secrets are already put in place in `metric`; neither may come back in the measurement.
        """
        ...

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        """End a measurement that is still Running."""
        ...
