"""Figures as a table, one column for each size of the fleet."""

from collections.abc import Sequence
from typing import Any

_ROWS = (
    ("pods", "pods", "{:,.0f}"),
    ("start-up: everything listed, s", "start.listed_s", "{:.2f}"),
    ("start-up: first decision, s", "start.first_decision_s", "{:.2f}"),
    ("start-up: every rollout looked at, s", "start.all_looked_at_s", "{:.2f}"),
    ("start-up: CPU, s", "start.cpu_s", "{:.2f}"),
    ("start-up: read, MB", "start.received_mb", "{:.1f}"),
    ("start-up: peak RSS, MB", "start.peak_rss_mb", "{:.0f}"),
    ("start-up: longest stall, ms", "start.longest_stall_ms", "{:.0f}"),
    ("RSS settled, MB", "start.rss_mb", "{:.0f}"),
    ("RSS after the updates, MB", "rss_mb", "{:.0f}"),
    ("idle: CPU, % of a core", "idle.cpu_percent", "{:.2f}"),
    ("idle: writes", "idle.writes", "{:.0f}"),
    ("resync: passes", "resync.passes", "{:,.0f}"),
    ("resync: writes", "resync.writes", "{:.0f}"),
    ("resync: passes a second and core", "resync.passes_per_cpu_second", "{:,.0f}"),
    ("resync: longest stall, ms", "resync.longest_stall_ms", "{:.0f}"),
    ("one update: requests, without Events", "one.requests_per_rollout", "{:.0f}"),
    ("one update: writes, Events among them", "one.writes_per_rollout", "{:.0f}"),
    ("one update: requests for Events", "one.event_requests_per_rollout", "{:.0f}"),
    ("one update: sent, kB", "one.sent_kb_per_rollout", "{:.1f}"),
    ("one update: received, kB", "one.received_kb_per_rollout", "{:.1f}"),
    ("one update: per step beyond the pauses, s", "one.per_step_beyond_pauses_s", "{:.2f}"),
    ("at the same time: updates", "many.rollouts", "{:.0f}"),
    ("at the same time: requests each", "many.requests_per_rollout", "{:.0f}"),
    ("at the same time: sent each, kB", "many.sent_kb_per_rollout", "{:.1f}"),
    ("at the same time: received each, kB", "many.received_kb_per_rollout", "{:.1f}"),
    ("at the same time: passes each", "many.passes_per_rollout", "{:.0f}"),
    ("at the same time: CPU each, ms", "many.cpu_ms_per_rollout", "{:.0f}"),
    ("at the same time: passes a second and core", "many.passes_per_cpu_second", "{:,.0f}"),
    ("without pauses: per step, median, s", "weights.per_step_beyond_pauses_s", "{:.2f}"),
    ("without pauses: per step, longest, s", "weights.longest_per_step_beyond_pauses_s", "{:.2f}"),
    ("without pauses: longest stall, ms", "weights.longest_stall_ms", "{:.0f}"),
)


def table(figures: Sequence[dict[str, Any]]) -> str:
    """A Markdown table."""
    head = ["rollouts", *(f"{each['rollouts']:,}" for each in figures)]
    lines = [head, ["---", *("---:" for _ in figures)]]
    for title, path, shape in _ROWS:
        lines.append([title, *(shape.format(_at(each, path)) for each in figures)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _at(figures: dict[str, Any], path: str) -> float:
    value: Any = figures
    for part in path.split("."):
        value = value[part]
    return float(value)
