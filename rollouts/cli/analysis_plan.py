"""`rollouts analysis plan`."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from analysis.arguments import REDACTED, known_values, resolve
from analysis.judges.sequential.verdict import Terms
from analysis.judging import ALPHA
from analysis.planning import POWER, Forecast, Setting, course, forecast, smallest
from analysis.policies import is_sequential, warm_up
from analysis.validation import effective_count, interval
from rollouts.api.analysis import AnalysisTemplate, ClusterAnalysisTemplate, Metric
from rollouts.api.canary import CanaryStep
from rollouts.api.duration import format_duration, parse_duration
from rollouts.api.judges import Judge, SequentialJudge
from rollouts.api.rollout import Rollout
from rollouts.api.validation import parse
from rollouts.cli.linting.read import read
from rollouts.cli.options import duration, show, with_output
from rollouts.cli.table import table

HOUR = 3600.0
"""How long a step is taken to last that ends when somebody promotes."""

_LEGEND = """
NEEDS: until the regression is found {power:.0%} of the time. COST: mean requests that fail and need not.
LEAST FOUND: the least rate of errors that is found in time as often; what is below passes.
PROVEN GOOD: until half of healthy canaries are proven to be less than {bound:g} times as bad."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The time at one weight."""

    number: int
    """The step that sets the weight, from 1."""
    percent: float
    lasts: float | None
    """Seconds; None: until somebody promotes, or unknown."""


@click.command(
    epilog="Example: rollouts analysis plan -f rollout.yaml --rps 50 --error-rate 0.01 --detect 0.02"
)
@click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A file, a folder, or -, with a Rollout and its AnalysisTemplates. More than once.",
)
@click.option("--rps", type=click.FloatRange(min=0, min_open=True), required=True, help="Requests a second.")
@click.option(
    "--error-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    required=True,
    help="The share of requests that fails today, such as 0.01.",
)
@click.option(
    "--detect",
    type=click.FloatRange(0, 1, min_open=True),
    required=True,
    help="The share of failing requests that must be found, such as 0.02.",
)
@click.option("--interval", "every", help="Between looks; by default the metric's, else 1m.")
@click.option("--baseline", is_flag=True, help="Compare with baseline pods that get the canary's share.")
@with_output
def plan(
    *,
    paths: tuple[str, ...],
    rps: float,
    error_rate: float,
    detect: float,
    every: str | None,
    baseline: bool,
    output: str,
) -> None:
    """How long each step must be, for the sequential judge to find a regression 95% of the time.

    For each weight: how long it lasts, how long it needs, how likely the regression is found in time, what it
    costs in requests that fail, and the least rate of errors that would be found in time. Takes the judge of
    the first sequential metric of the AnalysisTemplates in the files, or the defaults.
    """
    rollout, templates = _objects(paths)
    counted = [metric for template in templates for metric in _compared(template)]
    metric = counted[0] if counted else Metric(name="errors", judge=Judge(sequential=SequentialJudge()))
    spec = metric.judge.sequential if metric.judge and metric.judge.sequential else SequentialJudge()
    alpha = spec.alpha or ALPHA / max(len(counted), 1)
    seconds = duration(every) if every else (interval(metric) or timedelta(minutes=1)).total_seconds()
    if seconds <= 0:
        raise click.BadParameter("must be longer than 0", param_hint="--interval")
    rows = []
    for stage in _stages(rollout, metric):
        setting = Setting(
            terms=Terms(spec, alpha),
            rps=rps,
            weight=stage.percent / 100,
            error_rate=error_rate,
            interval=seconds,
            warm_up=warm_up(metric).total_seconds(),
            baseline=baseline,
        )
        within = HOUR if stage.lasts is None else stage.lasts
        rows.append((stage, forecast(setting, detect, within), smallest(setting, within)))
    if not rows:
        raise click.ClickException(f"Rollout {rollout.metadata.name} has no step with a weight from 1 to 99")
    background = _background(rollout, [each for each, _, _ in rows])
    stages = [(each.percent / 100, HOUR if each.lasts is None else each.lasts) for each in background]
    along = course(setting, stages, detect) if stages else None
    if output != "text":
        told = _machine(rollout, metric, rows)
        if along is not None:
            told["background"] = {
                "foundByEndOfStep": dict(zip((each.number for each in background), along.found, strict=True)),
                "extraFailedRequests": round(along.cost, 1),
            }
        show(told, output)
        return
    click.echo(
        f"Rollout {rollout.metadata.name}: errors from {error_rate:.3g} to {detect:.3g}, {rps:g} requests "
        f"a second, a look every {_time(seconds)},\nwithout the first "
        f"{_time(warm_up(metric).total_seconds())}; alpha {alpha:g}, maxRatio {spec.max_ratio:g}\n"
    )
    heads = ("STEP", "WEIGHT", "LASTS", "NEEDS", "FOUND IN TIME", "COST", "LEAST FOUND", "PROVEN GOOD")
    click.echo(table(heads, (_row(*each) for each in rows)))
    if along is not None:
        ends = ", ".join(
            f"{found:.0%} of step {each.number}" for each, found in zip(background, along.found, strict=True)
        )
        click.echo(f"\nThe background analysis finds it by the end: {ends}; cost {along.cost:,.0f}.")
    click.echo(_LEGEND.format(power=POWER, bound=spec.prove_ratio))


def _objects(paths: tuple[str, ...]) -> tuple[Rollout, list[AnalysisTemplate]]:
    documents, findings = read([Path(path) for path in paths], sys.stdin.buffer)
    if findings:
        raise click.ClickException(str(findings[0]))
    bodies = [each.body for each in documents if isinstance(each.body, dict)]
    found = [parse(Rollout, body) for body in bodies if body.get("kind") == "Rollout"]
    if len(found) != 1:
        raise click.ClickException(f"the files hold {len(found)} Rollouts; name those of one with -f")
    kinds = {"AnalysisTemplate": AnalysisTemplate, "ClusterAnalysisTemplate": ClusterAnalysisTemplate}
    return found[0], [parse(kinds[body["kind"]], body) for body in bodies if body.get("kind") in kinds]


def _compared(template: AnalysisTemplate) -> Iterator[Metric]:
    """The metrics with the sequential judge, with the values that the template gives its arguments."""
    values = known_values(template.spec.args)
    for metric in template.spec.metrics:
        if is_sequential(metric):
            found = resolve(metric, values)
            if REDACTED in f"{found.interval} {found.warm_up} {found.count}":
                message = "interval, warmUp and count need a value here; give their arguments one"
                raise click.ClickException(f'metric "{metric.name}": {message}')
            yield found


def _stages(rollout: Rollout, metric: Metric) -> Iterator[Stage]:
    """Each weight from 1 to 99, with the time until the next."""
    canary = rollout.spec.strategy.canary
    if canary is None:
        raise click.ClickException(f"Rollout {rollout.metadata.name} has no canary strategy")
    most = (canary.traffic_routing.max_traffic_weight if canary.traffic_routing else None) or 100
    weighted = [place for place, step in enumerate(canary.steps) if step.set_weight is not None]
    for place, following in zip(weighted, [*weighted[1:], len(canary.steps)], strict=True):
        percent = 100 * (canary.steps[place].set_weight or 0) / most
        times = [_lasts(step, metric) for step in canary.steps[place + 1 : following]]
        known = [each for each in times if each is not None]
        if 0 < percent < 100:
            yield Stage(place + 1, percent, sum(known) if len(known) == len(times) else None)


def _background(rollout: Rollout, stages: list[Stage]) -> list[Stage]:
    """The stages over which one analysis goes on, beside the steps."""
    canary = rollout.spec.strategy.canary
    if canary is None or canary.analysis is None:
        return []
    return [stage for stage in stages if stage.number > (canary.analysis.starting_step or 0)]


def _lasts(step: CanaryStep, metric: Metric) -> float | None:
    """How long a step takes, as far as it says."""
    if step.pause is not None:
        length = step.pause.duration or step.pause.at_most
        return duration(str(length)) if length else None
    if step.analysis is None:
        return 0.0
    if step.analysis.at_most:
        return parse_duration(step.analysis.at_most).total_seconds()
    count = effective_count(metric)
    if count is None:
        return None
    between = interval(metric) or timedelta()
    return (warm_up(metric) + count * between).total_seconds()


def _row(stage: Stage, told: Forecast, least: float | None) -> tuple[str, ...]:
    return (
        str(stage.number),
        f"{stage.percent:g}%",
        "until promoted" if stage.lasts is None else _time(stage.lasts),
        _time(told.needed),
        f"{told.power:.0%}" + (" in 1h" if stage.lasts is None else ""),
        f"{told.cost:,.0f}",
        "nothing" if least is None else f"{least:.2g}",
        _time(told.proven),
    )


def _machine(
    rollout: Rollout, metric: Metric, rows: list[tuple[Stage, Forecast, float | None]]
) -> dict[str, Any]:
    return {
        "rollout": rollout.metadata.name,
        "metric": metric.name,
        "steps": [
            {
                "step": stage.number,
                "weight": stage.percent,
                "lastsSeconds": stage.lasts,
                "needsSeconds": told.needed,
                "foundInTime": told.power,
                "extraFailedRequests": round(told.cost, 1),
                "leastErrorRateFound": least,
                "provenGoodSeconds": told.proven,
            }
            for stage, told, least in rows
        ],
    }


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "out of reach"
    text = format_duration(timedelta(seconds=seconds))
    text = text.removesuffix("0s") if text.endswith("m0s") else text
    return text.removesuffix("0m") if text.endswith("h0m") else text
