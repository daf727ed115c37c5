"""`rollouts lint`."""

import sys
from pathlib import Path

import click

from rollouts.cli.linting.check import check
from rollouts.cli.linting.read import read, strays
from rollouts.cli.options import show, with_output


@click.command(epilog="Example: rollouts lint -f manifests/ -f - < rollout.yaml")
@click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A file, a folder, or - for standard input. More than once.",
)
@with_output
def lint(*, paths: tuple[str, ...], output: str) -> None:
    """Find what the engine would refuse, before you commit.

    Checks each Rollout, AnalysisTemplate and Application, and what they refer to among the same files. A
    Service, template or Ingress that none of the files holds is only missed where they hold others of its
    kind. Exit code 1 if anything was found.
    """
    files = [Path(path) for path in paths]
    documents, findings = read(files, sys.stdin.buffer)
    findings += check(documents, strays(files))
    findings.sort(key=lambda finding: (finding.file, finding.place))
    if output != "text":
        show([finding.as_json() for finding in findings], output)
    else:
        for finding in findings:
            click.echo(str(finding))
    if findings:
        sys.exit(1)
    if output == "text":
        click.echo(f"{len(documents)} documents, nothing found", err=True)
