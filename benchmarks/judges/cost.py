"""What a look costs: ten metrics, one after the other, from text to text as the controller calls it."""

import json
import time
from datetime import UTC, datetime, timedelta

from analysis.judges.sequential.judge import judge
from rollouts.api.judges import SequentialJudge

METRICS, LOOKS, ROUNDS = 10, 40, 7


def look_ms() -> float:
    """Milliseconds of CPU for one look at ten metrics of errors; the best of some rounds."""
    spec, begin = SequentialJudge(), datetime(2026, 1, 1, tzinfo=UTC)
    value = json.dumps({"canary": {"requests": 300, "errors": 3}, "stable": {"requests": 2700, "errors": 27}})
    best = float("inf")
    for _ in range(ROUNDS):
        memories = [""] * METRICS
        began = time.process_time()
        for look in range(LOOKS):
            at = begin + timedelta(minutes=look)
            memories = [judge(spec, 0.05, memory, value, at)[0] for memory in memories]
        best = min(best, (time.process_time() - began) / LOOKS)
    return 1000 * best
