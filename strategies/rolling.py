"""A rolling update: a canary whose only step is the whole way, bounded by maxSurge and maxUnavailable."""

from datetime import datetime

from strategies import canary
from strategies.model import Observed, Plan


def plan(seen: Observed, now: datetime) -> Plan:
    """Decide as for a canary: without steps it asks for everything, and the bounds make the pace."""
    return canary.plan(seen, now)
