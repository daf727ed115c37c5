"""How long ago, as kubectl writes it."""

from datetime import datetime, timedelta

from rollouts.api.meta import Object, parse_time


def age(item: Object, now: datetime) -> str:
    """The age of an object; empty where it has none."""
    created = item["metadata"].get("creationTimestamp")
    return short(now - parse_time(created)) if created else ""


def short(span: timedelta) -> str:
    """A span in at most two units: 45s, 3m12s, 25m, 5h10m, 30h, 3d4h, 12d."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    return _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}" + (f"{small}{small_unit}" if small else "")
