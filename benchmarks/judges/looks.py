"""What a workload gives the judges: counts of many runs, look by look."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Arrays over runs and looks; with a third axis over edges for latency."""

    canary: Floats
    """Requests of the canary; 0 where the scrape failed."""
    canary_bad: Floats
    reference: Floats
    reference_bad: Floats
    extra: Floats
    """The share of the canary's requests that fail and would not have failed on the reference."""
    missing: NDArray[np.bool_]
    """The scrape failed: there is no value at all."""
    edges: tuple[float, ...] = ()
    """Seconds; what is bad is to be slower. Empty: what is bad is to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One row of the report."""

    name: str
    title: str
    harmful: bool
    """Whether the canary is worse, so that failing it is right."""
    draw: Callable[[Rng, int], Looks]
    seconds: int = 60
    """Between looks."""
    warm_up: int = 2
    """Looks that the sequential judge does not see, as its metric's warmUp has it by default."""


def requests(
    rng: Rng,
    runs: int,
    *,
    rps: object = 50.0,
    weight: object = 0.1,
    rate: object = 0.01,
    ratio: object = 1.0,
    spread: object = 1.0,
    looks: int = 60,
    seconds: int = 60,
    missing: float = 0.0,
    reference: object = None,
) -> Looks:
    """Independent requests, Poisson many, of which each fails by itself.

    Args:
        rng: Where chance comes from.
        runs: How many rollouts.
        rps: Requests a second in all, over runs and looks.
        weight: The canary's share.
        rate: The rate of failure of the reference.
        ratio: How many times as often the canary fails.
        spread: How many times as often the canary fails in this look alone: clusters.
        looks: How many.
        seconds: Between them.
        missing: The share of looks whose scrape failed.
        reference: The reference's share, where it is not all the rest: baseline pods.
    """
    shape = (runs, looks)
    total, part = np.broadcast_to(rps, shape) * seconds, np.broadcast_to(weight, shape)
    rest = 1 - part if reference is None else np.broadcast_to(reference, shape)
    canary, stable = rng.poisson(total * part), rng.poisson(total * rest)
    base = np.broadcast_to(rate, shape)
    bad = rng.binomial(canary, np.minimum(base * ratio * spread, 1))
    stable_bad = rng.binomial(stable, np.minimum(base, 1))
    lost = rng.random(shape) < missing
    return Looks(
        canary=np.where(lost, 0.0, canary),
        canary_bad=np.where(lost, 0.0, bad),
        reference=np.where(lost, 0.0, stable),
        reference_bad=np.where(lost, 0.0, stable_bad),
        extra=np.where(np.ones(shape, dtype=bool), base * (np.broadcast_to(ratio, shape) - 1), 0.0),
        missing=lost,
    )
