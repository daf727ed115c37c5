"""What the contract suite asks providers with."""

from datetime import UTC, datetime
from typing import Any

from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.validation import parse

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def run_with(
    provider: dict[str, Any], args: list[dict[str, Any]] | None = None
) -> tuple[AnalysisRun, Metric]:
    """A run of one metric, `m`, and that metric."""
    run = parse(
        AnalysisRun,
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "metadata": {"name": "run", "namespace": "shop", "uid": "b5c1a3de-0000-4000-8000-0123456789ab"},
            "spec": {"metrics": [{"name": "m", "provider": provider}], "args": args or []},
        },
    )
    return run, run.spec.metrics[0]
