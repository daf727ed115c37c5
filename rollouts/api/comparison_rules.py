"""What a comparison of canary and stable must satisfy beyond its shape: both sides are asked the same."""

from collections.abc import Iterator

from rollouts.api.errors import InvalidSpec
from rollouts.api.paths import wrong
from rollouts.api.providers import PrometheusArm, PrometheusArms, PrometheusMetric

_COUNTS = (("requests", "errors"), ("buckets",), ("requests", "buckets"), ("requests", "errors", "buckets"))


def arms_problems(prometheus: PrometheusMetric, arms: PrometheusArms, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with the sides: they are points over rangeQuery, or counts, and of one kind."""
    if prometheus.query:
        yield wrong(f"{path}.query", "goes without arms; keep one of them", prometheus.query)
    ranged = prometheus.range_query is not None
    for side in ("canary", "stable", "baseline"):
        arm = getattr(arms, side)
        if arm is None:
            continue
        asked, message = _asked(arm), ""
        if ranged and asked != ("query",):
            message = "must have query alone with rangeQuery, which asks for points"
        elif not ranged and asked not in _COUNTS:
            message = "must have requests and errors, buckets, or all three; query goes with rangeQuery"
        elif asked != _asked(arms.canary):
            message = f"must be asked the same as canary ({', '.join(_asked(arms.canary))})"
        if message:
            yield wrong(f"{path}.arms.{side}", message, ", ".join(asked) or "nothing")


def _asked(arm: PrometheusArm) -> tuple[str, ...]:
    return tuple(name for name in ("query", "requests", "errors", "buckets") if getattr(arm, name).strip())
