"""`rollouts list`."""

import click

from rollouts.cli.options import list_of, on_cluster, run, show, with_output
from rollouts.cli.settings import Settings
from rollouts.cli.table import table
from rollouts.client import RolloutView

_KINDS = ("rollouts", "rollout", "ro")


@click.command(name="list", epilog="Example: rollouts list --all-namespaces")
@click.argument("kind", default="rollouts", metavar="[rollouts]")
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@with_output
@on_cluster
def list_(kind: str, *, all_namespaces: bool, output: str, settings: Settings) -> None:
    """List rollouts."""
    if kind not in _KINDS:
        raise click.UsageError(f'"{kind}" cannot be listed; this lists rollouts (and: rollouts app list)')
    found = run(settings, lambda cd: cd.rollouts.list(everywhere=all_namespaces))
    if output != "text":
        show(list_of([rollout.raw for rollout in found]), output)
    elif not found:
        click.echo(
            "no rollouts" + ("" if all_namespaces else " in this namespace; all: --all-namespaces"), err=True
        )
    else:
        heads = [
            "NAME",
            "STRATEGY",
            "STATUS",
            "STEP",
            "WEIGHT",
            "READY",
            "DESIRED",
            "UP-TO-DATE",
            "AVAILABLE",
        ]
        rows = [_row(rollout) for rollout in found]
        if all_namespaces:
            heads = ["NAMESPACE", *heads]
            rows = [[r.namespace, *row] for r, row in zip(found, rows, strict=True)]
        click.echo(table(heads, rows))


def _row(rollout: RolloutView) -> list[str]:
    status = rollout.status
    ready = f"{status.get('readyReplicas', 0)}/{status.get('replicas', 0)}"
    return [
        rollout.name,
        rollout.strategy or "-",
        rollout.phase,
        "-" if rollout.step is None else f"{rollout.step}/{len(rollout.steps)}",
        "-" if rollout.weight is None else str(rollout.weight),
        ready,
        str(rollout.spec.get("replicas", 1)),
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
    ]
