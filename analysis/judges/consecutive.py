"""The judge `consecutive`: each value within a range, and a number of failed checks that ends it, as Flagger.

**Hypothesis**: none in the sense of statistics. A check is one value against fixed limits.
**Promise**: the metric fails at the failed check with the number `threshold`, neither earlier nor later; no
data and errors of the provider are failed checks, never good ones.
**It holds if** the limits are those of this service, and the value is one series.
**What breaks** not the count but what it is good for: the number is never set back unless `inARow` says so,
and the chance of failing a healthy canary grows with every look; a rate of few requests is mostly chance; a
fault that canary and stable share fails the canary.
**Checked by** tests/analysis/judges/test_consecutive.py.
**Source**: fluxcd/flagger 1.44, pkg/controller/scheduler.go and scheduler_metrics.go. Other than there, a
query that gives several series is a failed check that says so (Flagger takes the last one); so is infinity.
"""

import math
import sys
from dataclasses import dataclass

from rollouts.api.analysis import Evidence
from rollouts.api.judges import ConsecutiveJudge


@dataclass(frozen=True, slots=True)
class Check:
    """What one look comes to."""

    good: bool
    """The value is within the range."""
    failed: int
    """Failed checks so far: the state that the next look begins with."""
    over: bool
    """So many checks have failed that the metric has."""
    evidence: Evidence
    """What it rests on, with the reason."""


def check(config: ConsecutiveJudge, failed: int, value: object, *, looks: int = 1, error: str = "") -> Check:
    """Judge one more value.

    Args:
        config: The range, and how many failed checks end it.
        failed: Failed checks before this one; 0 at first.
        value: A number, or an array of one; None or NaN for no data.
        looks: How many looks there were, with this one.
        error: Why there is no value, where the provider failed; a failed check then.
    """
    value = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    wrong = error or _wrong(config, value)
    count = failed + 1 if wrong else 0 if config.in_a_row else failed
    over = count >= max(1, config.threshold)
    row = " in a row" if config.in_a_row else ""
    reason = f"{wrong}; " if wrong else f"{_shown(value)} is within the range; "
    reason += f"{count} failed checks{row} of {max(1, config.threshold)} that fail the metric"
    shown = Evidence(judge="consecutive", looks=looks, reason=reason)
    return Check(good=not wrong, failed=count, over=over, evidence=shown)


def _wrong(config: ConsecutiveJudge, value: object) -> str:
    """Why the check fails, or nothing."""
    if value is None or value in ([], ()):
        return "no data"
    if isinstance(value, list | tuple) and len(value) > 1:
        return f"{len(value)} values where one was meant; write a query that gives one series"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{_shown(value)} is no number"
    if isinstance(value, float) and math.isnan(value):
        return "no data (NaN)"
    if not -sys.float_info.max <= value <= sys.float_info.max:
        return "the value is infinite, or as good as"
    if config.min is not None and value < config.min:
        return f"{value:g} is below min ({config.min:g})"
    if config.max is not None and value > config.max:
        return f"{value:g} is above max ({config.max:g})"
    return ""


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else text[:40] + "..."
