"""The judges: for each run the look at which it is failed, -1 for never.

`sequential` is the shipped one, through the same lines (`tally.add`, `verdict.findings`) that judge one
look of one run; tests/benchmarks/test_judges.py holds both to the same decisions. `kayenta` is
`classify_many` of the shipped one. Thresholds and failed checks are counted as `analysis.assessment` and
`analysis.judges.consecutive` count them, and held to those as well.
"""

import numpy as np
from numpy.typing import NDArray

from analysis.judges.kayenta import classify_many
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.many import Courses, Hits, follow
from analysis.judges.sequential.verdict import Terms
from benchmarks.judges.looks import Floats, Looks


def first(failed: NDArray[np.bool_]) -> Hits:
    """The first look at which each run is failed."""
    return np.where(failed.any(axis=1), failed.argmax(axis=1), -1)


def rates(looks: Looks) -> tuple[Floats, Floats]:
    """The share of errors of canary and reference; NaN without requests."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return looks.canary_bad / looks.canary, looks.reference_bad / looks.reference


def _in_a_row(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    place = np.arange(flags.shape[1])
    last = np.maximum.accumulate(np.where(flags, -1, place), axis=1)
    return np.where(flags, place - last, 0)


def threshold(bad: NDArray[np.bool_], missing: NDArray[np.bool_], failure_limit: int) -> Hits:
    """As Argo: failed measurements beyond the limit; no data is an error, and five in a row end it."""
    return first((np.cumsum(bad & ~missing, axis=1) > failure_limit) | (_in_a_row(missing) > 4))


def consecutive(bad: NDArray[np.bool_], missing: NDArray[np.bool_], limit: int) -> Hits:
    """As Flagger: so many failed checks, of which no data is one."""
    return first(np.cumsum(bad | missing, axis=1) >= limit)


def naive(looks: Looks, z: float = 1.645) -> Hits:
    """A test of two proportions, one-sided, at 5 %, after every look."""
    totals = [
        np.cumsum(each, axis=1)
        for each in (looks.canary, looks.canary_bad, looks.reference, looks.reference_bad)
    ]
    canary, bad, reference, reference_bad = totals
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (bad + reference_bad) / (canary + reference)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / canary + 1 / reference))
        score = (bad / canary - reference_bad / reference) / spread
    return first(np.nan_to_num(score, nan=0.0, posinf=0.0) > z)


def kayenta(canary: Floats, reference: Floats, *, every: int = 5) -> Hits:
    """By rank, a point a minute, on all points so far, every so many looks; missing points are removed."""
    runs, looks = canary.shape
    hits = np.full(runs, -1)
    for end in range(every, looks + 1, every):
        open_runs = np.flatnonzero(hits < 0)
        canary_part, reference_part = canary[open_runs, :end], reference[open_runs, :end]
        gone = np.isnan(canary_part), np.isnan(reference_part)
        if not (gone[0].any() or gone[1].any()):
            labels = classify_many(canary_part, reference_part, direction="increase")
        else:
            labels = [
                classify_many(a[~np.isnan(a)][None], b[~np.isnan(b)][None], direction="increase")[0]
                for a, b in zip(canary_part, reference_part, strict=True)
            ]
        hits[open_runs[np.array(labels) == "High"]] = end - 1
    return hits


def sequential(terms: Terms, looks: Looks, warm_up: int) -> Courses:
    """The shipped judge, for all runs at once."""
    names = tuple(f"{edge:.9g}" for edge in looks.edges) or ("errors",)

    def counts(look: int) -> Counts:
        columns = (looks.canary, looks.canary_bad, looks.reference, looks.reference_bad)
        shape = (len(looks.canary), len(names))
        return Counts(*(np.broadcast_to(each[:, look].reshape(len(each), -1), shape) for each in columns))

    told = follow(terms, (counts(look) for look in range(warm_up, looks.canary.shape[1])), names)
    return Courses(
        failed=np.where(told.failed < 0, -1, told.failed + warm_up),
        proven=np.where(told.proven < 0, -1, told.proven + warm_up),
    )
