"""`make bench-judges`: how often each judge fails healthy canaries, and how fast it fails bad ones.

python -m benchmarks.judges --seed 7 --runs 2000 --output figures.json
"""

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from analysis.judges.sequential.verdict import Terms
from benchmarks.judges import bars, errors, latency, table
from benchmarks.judges.cost import errors_ms, latency_ms
from benchmarks.judges.looks import Looks, Workload
from rollouts import __version__
from rollouts.api.judges import SequentialJudge

DEFAULTS = "sequential, defaults"
TUNING = 10**6
"""Added to the seed for what is tuned; tuned on other draws than those that are reported."""
VARIANTS = {
    DEFAULTS: SequentialJudge(),
    "sequential, maxRatio 1.05": SequentialJudge(max_ratio=1.05),
    "sequential, without the guard": SequentialJudge(overdispersion=False),
}
ALPHA = 0.05


@click.command()
@click.option("--seed", default=7, show_default=True, help="Of all that is drawn.")
@click.option("--runs", default=2000, show_default=True, help="Of each workload.")
@click.option("--output", type=click.Path(path_type=Path), help="Where to write the figures as JSON.")
def main(*, seed: int, runs: int, output: Path | None) -> None:
    """Measure, and print tables."""
    began = time.monotonic()

    def draw(workload: Workload, count: int, offset: int = 0) -> Looks:
        names = [*workload.name.encode()]
        return workload.draw(np.random.default_rng([seed + offset, *names]), count)

    tuned = table.best_tuned([(each, draw(each, min(runs, 300), TUNING)) for each in errors.WORKLOADS])
    found: list[table.Figures] = []
    for workload in errors.WORKLOADS:
        looks = draw(workload, runs)
        for rule in (*table.DOCUMENTED, *tuned):
            part = table.head(looks, rule.most_runs)
            found.append(table.figures(rule.name, workload, part, rule.failed(part)))
        for name, spec in VARIANTS.items():
            found.append(table.of_sequential(name, Terms(spec, ALPHA), workload, looks))
        click.echo(f"{time.monotonic() - began:6.1f} s  {workload.name}", err=True)
    slow: list[table.Figures] = []
    for workload in latency.WORKLOADS:
        looks = draw(workload, runs)
        for rule in table.LATENCY:
            part = table.head(looks, rule.most_runs)
            slow.append(table.figures(rule.name, workload, part, rule.failed(part)))
        slow.append(table.of_sequential(DEFAULTS, Terms(VARIANTS[DEFAULTS], ALPHA), workload, looks))
        click.echo(f"{time.monotonic() - began:6.1f} s  {workload.name}", err=True)
    others = (*errors.FAST, *errors.DOWN, *errors.BASELINE, errors.BOUND, errors.EDGE)
    rest = [
        table.of_sequential(DEFAULTS, Terms(VARIANTS[DEFAULTS], ALPHA), each, draw(each, runs))
        for each in others
    ]
    by = {each.workload: each for each in (*found, *slow, *rest) if each.judge == DEFAULTS}
    judged = bars.bars(by, errors_ms(), latency_ms())
    _show(found, slow, rest, judged)
    if output is not None:
        facts = {"version": __version__, "numpy": np.__version__, "python": platform.python_version()}
        body = {
            **facts,
            "seed": seed,
            "runs": runs,
            "figures": [each.row() for each in (*found, *slow, *rest)],
            "bars": [asdict(each) for each in judged],
        }
        output.write_text(json.dumps(body, indent=2) + "\n")


def _show(
    found: list[table.Figures], slow: list[table.Figures], rest: list[table.Figures], judged: list[bars.Bar]
) -> None:
    healthy = [each for each in errors.WORKLOADS if not each.harmful]
    harmful = [each for each in errors.WORKLOADS if each.harmful]
    others = (*errors.FAST, *errors.DOWN, *errors.BASELINE, errors.BOUND, errors.EDGE)
    for title, workloads, figures in (
        ("Errors: percent of healthy canaries that are failed within the hour", healthy, found),
        ("Errors: percent found, median minutes, mean extra failed requests", harmful, found),
        ("Latency: healthy", [each for each in latency.WORKLOADS if not each.harmful], slow),
        (
            "Latency: percent found, median minutes",
            [each for each in latency.WORKLOADS if each.harmful],
            slow,
        ),
        ("More of the sequential judge", others, rest),
    ):
        click.echo(f"\n{title}\n\n{table.markdown(workloads, figures)}\n")
        click.echo("\n".join(f"- {each.name}: {each.title}" for each in workloads))
    click.echo(f"\nThe bars, for the sequential judge at its defaults\n\n{bars.markdown(judged)}")
    missed = [bar.what for bar in judged if not bar.reached]
    click.echo(
        f"\n{len(judged) - len(missed)} of {len(judged)} bars are reached."
        + (f" Not reached: {'; '.join(missed)}." if missed else "")
    )


if __name__ == "__main__":
    main()
