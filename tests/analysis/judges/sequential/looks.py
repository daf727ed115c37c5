"""Looks for the tests of the sequential judge, as a provider would answer."""

import json
from datetime import UTC, datetime, timedelta

from analysis.judges.sequential.judge import Verdict, judge
from rollouts.api.judges import SequentialJudge

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def minute(number):
    return START + timedelta(minutes=number)


def counts(canary, stable, **more):
    """`(requests, errors)` of each side."""
    arms = {"canary": canary, "stable": stable, **more}
    return {name: {"requests": arm[0], "errors": arm[1]} for name, arm in arms.items()}


def histogram(requests, *slower, edges=(0.1, 0.5, 1.0)):
    """How many of the requests are slower than each edge."""
    buckets = {f"{edge:g}": requests - count for edge, count in zip(edges, slower, strict=True)}
    return {"requests": requests, "buckets": {**buckets, "+Inf": requests}}


def judged(*looks, alpha=0.05, memory="", start=0, **spec) -> tuple[str, Verdict]:
    """The memory and the verdict after these looks, one a minute."""
    verdict = None
    for number, look in enumerate(looks, start=start + 1):
        text = look if isinstance(look, str) else json.dumps(look)
        memory, verdict = judge(SequentialJudge(**spec), alpha, memory, text, minute(number))
    assert verdict is not None
    return memory, verdict
