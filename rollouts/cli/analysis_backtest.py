"""`rollouts analysis backtest`."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from analysis import arguments
from analysis.backtest import Point, Recording, Trial, trials
from analysis.providers.history import history
from analysis.providers.query import Target
from analysis.run import resolved
from analysis.templates import flatten, require_valid
from analysis.values import encode
from rollouts.api.analysis import (
    AnalysisRun,
    AnalysisRunSpec,
    AnalysisTemplate,
    AnalysisTemplateRef,
    ClusterAnalysisTemplate,
)
from rollouts.api.validation import parse
from rollouts.cli.linting.read import read
from rollouts.cli.options import duration, show, with_output
from rollouts.cli.table import table

SHOWN = 20
"""Runs in the table; all of them are in the JSON."""


@click.command(
    epilog="Example: rollouts analysis backtest -f template.yaml --prometheus http://localhost:9090"
)
@click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A file, a folder, or -, with AnalysisTemplates. More than once.",
)
@click.option("--template", metavar="NAME", help="Which one; needed where the files hold several.")
@click.option(
    "--prometheus", metavar="URL", help="Ask this server for the past, with the templates' queries."
)
@click.option(
    "--series",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Or recorded values: {"errors": [{"at": "2026-01-31T12:00:00Z", "value": 0.01}, ...]}, by metric.',
)
@click.option("--from", "since", metavar="TIME", help="The first run: a time, or how long ago, such as 24h.")
@click.option("--to", "until", metavar="TIME", help="The last run; by default now, or the end of the series.")
@click.option("--every", default="15m", show_default=True, help="Between the starts of two runs.")
@click.option("--length", default="1h", show_default=True, help="After which a run is left as it is.")
@click.option("--arg", "given", multiple=True, metavar="NAME=VALUE", help="An argument. More than once.")
@with_output
def backtest(
    *,
    paths: tuple[str, ...],
    template: str | None,
    prometheus: str | None,
    series: Path | None,
    since: str | None,
    until: str | None,
    every: str,
    length: str,
    given: tuple[str, ...],
    output: str,
) -> None:
    """What an analysis would have decided in the past, had a rollout been under way.

    A run is carried out at each moment from --from to --to, by the engine itself, on what was measured then.
    If nothing was wrong in that time, each run that is not Successful is a false alarm; they are counted.
    """
    spec = _spec(paths, template, given)
    now = datetime.now(UTC)
    if (prometheus is None) == (series is None):
        raise click.UsageError("say where the past is: either --prometheus or --series")
    step, longest = timedelta(seconds=duration(every)), timedelta(seconds=duration(length))
    if step <= timedelta() or longest <= timedelta():
        raise click.UsageError("--every and --length must be longer than 0")
    if series is not None:
        recording = _read(series)
        times = [point.at for points in recording.values() for point in points]
        begin = _time(since, "--from", now) if since else min(times)
        end = _time(until, "--to", now) if until else max(times)
    else:
        begin = _time(since or "24h", "--from", now)
        end = _time(until, "--to", now) if until else now
        recording = asyncio.run(_ask(prometheus or "", spec, begin, min(end + longest, now)))
    if begin > end:
        raise click.UsageError(f"--from ({begin.isoformat()}) is after --to ({end.isoformat()})")
    unknown = {metric.name for metric in spec.metrics} - recording.keys()
    if unknown:
        raise click.ClickException(f"there are no values of the metric {', '.join(sorted(unknown))}")
    starts = [begin + place * step for place in range(int((end - begin) / step) + 1)]
    found = list(trials(spec, recording, starts, longest))
    if output == "text":
        _print(found)
    else:
        show({"runs": [_machine(trial) for trial in found], "phases": _phases(found)}, output)


def _spec(paths: tuple[str, ...], name: str | None, given: tuple[str, ...]) -> AnalysisRunSpec:
    documents, findings = read([Path(path) for path in paths], sys.stdin.buffer)
    if findings:
        raise click.ClickException(str(findings[0]))
    bodies = [each.body for each in documents if isinstance(each.body, dict)]
    kinds = {"AnalysisTemplate": AnalysisTemplate, "ClusterAnalysisTemplate": ClusterAnalysisTemplate}
    known: dict[tuple[str, bool], AnalysisTemplate] = {}
    for body in bodies:
        if (kind := kinds.get(str(body.get("kind")))) is not None:
            found = parse(kind, body)
            known[found.metadata.name, kind is ClusterAnalysisTemplate] = found
    roots = [key for key in known if name in (None, key[0])]
    if len(roots) != 1:
        names = ", ".join(sorted(each for each, _ in known)) or "none"
        raise click.ClickException(f"name one AnalysisTemplate with --template; the files hold {names}")
    root = AnalysisTemplateRef(template_name=roots[0][0], cluster_scope=roots[0][1])
    flat = flatten([root], lambda ref: known.get((ref.template_name, ref.cluster_scope)))
    values = dict(_pair(each) for each in given)
    spec = AnalysisRunSpec(
        metrics=flat.metrics,
        score=flat.score,
        args=arguments.merge(flat.args, values),
        dry_run=flat.dry_run,
        measurement_retention=flat.measurement_retention,
    )
    require_valid(spec)
    return spec


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f'"{text}" is not NAME=VALUE', param_hint="--arg")
    return name, value


def _time(text: str, option: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now - timedelta(seconds=duration(text))
    if found.tzinfo is None:
        raise click.BadParameter(f'"{text}" has no time zone; write it like {text}Z', param_hint=option)
    return found


def _read(path: Path) -> Recording:
    try:
        body = json.loads(path.read_bytes())
        recording = {name: _points(rows) for name, rows in body.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise click.ClickException(
            f"{path}: is no series ({error}); write "
            '{"metric": [{"at": "2026-01-31T12:00:00Z", "value": 0.01}, ...]}'
        ) from error
    if not any(recording.values()):
        raise click.ClickException(f"{path}: there are no values in it")
    return recording


def _points(rows: list[dict[str, Any]]) -> list[Point]:
    points = []
    for row in rows:
        at = datetime.fromisoformat(row["at"])
        if at.tzinfo is None:
            raise ValueError(f"{row['at']} has no time zone")
        points.append(Point(at, "" if row["value"] is None else encode(row["value"])))
    return sorted(points, key=lambda point: point.at)


async def _ask(
    address: str, spec: AnalysisRunSpec, begin: datetime, end: datetime
) -> Mapping[str, list[Point]]:
    metrics = resolved(AnalysisRun(spec=spec))
    target = Target(address=address)
    found = await asyncio.gather(*(history(target, metric, begin, end) for metric in metrics))
    return {metric.name: points for metric, points in zip(metrics, found, strict=True)}


def _phases(found: list[Trial]) -> dict[str, int]:
    return dict(Counter(trial.phase for trial in found))


def _print(found: list[Trial]) -> None:
    counted = ", ".join(f"{number} {_word(phase)}" for phase, number in _phases(found).items())
    click.echo(f"{len(found)} runs from {_shown(found[0].start)} to {_shown(found[-1].start)}: {counted}")
    bad = [trial for trial in found if trial.phase not in ("Successful", "Running")]
    if bad:
        rows = (
            (
                _shown(trial.start),
                trial.phase,
                str(trial.ended - trial.start) if trial.ended else "",
                f"{trial.metric}: {trial.reason}" if trial.metric else trial.reason,
            )
            for trial in bad[:SHOWN]
        )
        click.echo("\n" + table(("START", "VERDICT", "AFTER", "WHY"), rows))
        if len(bad) > SHOWN:
            click.echo(f"... and {len(bad) - SHOWN} more; -o json has all of them")
    failed = sum(trial.phase == "Failed" for trial in found)
    click.echo(
        f"\nIf nothing was wrong in that time, {failed} of {len(found)} runs ({failed / len(found):.1%}) are "
        "failed by false alarm."
    )


def _word(phase: str) -> str:
    return "not over in time" if phase == "Running" else phase


def _machine(trial: Trial) -> dict[str, Any]:
    return {
        "start": trial.start.isoformat(),
        "phase": trial.phase,
        "end": trial.ended.isoformat() if trial.ended else None,
        "metric": trial.metric,
        "reason": trial.reason,
        "proven": trial.proven,
    }


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
