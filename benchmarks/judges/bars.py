"""What the sequential judge is to reach at its defaults, and whether it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.judges.table import Figures

By = Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the issue."""

    what: str
    bar: str
    measured: str
    reached: bool
    beyond: str = ""
    """What to aim at beyond the bar, and whether that is reached."""


def bars(by: By, errors_ms: float, latency_ms: float) -> list[Bar]:
    """Every bar.

    Args:
        by: The figures of the sequential judge at its defaults, by workload.
        errors_ms: What a look costs for ten metrics of errors, from text to text, one after the other.
        latency_ms: The same for ten metrics of latency.
    """
    independent = max(by[name].failed for name in ("A1", "A2", "A3", "A4", "A8", "A9"))
    return [
        _at_most("healthy failed, independent requests (worst of A1 to A4, A8, A9)", independent, 1),
        _at_most("healthy failed, clustered errors (A6)", by["A6"].failed, 3, 1.5),
        _at_most("healthy failed, errors during the warm-up (A7)", by["A7"].failed, 1),
        _detected("errors 1 to 2% (B1)", by["B1"], 99, minutes=8, harm=30, aim=7),
        _power("errors 1 to 1.5% (B2)", by["B2"], 93, 97),
        _detected("errors 1 to 5% (B3)", by["B3"], 99, minutes=3),
        _after_warm_up("errors 1 to 5%, a look every 15 s (B3q)", by["B3q"], 45),
        _power("down, at the first look with 5 requests beside 45 (D5:45)", by["D5:45"], 100),
        _detected("errors 0.01 to 0.1% (B4)", by["B4"], 99, minutes=16),
        _detected("slow leak (B6)", by["B6"], 100, minutes=23, aim=18),
        _detected("1 rps, errors 1 to 10% (B5)", by["B5"], 99, requests=60),
        _detected("3% of requests a second slower (M1)", by["M1"], 99, minutes=3),
        _power("3% of requests a second slower, 1 rps (M4)", by["M4"], 99),
        _proof(by["A1"], by["P2"]),
        _at_most("with a baseline: both start with 5 times the errors (C1)", by["C1"].failed, 1),
        _detected("with a baseline: errors 1 to 2% (C2)", by["C2"], 99, minutes=15, aim=12),
        Bar(
            "a look at ten metrics of errors, as the controller calls it",
            "<= 1 ms of one core",
            f"{errors_ms:.2f} ms; of latency in twelve buckets {latency_ms:.2f} ms",
            errors_ms <= 1,
        ),
    ]


def _at_most(what: str, failed: float, limit: float, aim: float | None = None) -> Bar:
    beyond = "" if aim is None else _aim(f"<= {aim:g}%", reached=failed <= aim)
    return Bar(what, f"<= {limit:g}%", f"{failed:.2f}%", failed <= limit, beyond)


def _power(what: str, told: Figures, least: float, aim: float | None = None) -> Bar:
    beyond = "" if aim is None else _aim(f">= {aim:g}%", reached=told.failed >= aim)
    return Bar(what, f">= {least:g}%", f"{told.failed:.1f}%", told.failed >= least, beyond)


def _detected(
    what: str,
    told: Figures,
    least: float,
    *,
    minutes: float | None = None,
    requests: float | None = None,
    harm: float | None = None,
    aim: float | None = None,
) -> Bar:
    parts, measured = [f">= {least:g}%"], [f"{told.failed:.1f}%"]
    reached = told.failed >= least
    for limit, value, unit in (
        (minutes, told.minutes, "min"),
        (requests, told.requests, "canary requests"),
        (harm, told.harm, "extra failed"),
    ):
        if limit is not None:
            parts.append(f"<= {limit:g} {unit}")
            measured.append("never" if value is None else f"{value:.3g} {unit}")
            reached = reached and value is not None and value <= limit
    met = told.minutes is not None and aim is not None and told.minutes <= aim
    beyond = "" if aim is None else _aim(f"<= {aim:g} min", reached=met)
    return Bar(what, ", ".join(parts), ", ".join(measured), reached, beyond)


def _after_warm_up(what: str, told: Figures, limit: float) -> Bar:
    seconds = None if told.minutes is None else 60 * told.minutes - 120
    reached = told.failed >= 99 and seconds is not None and seconds <= limit
    shown = "never" if seconds is None else f"{seconds:g} s"
    return Bar(what, f"<= {limit:g} s beyond the warm-up", shown, reached)


def _proof(healthy: Figures, twice: Figures) -> Bar:
    minutes, wrong = healthy.proven_minutes, twice.proven or 0.0
    return Bar(
        "proof of less than twice as bad, healthy at 50 rps (A1; wrong: P2)",
        "<= 6 min, wrong <= 5%",
        f"{'never' if minutes is None else f'{minutes:g} min'}, wrong {wrong:.1f}%",
        minutes is not None and minutes <= 6 and wrong <= 5,
    )


def _aim(text: str, *, reached: bool) -> str:
    return f"{text}: {'reached' if reached else 'not reached'}"


def markdown(found: list[Bar]) -> str:
    """A table."""
    lines = ["| | bar | measured | | aim beyond |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.what} | {each.bar} | {each.measured} | {'pass' if each.reached else '**FAIL**'} |"
        f" {each.beyond} |"
        for each in found
    ]
    return "\n".join(lines)
