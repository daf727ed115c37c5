"""Prometheus metrics of how long updates took, under upstream's names: one histogram each for the whole, for
what the engine did, and for what humans were waited for.

They count since the controller started, and an update once, when its end is written.
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily, Metric

from rollouts.api.rollout_status import RolloutDuration

_WHOLE = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
_PROGRESS = (30, 60, 120, 300, 600, 900, 1800, 3600)
_PAUSED = (0, 60, 300, 600, 1800, 3600, 7200, 14400, 28800)
"""Seconds; upstream's, so that dashboards fit."""


class Durations:
    """Counts the updates that ended, by how they did."""

    def __init__(self) -> None:
        self._whole = _Histogram(
            "rollout_duration_seconds", "Seconds from an update's begin to its end.", _WHOLE
        )
        self._progress = _Histogram(
            "rollout_progression_duration_seconds",
            "Seconds of an update, without those in which a human was waited for.",
            _PROGRESS,
        )
        self._paused = _Histogram(
            "rollout_manual_pause_duration_seconds",
            "Seconds of an update in which a human was waited for.",
            _PAUSED,
        )

    def add(self, record: RolloutDuration) -> None:
        """Count an update that ended."""
        if record.rollout_started_at is None or record.finished_at is None:
            return
        whole = max(0.0, (record.finished_at - record.rollout_started_at).total_seconds())
        paused = record.total_manual_pause_duration_seconds or 0
        self._whole.add(record.completion_status, whole)
        self._progress.add(record.completion_status, max(0.0, whole - paused))
        self._paused.add(record.completion_status, paused)

    def families(self) -> Iterator[Metric]:
        """What was counted so far."""
        for each in (self._whole, self._progress, self._paused):
            yield each.family()


class _Histogram:
    def __init__(self, name: str, text: str, limits: Sequence[float]) -> None:
        self._name, self._text, self._limits = name, text, limits
        self._seconds: dict[str, list[float]] = {}

    def add(self, status: str, seconds: float) -> None:
        """Count in each bucket whose limit it does not exceed."""
        counts = self._seconds.setdefault(status, [0.0] * (len(self._limits) + 2))
        for place, limit in enumerate(self._limits):
            counts[place] += seconds <= limit
        counts[-2] += 1
        counts[-1] += seconds

    def family(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(self._name, self._text, labels=("status",))
        for status, (*counts, total) in self._seconds.items():
            names = [*(str(limit) for limit in self._limits), "+Inf"]
            family.add_metric((status,), list(zip(names, counts, strict=True)), total)
        return family
