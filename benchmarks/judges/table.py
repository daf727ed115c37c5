"""Judges by workloads: what each comes to, and the table of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from analysis.judges.sequential.many import Hits
from analysis.judges.sequential.verdict import Terms
from benchmarks.judges import judges, latency
from benchmarks.judges.looks import Looks, Workload

KAYENTA_RUNS = 200
"""Its slow path takes milliseconds for each run and judgement."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One judge on one workload."""

    workload: str
    judge: str
    runs: int
    failed: float
    """Percent of the runs."""
    minutes: float | None
    """Median, from the start, with the warm-up."""
    requests: float | None
    """Median of the canary's requests until then."""
    harm: float
    """Mean requests that failed and would not have on the reference; runs never failed count whole."""
    proven: float | None = None
    """Percent of the runs that are proven before they are failed."""
    proven_minutes: float | None = None

    def row(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """A judge and how it is called."""

    name: str
    failed: Callable[[Looks], Hits]
    most_runs: int = 10**9


def figures(rule: str, workload: Workload, looks: Looks, hits: Hits) -> Figures:
    """What the looks of failure come to."""
    found, count = hits >= 0, looks.canary.shape[1]
    ends = np.where(found, hits, count - 1)
    rows = np.arange(len(hits))
    requests = np.cumsum(looks.canary, axis=1)[rows, ends]
    harm = np.cumsum(looks.canary * looks.extra, axis=1)[rows, ends]
    minutes = (hits[found] + 1) * workload.seconds / 60
    return Figures(
        workload=workload.name,
        judge=rule,
        runs=len(hits),
        failed=100 * float(found.mean()),
        minutes=float(np.median(minutes)) if found.any() else None,
        requests=float(np.median(requests[found])) if found.any() else None,
        harm=float(harm.mean()),
    )


def of_sequential(name: str, terms: Terms, workload: Workload, looks: Looks) -> Figures:
    """The same of the sequential judge, with its proofs."""
    judged = judges.sequential(terms, looks, workload.warm_up)
    told = figures(name, workload, looks, judged.failed)
    shown = judged.proven >= 0
    minutes = (judged.proven[shown] + 1) * workload.seconds / 60
    return Figures(
        **{
            **told.row(),  # type: ignore[arg-type]
            "proven": 100 * float(shown.mean()),
            "proven_minutes": float(np.median(minutes)) if shown.any() else None,
        }
    )


def rate_above(limit: float, failure_limit: int) -> Callable[[Looks], Hits]:
    """Argo, with a success rate."""
    return lambda looks: judges.threshold(
        np.nan_to_num(judges.rates(looks)[0]) > limit, looks.canary <= 0, failure_limit
    )


def ratio_above(limit: float, failure_limit: int) -> Callable[[Looks], Hits]:
    """Argo, with a query that compares with stable."""

    def failed(looks: Looks) -> Hits:
        canary, stable = judges.rates(looks)
        return judges.threshold(
            np.nan_to_num(canary) > limit * np.nan_to_num(stable), looks.canary <= 0, failure_limit
        )

    return failed


def checks_above(limit: float, threshold: int) -> Callable[[Looks], Hits]:
    """Flagger, with request-success-rate."""
    return lambda looks: judges.consecutive(
        np.nan_to_num(judges.rates(looks)[0]) > limit, looks.canary <= 0, threshold
    )


DOCUMENTED = (
    Rule("threshold, SR >= 95%, failureLimit 3 (Argo's docs)", rate_above(0.05, 3)),
    Rule("threshold, at most twice stable's rate, failureLimit 3", ratio_above(2, 3)),
    Rule("consecutive, SR >= 99%, threshold 5 (Flagger's docs)", checks_above(0.01, 5)),
    Rule(
        "kayenta, rates of each minute, every 5 min",
        lambda looks: judges.kayenta(*judges.rates(looks)),
        KAYENTA_RUNS,
    ),
    Rule("naive z-test at every look, 5%", judges.naive),
)


def _slow(limit: float, threshold: int) -> Callable[[Looks], Hits]:
    return lambda looks: judges.consecutive(
        np.nan_to_num(latency.quantile(looks.canary, looks.canary_bad, 0.99)) > limit,
        looks.canary <= 0,
        threshold,
    )


def _slower(limit: float, failure_limit: int) -> Callable[[Looks], Hits]:
    def failed(looks: Looks) -> Hits:
        canary = latency.quantile(looks.canary, looks.canary_bad, 0.95)
        stable = latency.quantile(looks.reference, looks.reference_bad, 0.95)
        return judges.threshold(canary > limit * stable, looks.canary <= 0, failure_limit)

    return failed


def _ranked(q: float) -> Callable[[Looks], Hits]:
    return lambda looks: judges.kayenta(
        latency.quantile(looks.canary, looks.canary_bad, q),
        latency.quantile(looks.reference, looks.reference_bad, q),
    )


LATENCY = (
    Rule("consecutive, p99 <= 500 ms, threshold 5 (Flagger's docs)", _slow(0.5, 5)),
    Rule("threshold, p95 at most 1.5 times stable's, failureLimit 3", _slower(1.5, 3)),
    Rule("kayenta, p99 of each minute, every 5 min", _ranked(0.99), KAYENTA_RUNS),
    Rule("kayenta, p50 of each minute, every 5 min", _ranked(0.5), KAYENTA_RUNS),
)


def head(looks: Looks, runs: int) -> Looks:
    """The first runs alone."""
    return Looks(
        canary=looks.canary[:runs],
        canary_bad=looks.canary_bad[:runs],
        reference=looks.reference[:runs],
        reference_bad=looks.reference_bad[:runs],
        extra=looks.extra[:runs],
        missing=looks.missing[:runs],
        edges=looks.edges,
    )


def best_tuned(drawn: Sequence[tuple[Workload, Looks]]) -> tuple[Rule, ...]:
    """The setting of each kind of threshold with the fewest wrong verdicts, of healthy and bad alike."""
    kinds = {
        "threshold, best success rate": (rate_above, "SR >= {:.1%}", [0.012, 0.015, 0.02, 0.025, 0.03, 0.05]),
        "threshold, best ratio": (ratio_above, "at most {:g} times stable's rate", [1.25, 1.5, 2, 2.5, 3, 4]),
    }
    return tuple(_best(name, *kind, drawn) for name, kind in kinds.items())


def _best(
    name: str,
    make: Callable[[float, int], Callable[[Looks], Hits]],
    shown: str,
    limits: Sequence[float],
    drawn: Sequence[tuple[Workload, Looks]],
) -> Rule:
    def wrong(setting: tuple[float, int]) -> float:
        rule, parts = make(*setting), {True: [0.0], False: [0.0]}
        for workload, looks in drawn:
            failed = float((rule(looks) >= 0).mean())
            parts[workload.harmful].append(1 - failed if workload.harmful else failed)
        return sum(sum(each) / (len(each) - 1) for each in parts.values())

    limit, failure_limit = min(((a, b) for a in limits for b in (1, 3, 5, 10, 15)), key=wrong)
    told = shown.format(1 - limit if "%" in shown else limit)
    return Rule(f"{name}: {told}, failureLimit {failure_limit}", make(limit, failure_limit))


def markdown(workloads: Sequence[Workload], found: Sequence[Figures]) -> str:
    """A table: one row for each judge, one column for each workload."""
    by = {(each.judge, each.workload): each for each in found}
    rules = [*dict.fromkeys(each.judge for each in found)]
    shown = [each for each in workloads if any((rule, each.name) in by for rule in rules)]
    lines = [
        "| judge | " + " | ".join(each.name for each in shown) + " |",
        "|---|" + "---|" * len(shown),
    ]
    for rule in rules:
        cells = [_cell(by.get((rule, each.name)), harmful=each.harmful) for each in shown]
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(told: Figures | None, *, harmful: bool) -> str:
    if told is None:
        return ""
    if not harmful:
        return f"{told.failed:.1f}"
    if told.minutes is None:
        return f"0% {told.harm:,.0f}h"
    return f"{told.failed:.0f}% {told.minutes:g}m {told.harm:,.0f}h"
