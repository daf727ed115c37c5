"""What a look costs: ten metrics, one after the other, from text to text as the controller calls it."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from analysis.judges.sequential.judge import judge
from benchmarks.judges.latency import EDGES
from rollouts.api.judges import SequentialJudge

METRICS, LOOKS, ROUNDS = 10, 40, 25

Arm = Mapping[str, object]


def errors_ms() -> float:
    """Milliseconds of CPU for one look at ten metrics of errors."""
    return _look_ms({"requests": 300, "errors": 3}, {"requests": 2700, "errors": 27})


def latency_ms() -> float:
    """The same for ten metrics of latency, in the default buckets of Prometheus' client libraries."""
    return _look_ms(_histogram(300), _histogram(2700))


def _histogram(requests: int) -> Arm:
    below = {f"{edge:g}": requests * (place + 1) // 12 for place, edge in enumerate(EDGES)}
    return {"requests": requests, "buckets": {**below, "+Inf": requests}}


def _look_ms(canary: Arm, stable: Arm) -> float:
    """The best of some rounds."""
    spec, begin = SequentialJudge(), datetime(2026, 1, 1, tzinfo=UTC)
    value, best = json.dumps({"canary": canary, "stable": stable}), float("inf")
    for _ in range(ROUNDS):
        memories = [""] * METRICS
        began = time.process_time()
        for look in range(LOOKS):
            at = begin + timedelta(minutes=look)
            memories = [judge(spec, 0.05, memory, value, at)[0] for memory in memories]
        best = min(best, (time.process_time() - began) / LOOKS)
    return 1000 * best
