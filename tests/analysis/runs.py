"""Runs for tests: built from the same YAML that users write, with measurements put in by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.looks import conclude
from analysis.run import RunPlan, dry_metrics, plan, record, resolved
from analysis.values import encode
from rollouts.api.analysis import AnalysisRun, Measurement
from rollouts.api.validation import parse

T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PROVIDER = {"web": {"url": "http://metrics.test/"}}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def run_of(*metrics: dict[str, Any], **spec: Any) -> AnalysisRun:
    """A run of metrics; the provider goes without saying."""
    return parse(
        AnalysisRun,
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {"name": "run", "namespace": "shop", "uid": "u-1", "resourceVersion": "1"},
            "spec": {"metrics": [{"provider": PROVIDER, **metric} for metric in metrics], **spec},
        },
    )


def finished(phase: str, seconds: float, message: str = "") -> Measurement:
    return Measurement(phase=phase, message=message, started_at=at(seconds), finished_at=at(seconds))  # type: ignore[arg-type]


def step(run: AnalysisRun, seconds: float, values: dict[str, Any]) -> tuple[AnalysisRun, RunPlan]:
    """One pass of the controller at a time: what is due gets these values."""
    now = at(seconds)
    first = plan(run, now)
    run = run.model_copy(update={"status": first.status})
    metrics = {metric.name: metric for metric in resolved(run)} if first.tasks else {}
    for task in first.tasks:
        answer = values[task.metric]
        taken = (
            Measurement(phase="Error", message=str(answer), started_at=now, finished_at=now)
            if isinstance(answer, Exception)
            else Measurement(value=encode(answer), started_at=now, finished_at=now)
        )
        judged = conclude(run, metrics[task.metric], taken, now)
        run = record(run, task.metric, judged, dry_run=task.metric in dry_metrics(run))
    second = plan(run, now)
    return run.model_copy(update={"status": second.status}), second
