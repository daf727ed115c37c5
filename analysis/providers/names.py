"""Names of the objects that a measurement makes: a second try arrives at the same."""

from rollouts.api.analysis import AnalysisRun, Metric

UID_LABEL = "analysisrun.argoproj.io/uid"
LONGEST = 63
"""What fits into a label."""


def taken(run: AnalysisRun, metric: Metric) -> int:
    """How many measurements of a metric have been taken, errors among them."""
    return next((r.count + r.error for r in run.status.metric_results if r.name == metric.name), 0)


def measurement_name(run: AnalysisRun, metric: Metric, number: int) -> str:
    """`<uid>.<metric>.<number of the measurement>`, the metric cut so that it fits into a label."""
    uid = run.metadata.uid
    room = LONGEST - len(uid) - len(str(number)) - 2
    return f"{uid}.{metric.name[:room].rstrip('.-_')}.{number}"
