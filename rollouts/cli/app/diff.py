"""`rollouts app diff`."""

import sys
from typing import TYPE_CHECKING

import click

from rollouts.cli.options import on_cluster, run, show, with_output
from rollouts.cli.settings import Settings

if TYPE_CHECKING:
    from rollouts.client.difference import ObjectDifference


@click.command(epilog="Example: rollouts app diff shop --revision my-branch")
@click.argument("name")
@click.option("--revision", default="", help="Instead of the application's own target revision.")
@click.option("--exit-code/--no-exit-code", default=True, help="Exit with 1 if there are differences.")
@with_output
@on_cluster
def diff(name: str, *, revision: str, exit_code: bool, output: str, settings: Settings) -> None:
    """Show how the cluster differs from Git.

    Renders the manifests here, with your own access to the repository. The fields that a rollout owns
    (weights, pod hashes) are no difference, and values of Secrets are masked.
    """
    found = run(settings, lambda cd: cd.applications.diff(name, revision=revision))
    if output != "text":
        show([_as_json(each) for each in found], output)
    for each in found if output == "text" else ():
        click.echo(_as_text(each))
    if found and exit_code:
        sys.exit(1)
    if not found and output == "text":
        click.echo(f"application {name}: the cluster is what Git says", err=True)


def _as_text(each: "ObjectDifference") -> str:
    where = f"{each.namespace}/{each.name}" if each.namespace else each.name
    head = f"{each.kind} {where}"
    if each.missing == "Git":
        return f"{head}: only in the cluster; a sync with --prune deletes it"
    if each.missing:
        return f"{head}: only in Git; a sync creates it"
    return "\n".join([f"{head}:", *(f"  {field}" for field in each.fields)])


def _as_json(each: "ObjectDifference") -> dict[str, object]:
    return {
        "group": each.group,
        "kind": each.kind,
        "namespace": each.namespace,
        "name": each.name,
        "missingIn": each.missing,
        "fields": [{"path": f.path, "live": f.live, "git": f.wanted} for f in each.fields],
    }
