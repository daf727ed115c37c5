"""How long a container that exited waits before it runs again. Pure; the figures are the kubelet's own."""

from dataclasses import dataclass

FIRST, LONGEST, FORGET_AFTER = 10.0, 300.0, 600.0
"""Seconds: the first wait, the longest, and how long a run must last for the waits to begin anew."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait after the next exit; the first restart comes at once."""

    wait: float = 0.0

    def after_run(self, lasted: float) -> "Backoff":
        """What a run of so many seconds leads to."""
        if lasted >= FORGET_AFTER:
            return Backoff(FIRST)
        return Backoff(min(LONGEST, max(FIRST, self.wait * 2)))
