"""The commands that look at applications."""

import click

from rollouts.cli.app.text import describe, history_table, list_table
from rollouts.cli.options import list_of, on_cluster, run, show, with_output
from rollouts.cli.settings import Settings
from rollouts.client import ApplicationView, Client


@click.command(name="list", epilog="Example: rollouts app list --all-namespaces")
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@with_output
@on_cluster
def list_(*, all_namespaces: bool, output: str, settings: Settings) -> None:
    """List applications."""
    found = run(settings, lambda cd: cd.applications.list(everywhere=all_namespaces))
    if output != "text":
        show(list_of([application.raw for application in found]), output)
    elif found:
        click.echo(list_table(found))
    else:
        where = "" if all_namespaces else " in this namespace; all: --all-namespaces"
        click.echo(f"no applications{where}", err=True)


@click.command(epilog="Example: rollouts app get shop --refresh")
@click.argument("name")
@click.option("--refresh", is_flag=True, help="Compare with Git first.")
@click.option("--hard-refresh", is_flag=True, help="Compare with Git first, forgetting what is cached.")
@with_output
@on_cluster
def get(name: str, *, refresh: bool, hard_refresh: bool, output: str, settings: Settings) -> None:
    """Show an application: sync, health, what stands in the way, and its resources."""

    async def read(cd: Client) -> tuple[ApplicationView, str]:
        if refresh or hard_refresh:
            await cd.applications.refresh(name, kind="hard" if hard_refresh else "normal")
            await cd.applications.wait(name, sync=False, health=False, operation=False, timeout=60)
        seen = await cd.applications.get(name)
        return seen, describe(seen, cd.clock())

    seen, text = run(settings, read)
    if output != "text":
        show(seen.raw, output)
    else:
        click.echo(text)


@click.command(epilog="Example: rollouts app history shop")
@click.argument("name")
@with_output
@on_cluster
def history(name: str, *, output: str, settings: Settings) -> None:
    """List the deployments that a rollback can go back to."""
    entries = run(settings, lambda cd: cd.applications.history(name))
    if output != "text":
        show([*entries], output)
    elif entries:
        click.echo(history_table(entries))
    else:
        click.echo(f"application {name} has not been deployed yet", err=True)
