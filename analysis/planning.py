"""What the sequential judge can see: how long a step must be, what that costs, and what is too small. Pure.

By simulation with a fixed seed: independent requests, the shipped judge, looks at the metric's interval. Real
errors come in clusters to some degree, and then it takes longer.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.many import follow
from analysis.judges.sequential.verdict import Terms

POWER = 0.95
"""The share of bad canaries that must be failed in time."""
RUNS, SEED = 400, 20_260_131
"""Of each simulation; the standard error of a power of 95 % is then 1.1 %."""
STAGES = 40, 160, 640
"""Looks that are followed, one number after the other until enough is known."""
MOST_LOOKS = STAGES[-1]
_GREATEST_DRAW = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A step of a canary, and how it is looked at."""

    terms: Terms
    rps: float
    """Requests a second of both versions together."""
    weight: float
    """The canary's share of them, above 0 and below 1."""
    error_rate: float
    """Of the stable version, above 0."""
    interval: float
    """Seconds between looks."""
    warm_up: float
    """Seconds whose values are not judged."""
    baseline: bool = False
    """The canary is compared with baseline pods that get the same share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What becomes of a canary whose errors are at a given rate."""

    needed: float | None
    """Seconds from the beginning of the step until POWER of such canaries are failed; None: longer than was
    followed, or never."""
    power: float
    """The share that is failed within the time asked about."""
    cost: float
    """Mean requests that fail and would not have on the stable version, until the canary is failed or the
    time is over."""
    proven: float | None
    """Seconds until half of healthy canaries are proven; None as above."""


def forecast(setting: Setting, detect: float, within: float) -> Forecast:
    """What becomes of canaries with errors at the rate `detect`, in a step of so many seconds."""
    looks = _looks(setting, within)
    failed = _times(setting, detect, looks)[0] if looks > 0 else np.full(RUNS, math.inf)
    excess = setting.rps * setting.weight * max(detect - setting.error_rate, 0.0)
    return Forecast(
        needed=_until(setting, detect, POWER, proof=False),
        power=float((failed <= within).mean()),
        cost=float(np.minimum(failed, within).mean()) * excess,
        proven=_until(setting, setting.error_rate, 0.5, proof=True),
    )


def smallest(setting: Setting, within: float) -> float | None:
    """The least rate of errors that is found POWER of the time within so many seconds; None for none."""
    looks = _looks(setting, within)
    low, high = math.log(setting.error_rate), 0.0

    def found(rate: float) -> bool:
        return bool((_times(setting, rate, looks)[0] <= within).mean() >= POWER)

    if looks < 1 or not found(1.0):
        return None
    while high - low > 0.03:
        middle = (low + high) / 2
        low, high = (low, middle) if found(math.exp(middle)) else (middle, high)
    return math.exp(high)


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a canary in a background analysis, which goes on from step to step."""

    found: tuple[float, ...]
    """The share that is failed by the end of each step."""
    cost: float
    """As of Forecast."""


def course(setting: Setting, stages: Sequence[tuple[float, float]], detect: float) -> Course:
    """What becomes of canaries with errors at the rate `detect`, over steps of a weight and a time each."""
    ends = np.cumsum([seconds for _, seconds in stages])
    begins = np.concatenate(([0.0], ends[:-1]))
    looks = _looks(setting, float(ends[-1]))
    moments = setting.warm_up + setting.interval * np.arange(max(looks, 0))
    at = np.minimum(np.searchsorted(ends, moments, side="right"), len(stages) - 1)
    weights = [stages[place][0] for place in at]
    failed = _times(setting, detect, looks, weights)[0] if looks > 0 else np.full(RUNS, math.inf)
    lost = sum(
        weight * np.clip(failed - begin, 0.0, seconds).mean()
        for (weight, seconds), begin in zip(stages, begins, strict=True)
    )
    excess = setting.rps * max(detect - setting.error_rate, 0.0)
    return Course(tuple(float((failed <= end).mean()) for end in ends), float(lost) * excess)


def _looks(setting: Setting, within: float) -> int:
    return min(int((within - setting.warm_up) / setting.interval + 1e-9), MOST_LOOKS)


def _times(
    setting: Setting, rate: float, looks: int, weights: Sequence[float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds until each run is failed, and until it is proven; infinite for never."""
    told = follow(setting.terms, _draw(setting, rate, weights or [setting.weight] * looks))
    ends = setting.warm_up + setting.interval * (np.stack((told.failed, told.proven)) + 1.0)
    failed, proven = np.where(np.stack((told.failed, told.proven)) < 0, math.inf, ends)
    return failed, proven


def _draw(setting: Setting, rate: float, weights: Sequence[float]) -> Iterator[Counts]:
    rng = np.random.default_rng(SEED)
    requests = setting.rps * setting.interval
    for weight in weights:
        shares = (weight, weight if setting.baseline else 1 - weight)
        canary, reference = (rng.poisson(min(requests * share, _GREATEST_DRAW), RUNS) for share in shares)
        columns = (
            canary,
            rng.binomial(canary, min(rate, 1.0)),
            reference,
            rng.binomial(reference, min(setting.error_rate, 1.0)),
        )
        yield Counts(*(each.astype(np.float64)[:, None] for each in columns))


def _until(setting: Setting, rate: float, share: float, *, proof: bool) -> float | None:
    """When that share of canaries with such errors is failed, or proven; None for not within reach."""
    for looks in STAGES:
        found = _quantile(_times(setting, rate, looks)[1 if proof else 0], share)
        if found is not None:
            return found
    return None


def _quantile(times: np.ndarray, share: float) -> float | None:
    """The time by which that share is through; None if it never is."""
    place = math.ceil(share * len(times)) - 1
    found = float(np.sort(times)[place])
    return found if math.isfinite(found) else None
