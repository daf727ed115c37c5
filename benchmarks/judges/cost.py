"""What a look costs: ten metrics, one after the other, from text to text as the controller calls it; and the
arithmetic of it alone, for ten at once.
"""

import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from analysis.judges.sequential.judge import judge
from analysis.judges.sequential.many import follow
from analysis.judges.sequential.tally import Counts
from analysis.judges.sequential.verdict import Terms
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


def arithmetic_ms() -> float:
    """The same without texts, evidence for people and reading back: all ten in one array."""
    terms = Terms(SequentialJudge(), 0.05)
    look = Counts(*(np.full((METRICS, 1), count) for count in (300.0, 3.0, 2700.0, 27.0)))
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        follow(terms, [look] * LOOKS)
        best = min(best, (time.process_time() - began) / LOOKS)
    return 1000 * best
